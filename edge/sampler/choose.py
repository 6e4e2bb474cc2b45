"""The best moment of a movement: which of several pictures a person would keep.

Compares candidates by size, sharpness and whether the border cuts them. Knows pictures and boxes;
when a window opens and what becomes of its winner is the sampler's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import cv2

from edge.frames import Frame
from edge.geometry import FULL, Box, union_of
from edge.sampler.movement import Track
from edge.sampler.regions import Region
from edge.sampler.view import View

_CUT_BY_BORDER = 0.36  # of its area: it must look 1.7 times larger to win although it is cut
_ORDINARY_FRAC = 0.02  # of the frame: a person 40 % of its height
_ALL_NEW = 0.5  # of the region changed: another thing, or the same one elsewhere


@dataclass(frozen=True)
class Candidate:
    """A picture that may become a keyframe. Keeps the Frame, whose colours are not yet decoded."""

    frame: Frame
    view: View
    regions: tuple[Region, ...]
    tracks: tuple[Track, ...]  # of each region

    @cached_property
    def value(self) -> float:
        """How good a picture it is of what moves, against others of the same movement."""
        weight = sum(
            region.area_frac * (_CUT_BY_BORDER if region.touches_border else 1.0)
            for region in self.regions
        )
        return rate(weight, sharpness_of(self.view, tuple(r.box for r in self.regions)))

    @property
    def boxes(self) -> tuple[Box, ...]:
        """Where it moves, largest first: confirmed things only, if there are any."""
        sure = tuple(
            region.box
            for region, track in zip(self.regions, self.tracks, strict=True)
            if track.is_confirmed
        )
        return sure or tuple(region.box for region in self.regions)

    @property
    def moved_share(self) -> float:
        """Changed within the last moments, relative to the size of what moves."""
        moved = sum(region.moved_px for region in self.regions)
        return moved / max(1, sum(region.area_px for region in self.regions))

    @property
    def area_frac(self) -> float:
        """Changed pixels as a share of the frame."""
        return sum(region.area_px for region in self.regions) / self.view.soft.size


def rate(area_frac: float, sharpness: float) -> float:
    """Area by its root, as twice as near is twice as good; sharpness by its fourth root.

    Sharpness, a variance of second derivatives, varies by orders of magnitude.
    """
    return math.sqrt(area_frac * math.sqrt(1.0 + sharpness))


def quality_of(value: float, view: View, novelty: float) -> float:
    """0..1, of a rated picture: 0.5 for a new thing of 2 % of the frame, as sharp as the scene.

    `novelty` 0..1 is how much of it the last keyframes did not show; nothing new halves it.
    """
    usual = rate(_ORDINARY_FRAC, sharpness_of(view, ()))
    return value / (value + usual) * (1.0 + min(1.0, novelty / _ALL_NEW)) / 2.0


def sharpness_of(view: View, boxes: tuple[Box, ...]) -> float:
    """Variance of the Laplacian inside the boxes' union; of the whole picture without boxes."""
    height, width = view.luma.shape
    x1, y1, x2, y2 = (union_of(boxes) or FULL).to_px(width, height)
    _, deviation = cv2.meanStdDev(cv2.Laplacian(view.luma[y1:y2, x1:x2], cv2.CV_16S))
    return float(deviation[0, 0]) ** 2


@dataclass(slots=True)
class Window:
    """A short stretch of a movement, of which the best picture is kept."""

    closes_s: float
    best: Candidate | None = None

    def offer(self, one: Candidate) -> None:
        """Keep it if it is better than what is held; its colours will then be wanted soon."""
        if self.best is None or one.value > self.best.value:
            self.best = one
            one.frame.expect()
