"""Keyframes by the clock of the stream: one at the first frame, then one each period."""

from __future__ import annotations


class Periodic:
    """Says when the next periodic keyframe is due; never, without a period."""

    def __init__(self, period_s: float | None) -> None:
        self._period_s = period_s
        self._due_s: float | None = None
        self._last_s = 0.0

    def is_due(self, now_s: float) -> bool:
        """Whether a periodic keyframe is to be made now; one that is late is made once."""
        if self._period_s is None:
            return False
        self._last_s = now_s
        if self._due_s is None:
            self._due_s = now_s + self._period_s
            return True
        if now_s < self._due_s - 1e-6:
            return False
        missed = int((now_s - self._due_s + 1e-6) // self._period_s)
        self._due_s += (missed + 1) * self._period_s
        return True

    def reanchor(self, now_s: float) -> None:
        """The stream's clock may have been set anew; what was left of the period is kept."""
        if self._due_s is not None:
            self._due_s = now_s + max(0.0, self._due_s - self._last_s)
