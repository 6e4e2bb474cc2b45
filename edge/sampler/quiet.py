"""The last quiet picture before a movement, for comparison.

Holds at most two frames, whose colours are not yet decoded: most are never asked for.
"""

from __future__ import annotations

from collections import deque

from edge.frames import Frame

_EVERY_S = 1.0
_MARGIN_S = 0.4  # what enters slowly is in the picture before it is noticed


class QuietPicture:
    """The newest frame in which nothing moved, at least a little before the movement."""

    def __init__(self, *, is_wanted: bool) -> None:
        self._is_wanted = is_wanted
        self._held: deque[Frame] = deque(maxlen=2)

    def clear(self) -> None:
        """The scene has changed: what was quiet before is no comparison."""
        self._held.clear()

    def offer(self, frame: Frame) -> None:
        """A frame in which nothing moves; kept if the newest one is a second old."""
        is_due = not self._held or frame.pts_s - self._held[-1].pts_s >= _EVERY_S
        if self._is_wanted and is_due:
            self._held.append(frame)

    def frame_before(self, started_s: float) -> Frame | None:
        """One from before the movement; None where all was too short, or none is wanted."""
        for frame in reversed(self._held):
            if frame.pts_s <= started_s - _MARGIN_S:
                return frame
        return None
