"""SizeHint: packet sizes that say "something moves" before any picture is decoded.

Pure. A still scene's P-frames are small and of much the same size; what moves must be sent anew.
Knows nothing of pictures, and is only ever a hint: the decoded pictures decide. Used by `resting`.
"""

from __future__ import annotations

import math
from collections import deque

WINDOW = 5  # packets; B-frames are small and P-frames large, a window holds some of each
LEARN_S = 20.0  # time constant of what is usual
WARM_UP_S = 4.0
SIGMAS = 5.0
LEAST_RISE = 0.25  # of the usual size; less is the encoder's own doing
MAX_DOUBT = 8.0
FORGIVEN_S = 120.0  # a hint that led to nothing is forgotten by half in this time


class SizeHint:
    """Follows the sizes of the packets between I-frames of a stream at rest."""

    def __init__(self) -> None:
        self._window: deque[int] = deque(maxlen=WINDOW)
        self._usual: float | None = None
        self._spread = 0.0
        self._learned_s = 0.0
        self._last_s = 0.0
        self._doubt = 1.0

    def restart(self, now_s: float) -> None:
        """An I-frame, or the beginning of a rest: sizes are compared within stretches only."""
        self._window.clear()
        self._last_s = now_s

    def was_wrong(self) -> None:
        """The last hint led to nothing: the next one has to be stronger."""
        self._doubt = min(MAX_DOUBT, self._doubt * 1.5)

    def is_raised(self, num_bytes: int, now_s: float) -> bool:
        """Whether the packets up to this one, at stream time `now_s`, are larger than usual."""
        passed_s = min(1.0, max(0.0, now_s - self._last_s))
        self._last_s = now_s
        self._doubt = 1.0 + (self._doubt - 1.0) * 0.5 ** (passed_s / FORGIVEN_S)
        self._window.append(num_bytes)
        if len(self._window) < WINDOW:
            return False
        mean = sum(self._window) / WINDOW
        if self._usual is None:
            self._usual, self._spread = mean, 0.25 * mean
        above = mean - self._usual
        limit = max(SIGMAS * self._spread, LEAST_RISE * self._usual) * self._doubt
        is_raised = above > limit and self._learned_s >= WARM_UP_S
        rate = 1.0 - math.exp(-passed_s / LEARN_S)
        bounded = min(above, limit)  # one burst does not become what is usual
        self._usual += rate * bounded
        self._spread += rate * (abs(bounded) - self._spread)
        self._learned_s += passed_s
        return is_raised
