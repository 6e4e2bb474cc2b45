"""Backoff: how long to wait before a camera is opened again.

Pure: the random numbers are given, the times come with the calls. Used by `reader`.
"""

from __future__ import annotations

from collections.abc import Callable

DELAYS_S = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
RESET_AFTER_S = 60.0  # of frames; a camera that fails again sooner is still the same trouble
JITTER_FRAC = 0.2  # so that cameras behind one failed switch do not come back in step


class Backoff:
    """Delays 1, 2, 5, 10, 30, then always 60 s, each within +-20 %.

    `random` gives numbers in 0..1. The delays start over once frames have come for 60 s since the
    last failure.
    """

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self._failures = 0
        self._frames_since_mono_s: float | None = None

    def frame(self, mono_s: float) -> None:
        """A frame came, at `mono_s` on the monotonic clock."""
        if self._frames_since_mono_s is None:
            self._frames_since_mono_s = mono_s
        elif mono_s - self._frames_since_mono_s >= RESET_AFTER_S:
            self._failures = 0

    def failed(self) -> float:
        """The source failed; returns how many seconds to wait before the next try."""
        delay_s = DELAYS_S[min(self._failures, len(DELAYS_S) - 1)]
        self._failures += 1
        self._frames_since_mono_s = None
        return self._jittered(delay_s)

    def refused(self) -> float:
        """The source cannot work as configured; returns the longest wait."""
        self._failures = len(DELAYS_S)
        self._frames_since_mono_s = None
        return self._jittered(DELAYS_S[-1])

    def _jittered(self, delay_s: float) -> float:
        return delay_s * (1.0 + JITTER_FRAC * (2.0 * self._random() - 1.0))
