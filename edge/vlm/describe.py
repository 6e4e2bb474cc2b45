"""The built-in description of a picture: summary, objects, texts, spatial relations.

The model is asked for JSON, but the keys and brackets are forced: they are fed in blocks and only
the values are written token by token, so the shape is always right and nothing needs parsing. A
list ends where the model prefers its closing bracket, at its bound, or when an item comes twice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge.questions import Description
from edge.vlm.decode import Pen, TextBounds, clean_text, loop_length
from edge.vlm.tokens import Ids, TokenCoder

REQUEST = (
    "Describe the picture as JSON with these keys: "
    '"summary" (one short sentence), "objects" (what is visible), "texts" (words that can be '
    'read), "spatial_relations" (where things are relative to each other).'
)
LISTS = ("objects", "texts", "spatial_relations")
OPENING = '{"summary": "'

MAX_SUMMARY_CHARS = 240
MAX_SUMMARY_TOKENS = 80
MAX_ITEMS = 8
MAX_ITEM_CHARS = 100
MAX_ITEM_TOKENS = 32


@dataclass(frozen=True, slots=True)
class _Value:
    """A string as written. `rest` is what stood before the quote in the token that closed it: part
    of the text, but not yet in the cache.
    """

    text: str
    rest: str = ""


def describe(
    pen: Pen, coder: TokenCoder, eos: frozenset[int], deadline_mono_s: float
) -> Description:
    """Write the description on a branch whose last tokens are those of OPENING."""
    writer = _Writer(pen, coder, eos, deadline_mono_s)
    summary = writer.string(MAX_SUMMARY_CHARS, MAX_SUMMARY_TOKENS)
    writer.pending = f'{summary.rest}", "{LISTS[0]}":'
    tails = [*(f', "{name}":' for name in LISTS[1:]), "}"]
    objects, texts, relations = (writer.items(tail) for tail in tails)
    return Description(
        summary=_one_line(summary.text),
        objects=objects,
        texts=texts,
        spatial_relations=relations,
        truncated=writer.truncated,
    )


class _Writer:
    """`pending` is forced text that has not been fed yet; it goes with the next block."""

    def __init__(
        self, pen: Pen, coder: TokenCoder, eos: frozenset[int], deadline_mono_s: float
    ) -> None:
        self._pen, self._coder, self._eos = pen, coder, eos
        self._deadline_mono_s = deadline_mono_s
        self._ended = False
        self.pending = ""
        self.truncated = False

    def items(self, tail: str) -> tuple[str, ...]:
        """A list behind the colon, with `tail` after its closing bracket.

        The tail takes part in the choices: tokens like `"],` join it to the bracket.
        """
        found: list[str] = []
        if self._ended or self._choose(f" []{tail}", ' ["') == 0:
            return ()
        while True:
            value = self.string(MAX_ITEM_CHARS, MAX_ITEM_TOKENS)
            text = _one_line(value.text)
            repeated = text.casefold() in (item.casefold() for item in found)
            if text and not repeated:
                found.append(text)
            self.pending = value.rest
            if self._ended or repeated or not text or len(found) == MAX_ITEMS:
                self.truncated |= len(found) == MAX_ITEMS
                self.pending += f'"]{tail}'
                return tuple(found)
            if self._choose(f'"]{tail}', '", "') == 0:
                return tuple(found)

    def string(self, max_chars: int, max_tokens: int) -> _Value:
        """A string up to the model's closing quote or the bound; the quote itself is not fed."""
        bounds = TextBounds(max_chars, max_tokens, self._deadline_mono_s)
        ids: list[int] = []
        while not self._ended:
            token = int(np.argmax(self._pen.logits))
            if token in self._eos:
                self._ended = True
                break
            before = self._coder.decode(ids)
            text = self._coder.decode([*ids, token])
            end = _closing_quote(text)
            self._pen.num_written += 1
            if end >= 0:
                return _Value(_unescape(text[:end])[:max_chars], text[len(before) : end])
            ids.append(token)
            if bounds.is_late:
                self._ended = True
            if self._ended or len(text) >= max_chars or len(ids) >= max_tokens or loop_length(ids):
                self.truncated = True
                break
            self._pen.feed([token])
        kept = ids[: len(ids) - loop_length(ids)]
        return _Value(_unescape(self._coder.decode(kept))[:max_chars])

    def _choose(self, *texts: str) -> int:
        """Feed what is pending and that one of two forced texts which the model prefers.

        What they have in common is fed in one block; the next token decides. Gives its index.
        """
        first, second = (self._coder.encode(self.pending + text) for text in texts)
        common = _common_length(first, second)
        if common:
            self._pen.feed(first[:common])
        logits = self._pen.logits
        chosen = 0 if logits[first[common]] >= logits[second[common]] else 1
        self._pen.feed((first, second)[chosen][common:])
        self.pending = ""
        return chosen


def _common_length(a: Ids, b: Ids) -> int:
    same = 0
    while same < min(len(a), len(b)) - 1 and a[same] == b[same]:
        same += 1
    return same


def _one_line(text: str) -> str:
    return " ".join(clean_text(text).split())


def _closing_quote(text: str) -> int:
    """Index of the first quote that no backslash escapes, or -1."""
    escaped = False
    for index, character in enumerate(text):
        if character == '"' and not escaped:
            return index
        escaped = character == "\\" and not escaped
    return -1


def _unescape(text: str) -> str:
    """JSON's escapes undone where they matter to a reader: quotes, backslashes, line breaks."""
    marks = {'\\"': '"', "\\n": " ", "\\t": " ", "\\/": "/", "\\\\": "\\"}
    out: list[str] = []
    index = 0
    while index < len(text):
        pair = text[index : index + 2]
        if pair in marks:
            out.append(marks[pair])
            index += 2
        else:
            out.append(text[index])
            index += 1
    return "".join(out)
