"""The last frames of a movement, held back to find the first one that was already still.

A rest is sure only after about a second; the picture worth keeping is the one from its beginning.
"""

from __future__ import annotations

from collections import deque

from edge.frames import Frame
from edge.sampler.motion import MotionDetector
from edge.sampler.view import View

_HELD_S = 1.4
_EVERY_S = 0.33  # each holds a decoded picture: 5 at most


class Settling:
    """A bounded stretch of frames up to the present one."""

    def __init__(self) -> None:
        self._held: deque[tuple[Frame, View]] = deque()

    def hold(self, frame: Frame, view: View) -> None:
        """Take in the next frame of the movement."""
        if not self._held or frame.pts_s - self._held[-1][0].pts_s >= _EVERY_S:
            self._held.append((frame, view))
        while frame.pts_s - self._held[0][0].pts_s > _HELD_S:
            self._held.popleft()

    def expect(self) -> None:
        """What moved may have come to rest: the colours of a held frame will then be wanted."""
        if self._held:
            self._held[0][0].expect()

    def first_still(self, frame: Frame, view: View, motion: MotionDetector) -> tuple[Frame, View]:
        """The earliest held frame from which on all looked like the present one, or that itself."""
        earliest = (frame, view)
        for held in reversed(self._held):
            if motion.differing(view, held[1]):
                break
            earliest = held
        return earliest
