"""Writing a JSON document under a grammar: the model chooses values, all else is forced.

Knows the pen and the grammar, not what the document is for. Each pass feeds the token that the
model chose together with the text that must follow it. A document always comes out whole: what a
loop, the deadline or the bound of tokens cuts off is closed by the grammar.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge.conversation import Ending
from edge.errors import AnalysisFailed
from edge.grammar import GO_ON, Grammar
from edge.schema import Bounded
from edge.vlm.conformity import faults, reaches_bound
from edge.vlm.decode import loop_length
from edge.vlm.guide import Guide, Guides
from edge.vlm.json_place import locate
from edge.vlm.pen import Pen, Stroke, Writing

MAX_CUTS = 8  # tokens dropped besides a loop, where it ends amid a character


@dataclass(frozen=True, slots=True)
class DocumentBounds:
    """Where a document must end. `max_tokens` counts the chosen and the forced ones;
    `is_cancelled` is asked between passes.
    """

    max_tokens: int
    deadline_mono_s: float
    is_cancelled: Callable[[], bool] = lambda: False

    @property
    def is_late(self) -> bool:
        """Whether the deadline has passed."""
        return time.monotonic() >= self.deadline_mono_s


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed and checked document. `told` is the part of `value` that the model came to: all of
    it, unless the document was closed early. `ending` says why it ended; `truncated` where not all
    of it is the model's, or where a string or list is as long as it may be. `num_steps` passes
    decoded it; of its tokens, `num_chosen` were chosen by the model and `num_forced` forced.
    """

    value: dict[str, Any]
    told: dict[str, Any]
    text: str
    ending: Ending
    truncated: bool
    num_steps: int
    num_chosen: int
    num_forced: int


def write_document(
    pen: Pen,
    guides: Guides,
    grammar: Grammar,
    eos: frozenset[int],
    bounds: DocumentBounds,
) -> Writing[Document]:
    """A document on a branch whose last tokens are the grammar's opening.

    Greedy. Raises AnalysisFailed if the model fails or the document breaks its schema.
    """
    writer = _Writer(pen, guides.begin(grammar), grammar.bounded, eos, bounds)
    yield from writer.run()
    text = writer.guide.text.decode()
    value = json.loads(text)
    if GO_ON not in grammar.bounded["properties"]:
        value.pop(GO_ON, None)
    check(value, grammar.bounded)
    return Document(
        value=value,
        told=value if writer.closed_at is None else _told(text, grammar.bounded, writer.closed_at),
        text=text,
        ending=writer.ending,
        truncated=writer.ending != "stop" or reaches_bound(value, grammar.bounded),
        num_steps=writer.num_steps,
        num_chosen=writer.num_chosen,
        num_forced=len(writer.guide.ids) - writer.num_chosen,
    )


def check(value: dict[str, Any], bounded: Bounded) -> None:
    """Raise AnalysisFailed if a document breaks its schema, whatever the grammar let through."""
    broken = next(faults(value, bounded), None)
    if broken is not None:
        raise AnalysisFailed(f"a description breaks its schema: {broken}")


def _told(text: str, bounded: Bounded, num_bytes: int) -> dict[str, Any]:
    """The keys of a document of which the first `num_bytes` are the model's, the rest closing.

    A choice, number or list that was not finished says something else than the model would have
    said: it is left out. Of a free text, what is there is kept.
    """
    written = len(text.encode()[:num_bytes].decode(errors="ignore"))
    decoder = json.JSONDecoder()
    told: dict[str, Any] = {}
    at = 1  # behind the opening brace
    for key, part in bounded["properties"].items():
        _, at = decoder.raw_decode(text, at)
        value, end = decoder.raw_decode(text, at + len(": "))
        at = end + len(", ")
        is_free = isinstance(value, str) and value and not part.keys() & {"enum", "pattern"}
        if end < written or (is_free and end - len('"') <= written):
            told[key] = value
    return told


def _part_at(bounded: Bounded, path: Sequence[str]) -> Bounded:
    """The part of a schema to which a path leads; "" is an item of a list."""
    for key in path:
        bounded = bounded["properties"][key] if key else bounded["items"]
    return bounded


