"""Where the sampler looks: masks and zones, as pixels of the luma picture and as names.

Knows nothing of frames or motion; the sampler asks it once per frame.
"""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.geometry import Box, Polygon

_MAX_SIZES = 8

Mask = NDArray[np.uint8]  # (h, w) uint8, 1 where we look, 0 elsewhere


def rasterise(polygons: Iterable[Polygon], height_px: int, width_px: int) -> Mask:
    """(h, w) uint8: 0 inside any of the polygons, 1 elsewhere."""
    mask = np.ones((height_px, width_px), np.uint8)
    for polygon in polygons:
        # fillPoly covers the pixels its corners name, so corners are given by pixel centre.
        corners = np.array(polygon.points) * (width_px, height_px) - 0.5
        cv2.fillPoly(mask, [np.round(corners).astype(np.int32)], 0)
    return mask


class LookArea:
    """A camera's masks, rasterised once per picture size. The arrays must not be written to."""

    def __init__(self, masks: tuple[Polygon, ...]) -> None:
        self._masks = masks
        self._made: dict[tuple[int, int], tuple[Mask, int]] = {}

    @property
    def has_masks(self) -> bool:
        """Whether there is anything that is not looked at."""
        return bool(self._masks)

    def mask(self, shape: tuple[int, int]) -> Mask:
        """(h, w) uint8: 1 where we look."""
        return self._rasterised(shape)[0]

    def num_px(self, shape: tuple[int, int]) -> int:
        """How many pixels we look at, 1 at least, so that shares can be taken of it."""
        return self._rasterised(shape)[1]

    def _rasterised(self, shape: tuple[int, int]) -> tuple[Mask, int]:
        if shape not in self._made:
            if len(self._made) >= _MAX_SIZES:  # a source that keeps changing its size
                self._made.clear()
            mask = rasterise(self._masks, *shape)
            self._made[shape] = mask, max(1, int(np.count_nonzero(mask)))
        return self._made[shape]


def zones_touched(
    zones: tuple[tuple[str, Polygon], ...], boxes: tuple[Box, ...]
) -> tuple[str, ...]:
    """Names of the zones that share area with any box; every zone when there are no boxes."""
    return tuple(
        name for name, area in zones if not boxes or any(area.overlaps(box) for box in boxes)
    )
