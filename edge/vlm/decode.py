"""Writing text, one token at a time: the most probable token each time, within bounds.

Knows the pen and the tokenizer, not what the text is for. A text ends at an end token, at
its bound of characters or tokens, at the deadline, or where it begins to go round in circles.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge.errors import AnalysisFailed
from edge.vlm.pen import Pen, Stroke, Writing
from edge.vlm.plain_text import clean_text
from edge.vlm.runner import Floats
from edge.vlm.tokens import Ids, TokenCoder

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


def write_text(
    pen: Pen, coder: TokenCoder, eos: frozenset[int], bounds: TextBounds, *, guard: bool = True
) -> Writing[WrittenText]:
    """The greedy continuation of the pen's branch. `guard` False lets loops run to the bound.

    Raises AnalysisFailed for logits that are no numbers.
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
        yield [Stroke(pen, (token,))]
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