class _Writer:
    """`num_fed` of the guide's tokens are in the cache; the pen's logits are for the next one."""

    def __init__(
        self,
        pen: Pen,
        guide: Guide,
        bounded: Bounded,
        eos: frozenset[int],
        bounds: DocumentBounds,
    ) -> None:
        self._pen, self._bounded, self._eos, self._bounds = pen, bounded, eos, bounds
        self._num_fed = len(guide.ids)
        self._value_start = len(guide.ids)  # the first token of the value being written
        self.guide = guide
        self.ending: Ending = "stop"
        self.closed_at: int | None = None  # bytes of the text that were there before it was closed
        self.num_steps = self.num_chosen = 0

    def run(self) -> Writing[None]:
        """Write to the end."""
        guide = self.guide
        while not guide.is_complete():
            self._choose()
            self._end_loop()
            self._end_repeats()
            if guide.is_complete():
                return
            if self._bounds.is_cancelled():
                self._close("cancelled")
                return
            if self._bounds.is_late:
                self._close("deadline")
                return
            if len(guide.ids) >= self._bounds.max_tokens:
                self._close("tokens")
                return
            yield from self._feed()

    def _choose(self) -> None:
        """One token of the model's, and what must follow it. Where the model would end a document
        that is not whole yet, a string ends; else it says what it would of all that fits.
        """
        if int(np.argmax(self._pen.logits)) not in self._eos or not self._end_string():
            self.guide.take_best(self._pen.logits)
        self.num_chosen += 1
        self._pen.num_written += 1
        chosen_end = len(self.guide.ids)
        self.guide.take_forced()
        if len(self.guide.ids) > chosen_end:
            self._value_start = len(self.guide.ids)

    def _end_string(self) -> bool:
        """End the string in which the document is; False, and no change, if it may not end."""
        guide = self.guide
        return locate(guide.text).string_at >= 0 and guide.try_take(guide.encode('"'))

    def _feed(self) -> Writing[None]:
        """Feed all that is not in the cache yet; no pass where all of it was guessed."""
        self._num_fed += self._pen.follow(self.guide.ids[self._num_fed :])
        unfed = self.guide.ids[self._num_fed :]
        self._num_fed = len(self.guide.ids)
        if unfed:
            self.num_steps += 1
            yield [Stroke(self._pen, unfed, self.guide.guess())]

    def _close(self, ending: Ending) -> None:
        self.ending = ending
        self.closed_at = len(self.guide.text)
        self.guide.close()

    def _end_loop(self) -> None:
        """Drop what goes round in circles in a string, and end it; else end the document."""
        guide = self.guide
        looping = loop_length(guide.ids[self._value_start :])
        if not looping or locate(guide.text).string_at < 0:
            return  # numbers and lists that repeat are short by their bounds
        self.ending = "loop"
        kept = len(guide.ids) - looping
        for extra in range(MAX_CUTS):
            if kept - extra < self._value_start:
                break
            if self._cut(guide.num_bytes(kept - extra), b'"'):
                return
        self._close("loop")

    def _end_repeats(self) -> None:
        """A list of free texts ends where one comes twice, if it may. Choices may well repeat, as
        in a row of lamps: red, green, red.
        """
        guide = self.guide
        place = locate(guide.text)
        items = place.items
        if len(items) < 2 or items[-1][1] < guide.num_bytes(self._num_fed):
            return
        if _part_at(self._bounded, place.path)["items"].keys() & {"enum", "pattern"}:
            return
        said = [guide.text[start:end].decode().casefold() for start, end in items]
        if said[-1] in said[:-1]:
            self._cut(items[-2][1], b"]")

    def _cut(self, num_bytes: int, ending: bytes) -> bool:
        """End the value behind `num_bytes` of the document; False, and no change, if that cannot
        be there.
        """
        guide = self.guide
        before = list(guide.ids)
        if not guide.try_cut(num_bytes, ending):
            return False
        same = 0
        # At least one token is fed again: its logits are needed.
        while same < min(len(before), len(guide.ids) - 1) and before[same] == guide.ids[same]:
            same += 1
        if same < self._num_fed:
            self._pen.back(self._num_fed - same)
            self._num_fed = same
        guide.take_forced()
        self._value_start = len(guide.ids)
        return True
