"""The last quiet picture before a movement, for comparison.

Holds at most two frames and converts one only when a movement has begun: a 1080p conversion costs
milliseconds, and most quiet pictures are never asked for.
"""

from __future__ import annotations

from collections import deque

from edge.frames import Frame, Image

_EVERY_S = 1.0
_MARGIN_S = 0.4  # what enters slowly is in the picture before it is noticed


class QuietPicture:
    """The newest frame in which nothing moved, at least a little before the movement."""

    def __init__(self) -> None:
        self._held: deque[Frame] = deque(maxlen=2)

    def clear(self) -> None:
        """The scene has changed: what was quiet before is no comparison."""
        self._held.clear()

    def offer(self, frame: Frame) -> None:
        """A frame in which nothing moves; kept if the newest one is a second old."""
        if not self._held or frame.pts_s - self._held[-1].pts_s >= _EVERY_S:
            self._held.append(frame)

    def image_before(self, started_s: float) -> Image | None:
        """(H, W, 3) uint8 RGB from before the movement, or None where all was too short."""
        frame = self._frame_before(started_s)
        return None if frame is None else frame.image()

    def expect(self, started_s: float) -> None:
        """What has begun may be a movement: its `image_before` will then be wanted."""
        frame = self._frame_before(started_s)
        if frame is not None:
            frame.expect()

    def _frame_before(self, started_s: float) -> Frame | None:
        for frame in reversed(self._held):
            if frame.pts_s <= started_s - _MARGIN_S:
                return frame
        return None
