"""The best moment of a movement: which of several pictures a person would keep.

Compares candidates by size, sharpness and whether the border cuts them. Knows pictures and boxes;
when a window opens and what becomes of its winner is the sampler's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2

from edge.frames import Frame
from edge.geometry import FULL, Box, union_of
from edge.sampler.movement import Track
from edge.sampler.regions import Region
from edge.sampler.view import View

_CUT_BY_BORDER = 0.6  # a thing must be 1.7 times larger to win although it is cut


@dataclass(frozen=True, slots=True)
class Candidate:
    """A picture that may become a keyframe. Keeps the Frame, whose colours are not yet decoded."""

    frame: Frame
    view: View
    regions: tuple[Region, ...]
    tracks: tuple[Track, ...]  # of each region
    value: float
    sharpness: float

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


def sharpness_of(view: View, boxes: tuple[Box, ...]) -> float:
    """Variance of the Laplacian inside the boxes' union; of the whole picture without boxes."""
    height, width = view.luma.shape
    x1, y1, x2, y2 = (union_of(boxes) or FULL).to_px(width, height)
    _, deviation = cv2.meanStdDev(cv2.Laplacian(view.luma[y1:y2, x1:x2], cv2.CV_16S))
    return float(deviation[0, 0]) ** 2


def candidate(
    frame: Frame, view: View, regions: list[Region], tracks: list[Track]
) -> Candidate | None:
    """Rate a picture by what moves in it; None where there is nothing to see that moves."""
    if not regions:
        return None
    sharpness = sharpness_of(view, tuple(region.box for region in regions))
    # Area by its root (twice as near is twice as good); sharpness by its fourth root, as it varies
    # by orders of magnitude.
    weight = sum(
        region.area_px * (_CUT_BY_BORDER**2 if region.touches_border else 1.0) for region in regions
    )
    value = math.sqrt(weight) * (1.0 + sharpness) ** 0.25
    return Candidate(frame, view, tuple(regions), tuple(tracks), value, sharpness)


@dataclass(slots=True)
class Window:
    """A short stretch of a movement, of which the best picture is kept."""

    closes_s: float
    best: Candidate | None = None

    def offer(self, one: Candidate) -> None:
        """Keep it if it is better than what is held."""
        if self.best is None or one.value > self.best.value:
            self.best = one
