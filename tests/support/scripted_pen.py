"""Pens without a model: one follows a script, one wants random tokens."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

import numpy as np

from edge.vlm.pen import Stroke
from edge.vlm.tokens import TokenCoder


class ScriptedPen:
    """A pen whose model wants to write `script`: the next token is always the first of what is
    left of it; where what was fed is not how the script begins, it wants to end.
    """

    def __init__(
        self,
        coder: TokenCoder,
        script: str,
        start: Sequence[int] = (),
        *,
        end: int,
        num_tokens: int = 4000,
    ) -> None:
        self.coder, self.script, self.end = coder, script, end
        self.ids: list[int] = list(start)
        self.blocks: list[int] = []
        self.ahead: list[int] = []
        self.num_written = 0
        self.num_tokens = num_tokens
        self._want()

    @property
    def written(self) -> str:
        """What was fed, up to the last whole character."""
        return self.coder.decode(self.ids).rstrip("\ufffd")

    def _want(self) -> None:
        self.logits = np.zeros(self.num_tokens, np.float32)
        left = self.script[len(self.written) :]
        half = 0
        while half < len(self.ids) and self.coder.decode(self.ids[: len(self.ids) - half]) not in (
            self.written
        ):
            half += 1
        token = self.end
        if self.script.startswith(self.written) and left:
            token = self.coder.encode(left)[half]
        self.logits[token] = 10.0

    def feed(
        self, ids: Sequence[int], beside: Sequence[Stroke] = (), guess: Sequence[int] = ()
    ) -> None:
        self.blocks.append(len(ids))
        self.ids += ids
        self.ahead = list(guess)
        self._want()
        for pen, some, guessed in beside:
            pen.feed(some, guess=guessed)

    def follow(self, ids: Sequence[int]) -> int:
        num = num_same(ids, self.ahead)
        self.ids += ids[:num]
        self.ahead = self.ahead[num:] if num == len(ids) else []
        self._want()
        return num

    def back(self, num_tokens: int) -> None:
        del self.ids[len(self.ids) - num_tokens :]
        self.ahead = []


class RandomPen:
    """A pen whose model wants anything, as random weights do; `num_fed` counts passes."""

    def __init__(self, num_tokens: int, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self._num_tokens = num_tokens
        self.num_written = self.num_fed = 0
        self.ahead: list[int] = []
        self._want()

    def _want(self) -> None:
        self.logits = self._random.standard_normal(self._num_tokens, np.float32)

    def feed(
        self, ids: Sequence[int], beside: Sequence[Stroke] = (), guess: Sequence[int] = ()
    ) -> None:
        assert len(ids) > 0
        self.num_fed += 1
        self.ahead = list(guess)
        self._want()
        for pen, some, guessed in beside:
            pen.feed(some, guess=guessed)

    def follow(self, ids: Sequence[int]) -> int:
        num = num_same(ids, self.ahead)
        self.ahead = self.ahead[num:] if num == len(ids) else []
        for _ in range(num):
            self._want()
        return num

    def back(self, num_tokens: int) -> None:
        assert num_tokens > 0
        self.ahead = []


def num_same(ids: Sequence[int], others: Sequence[int]) -> int:
    """How many tokens two sequences both begin with."""
    pairs = zip(ids, others, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
