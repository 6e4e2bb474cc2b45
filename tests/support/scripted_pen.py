"""Pens without a model: one follows a script, one wants random tokens."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

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

    def feed(self, ids: Sequence[int], beside: Sequence[tuple[ScriptedPen, Sequence[int]]] = ()):
        self.blocks.append(len(ids))
        self.ids += ids
        self._want()
        for pen, some in beside:
            pen.feed(some)

    def back(self, num_tokens: int) -> None:
        del self.ids[len(self.ids) - num_tokens :]


class RandomPen:
    """A pen whose model wants anything, as random weights do; `num_fed` counts passes."""

    def __init__(self, num_tokens: int, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self._num_tokens = num_tokens
        self.num_written = self.num_fed = 0
        self._want()

    def _want(self) -> None:
        self.logits = self._random.standard_normal(self._num_tokens, np.float32)

    def feed(self, ids: Sequence[int], beside: Sequence[tuple[RandomPen, Sequence[int]]] = ()):
        assert len(ids) > 0
        self.num_fed += 1
        self._want()
        for pen, some in beside:
            pen.feed(some)

    def back(self, num_tokens: int) -> None:
        assert num_tokens > 0
