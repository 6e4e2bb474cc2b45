"""Writing text, one token at a time: the most probable token each time, within bounds.

Knows the token tree and the tokenizer, not what the text is for. A text ends at an end token, at
its bound of characters or tokens, at the deadline, or where it begins to go round in circles.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from edge.errors import AnalysisFailed
from edge.vlm.plain_text import clean_text
from edge.vlm.runner import Floats, Runner
from edge.vlm.tokens import Ids, TokenCoder
from edge.vlm.tree import Branch, Segment, TokenTree

MAX_PERIOD = 24  # tokens; a text that repeats such a stretch MIN_ROUNDS times in a row is a loop
MIN_ROUNDS = 3
MIN_LOOP_TOKENS = 9  # "ha ha ha" is no loop yet


@dataclass(frozen=True, slots=True)
class TextBounds:
    """Where a text must end. `deadline_mono_s` is on the monotonic clock."""

    max_chars: int
    max_tokens: int
    deadline_mono_s: float

    @property
    def is_late(self) -> bool:
        """Whether the deadline has passed."""
        return time.monotonic() >= self.deadline_mono_s


@dataclass(frozen=True, slots=True)
class WrittenText:
    """What was written, cleaned; `truncated` where a bound, the deadline or a loop cut it."""

    text: str
    ids: Ids
    probability: float
    truncated: bool


@dataclass
class Pen:
    """Writes on one branch of the tree: holds the logits for the next token.

    `num_written` counts the tokens chosen by the model, forced ones not included.
    """

    tree: TokenTree
    runner: Runner
    branch: Branch
    logits: Floats = field(repr=False)  # (V,)
    num_written: int = 0
    fed: list[int] = field(default_factory=list)  # since the pen was made

    def feed(self, ids: Sequence[int]) -> None:
        """Append tokens, whoever chose them, in one pass."""
        grown = self.tree.grow([Segment(tuple(ids), self.branch)])[0]
        self.branch = grown.branch
        self.fed += ids
        self.logits = self.runner.logits(grown.hidden[-1:])[0]

    def back(self, num_tokens: int) -> None:
        """Take back the last tokens; the logits are those of before until the next `feed`.

        Only tokens of text that were fed to this pen or the end of its branch.
        """
        rows, position = self.branch.rows, self.branch.position
        del self.fed[max(0, len(self.fed) - num_tokens) :]
        self.branch = Branch(rows[: len(rows) - num_tokens], position - num_tokens)


def write_text(
    pen: Pen, coder: TokenCoder, eos: frozenset[int], bounds: TextBounds, *, guard: bool = True
) -> WrittenText:
    """The greedy continuation of the pen's branch. `guard` False lets loops run to the bound.

    Raises AnalysisFailed if the model fails.
    """
    barred = coder.control - eos
    ids: list[int] = []
    shares: list[float] = []
    truncated = True
    while len(ids) < bounds.max_tokens:
        token = best_token(pen.logits, barred)
        if token in eos:
            truncated = False
            break
        ids.append(token)
        shares.append(_share(pen.logits, token))
        pen.num_written += 1
        if len(coder.decode(ids)) > bounds.max_chars or (guard and loop_length(ids)):
            break
        if bounds.is_late or len(ids) == bounds.max_tokens:
            break
        pen.feed([token])
    looping = loop_length(ids) if guard else 0
    text = clean_text(coder.decode(ids[: len(ids) - looping]))
    return WrittenText(
        text=text[: bounds.max_chars].rstrip(),
        ids=tuple(ids),
        probability=float(np.mean(shares)) if shares else 1.0,
        truncated=truncated,
    )


def best_token(logits: Floats, barred: frozenset[int]) -> int:
    """The most probable token of `logits` (V,) that is not barred.

    Markers of the chat format and of pictures are not the model's to write: behind a picture's mark
    a picture would have to follow. Raises AnalysisFailed for logits that are no numbers.
    """
    best = int(np.argmax(logits))
    if not np.isfinite(logits[best]):  # argmax finds the first NaN, if there is one
        raise AnalysisFailed("the model gives no usable logits for a text")
    if best not in barred:
        return best
    allowed = logits.copy()
    allowed[list(barred)] = -np.inf
    return int(np.argmax(allowed))


def loop_length(ids: Sequence[int]) -> int:
    """How many tokens at the end only repeat what stands before them; 0 where there is no loop."""
    for period in range(1, MAX_PERIOD + 1):
        needed = max(period * MIN_ROUNDS, MIN_LOOP_TOKENS)
        if len(ids) >= needed and all(
            ids[-i] == ids[-i - period] for i in range(1, needed - period + 1)
        ):
            return needed - period
    return 0


def _share(logits: Floats, token: int) -> float:
    shifted = np.exp(logits - logits.max(), dtype=np.float32)
    return float(shifted[token] / shifted.sum(dtype=np.float64))
