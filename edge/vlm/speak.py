"""Writing a text that somebody listens to: piece by piece, with the chances of its tokens.

Unlike `decode.write_text`, what was told cannot be taken back: the pieces are the text. So letters
that are not whole yet, space at the end and what may become a stop string are held back until the
next token decides. Knows the token tree and the tokenizer, not the conversation.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from edge.conversation import Chance, Ending, Token, Writing
from edge.vlm.decode import best_token, loop_length
from edge.vlm.pen import Pen
from edge.vlm.plain_text import clean_text
from edge.vlm.runner import Floats
from edge.vlm.tokens import Ids, TokenCoder

Tell = Callable[[str, tuple[Chance, ...]], None]


@dataclass(frozen=True, slots=True)
class SpeechBounds:
    """Where a text must end, whatever the model would say. `is_cancelled` is asked at each token;
    `deadline_mono_s` is on the monotonic clock.
    """

    max_tokens: int
    max_chars: int | None
    deadline_mono_s: float
    is_cancelled: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Speech:
    """What was said: clean text, and the tokens as they were chosen, without an end token.

    `probability` is the mean of the tokens'.
    """

    text: str
    ids: Ids
    ending: Ending
    probability: float
    chances: tuple[Chance, ...]


class Speaker:
    """Writes with the vocabulary of one model."""

    def __init__(self, coder: TokenCoder, eos: frozenset[int]) -> None:
        self._coder, self._eos = coder, eos
        self._barred = coder.control - eos

    def speak(self, pen: Pen, writing: Writing, bounds: SpeechBounds, tell: Tell) -> Speech:
        """The greedy continuation of the pen's branch; `tell` hears the pieces.

        Raises AnalysisFailed if the model fails.
        """
        ids: list[int] = []
        shares: list[float] = []
        draft = _Draft(self._coder, writing.stop, bounds.max_chars, tell)
        ending: Ending | None = None
        while ending is None:
            if bounds.is_cancelled():
                ending = "cancelled"
                break
            logs = _log_chances(pen.logits)
            token = best_token(logs, self._barred)
            if token in self._eos:
                ending = "stop"
                break
            ids.append(token)
            pen.num_written += 1
            shares.append(float(np.exp(logs[token])))
            chance = self._chance(logs, token, writing) if writing.wants_chances else None
            ending = draft.add(ids, chance) or _bound(ids, bounds)
            if ending is None:
                pen.feed([token])
        draft.end()
        return Speech(
            text=draft.told,
            ids=tuple(ids),
            ending=ending,
            probability=float(np.mean(shares)) if shares else 1.0,
            chances=tuple(draft.chances),
        )

    def _chance(self, logs: Floats, token: int, writing: Writing) -> Chance:
        num = writing.alternatives
        best: Sequence[int] = []
        if num:
            top = np.argpartition(logs, -num)[-num:]
            best = top[np.argsort(-logs[top], kind="stable")].tolist()
        return Chance(self._token(token, logs), tuple(self._token(other, logs) for other in best))

    def _token(self, token: int, logs: Floats) -> Token:
        text = self._coder.decode([token])
        data = self._coder.bytes_of(token)
        return Token("" if "\ufffd" in text else text, data, float(logs[token]))


class _Draft:
    """The text so far, and how much of it was told."""

    def __init__(
        self, coder: TokenCoder, stop: tuple[str, ...], max_chars: int | None, tell: Tell
    ) -> None:
        self._coder, self._stop, self._max_chars, self._tell = coder, stop, max_chars, tell
        self._sure = ""  # what no later token changes
        self._untold: list[Chance] = []
        self.told = ""
        self.chances: list[Chance] = []

    def add(self, ids: Sequence[int], chance: Chance | None) -> Ending | None:
        """One more token; says whether a stop string or the bound of characters ends the text."""
        if chance is not None:
            self._untold.append(chance)
            self.chances.append(chance)
        decoded = self._coder.decode(ids)
        # A letter that is not whole yet shows as U+FFFD at the end.
        text = clean_text(decoded.rstrip("\ufffd"))
        found = [at for stop in self._stop if (at := text.find(stop)) >= 0]
        if found:
            self._sure = text[: min(found)].rstrip()
            return "stop"
        if self._max_chars is not None and len(text) > self._max_chars:
            self._sure = text[: self._max_chars].rstrip()
            return "chars"
        self._sure = text
        held = max((_overlap(text, stop) for stop in self._stop), default=0)
        self._tell_up_to(text[: len(text) - held].rstrip())
        return None

    def end(self) -> None:
        """Tell what was held back."""
        self._tell_up_to(self._sure)
        if self._untold:
            self._tell("", self._take_untold())

    def _tell_up_to(self, text: str) -> None:
        if len(text) <= len(self.told):
            return
        piece, self.told = text[len(self.told) :], text
        self._tell(piece, self._take_untold())

    def _take_untold(self) -> tuple[Chance, ...]:
        untold, self._untold = tuple(self._untold), []
        return untold


def _log_chances(logits: Floats) -> Floats:
    shifted = logits - logits.max()
    chances: Floats = shifted - np.float32(np.log(np.exp(shifted).sum(dtype=np.float64)))
    return chances


def _overlap(text: str, stop: str) -> int:
    """How much of the text's end is a beginning of the stop string."""
    longest = min(len(text), len(stop) - 1)
    return next((n for n in range(longest, 0, -1) if text.endswith(stop[:n])), 0)


def _bound(ids: Sequence[int], bounds: SpeechBounds) -> Ending | None:
    if loop_length(ids):
        return "loop"
    if len(ids) >= bounds.max_tokens:
        return "tokens"
    return "deadline" if time.monotonic() >= bounds.deadline_mono_s else None
