"""Near-duplicates: does a picture show anything that the last keyframes did not?

Compares the part of the picture that matters, light and noise taken out. A thing that has come to
rest is remembered as present: small gestures inside its box are measured against all of it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from edge.geometry import Box
from edge.sampler.motion import MotionDetector
from edge.sampler.view import View

SAME_SHARE = 0.12  # of the region; a person's arm is 3 to 6 % of his box, a turn of the body 20 %
_NUM_KEPT = 3
_KEPT_S = 30.0
_INSIDE = 0.7  # share of a box that lies in a present thing's box to belong to it
_MAX_PRESENT = 16


@dataclass(frozen=True, slots=True)
class _Shown:
    view: View
    at_rest: bool


class Signatures:
    """What the last keyframes showed."""

    def __init__(self) -> None:
        self._shown: deque[_Shown] = deque(maxlen=_NUM_KEPT)
        self._present: list[Box] = []

    def clear(self) -> None:
        """The scene is a new one."""
        self._shown.clear()
        self._present.clear()

    def add(self, view: View, *, at_rest: bool) -> None:
        """A keyframe was made of this picture, in which the scene was at rest or not."""
        self._shown.append(_Shown(view, at_rest))

    def set_present(self, boxes: list[Box]) -> None:
        """These things have come to rest. One that covers half of an old one takes its place."""
        new = [box for box in boxes if self._context(box) == box]
        kept = [old for old in self._present if not any(_covers(box, old, 0.5) for box in new)]
        self._present = [*new, *kept][:_MAX_PRESENT]

    def novelty(self, view: View, boxes: tuple[Box, ...], motion: MotionDetector) -> float:
        """0..1: how much of a box differs from each of the last keyframes of the last 30 s."""
        return min(
            (
                self._changed_share(view, shown.view, boxes, motion)
                for shown in self._shown
                if view.pts_s - shown.view.pts_s <= _KEPT_S
            ),
            default=1.0,
        )

    def novelty_to_last(self, view: View, boxes: tuple[Box, ...], motion: MotionDetector) -> float:
        """0..1: how much of a box differs from the last keyframe, however old."""
        if not self._shown:
            return 1.0
        return self._changed_share(view, self._shown[-1].view, boxes, motion)

    def stirs(self, box: Box) -> bool:
        """Whether it lies in something that has come to rest here."""
        return any(_covers(thing, box, _INSIDE) for thing in self._present)

    @property
    def last_at_rest(self) -> bool:
        """Whether the last keyframe showed a scene at rest."""
        return bool(self._shown) and self._shown[-1].at_rest

    def _changed_share(
        self, view: View, shown: View, boxes: tuple[Box, ...], motion: MotionDetector
    ) -> float:
        """Of the box that has changed most."""
        if view.shape != shown.shape:
            return 1.0
        mask = motion.compare(view, shown).mask
        height, width = view.shape
        most = 0.0
        for box in boxes:
            x1, y1, x2, y2 = self._context(box).to_px(width, height)
            part = mask[y1:y2, x1:x2]
            most = max(most, np.count_nonzero(part) / part.size)
        return most

    def _context(self, box: Box) -> Box:
        for thing in self._present:
            if _covers(thing, box, _INSIDE):
                box = box.union(thing)
        return box


def _covers(box: Box, other: Box, share: float) -> bool:
    common = box.intersection(other)
    return common is not None and common.area >= share * other.area
