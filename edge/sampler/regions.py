"""Regions: connected areas of changed pixels, as boxes.

Pure geometry on masks, and the test whether a region is a thing or only light. Knows no time.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.geometry import Box
from edge.sampler.look import Mask
from edge.sampler.view import Field, View

_DENSE_PX, _DENSE_SHARE = 5, 0.3  # lone pixels are noise: 30 % of the 5x5 around must have changed
_JOIN_PX = 7  # parts of one thing lie closer than this
_MAX_REGIONS = 16

# A region is only light when its texture survived (correlation) or when nothing in it has an edge.
_SAME_TEXTURE = 0.8
_MIN_EDGED_SHARE = 0.08


@dataclass(frozen=True, slots=True)
class Region:
    """A connected area that changed: its box and the number of changed pixels in it."""

    box: Box
    area_px: int
    touches_border: bool


@dataclass(frozen=True, slots=True)
class Change:
    """A picture compared with an earlier one as it would look in today's light."""

    difference: Field  # (h, w) float32, absolute grey levels
    signed: Field
    limit: Field  # (h, w) float32, from which on a pixel counts
    mask: Mask  # (h, w) uint8, 1 where it counts
    gain: float


def find_regions(changed: Mask, moving: Mask, min_area_px: int) -> list[Region]:
    """Regions of `changed` that hold enough of `moving`, largest first, 16 at most.

    `min_area_px` is in pixels of this picture. `moving` must be part of `changed`.
    """
    density = cv2.blur(changed * np.uint8(100), (_DENSE_PX, _DENSE_PX))
    core = cv2.bitwise_and(changed, (density >= 100 * _DENSE_SHARE).astype(np.uint8))
    if cv2.countNonZero(core) < min_area_px:
        return []
    joined = cv2.dilate(core, np.ones((_JOIN_PX, _JOIN_PX), np.uint8))
    num_labels, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    in_core = labels[core > 0]
    areas = np.bincount(in_core, minlength=num_labels)
    moved = np.bincount(in_core[moving[core > 0] > 0], minlength=num_labels)
    chosen = [
        label
        for label in range(1, num_labels)
        if areas[label] >= min_area_px and moved[label] * 2 >= min_area_px
    ]
    chosen.sort(key=lambda label: -areas[label])
    return [
        _region(stats[label], int(areas[label]), changed.shape) for label in chosen[:_MAX_REGIONS]
    ]


def _region(stats: NDArray[np.int32], area_px: int, shape: tuple[int, ...]) -> Region:
    height, width = shape[0], shape[1]
    margin = _JOIN_PX // 2
    left, top, span_x, span_y = (int(value) for value in stats[:4])
    right, bottom = left + span_x, top + span_y
    # Undo the dilation, except where the picture's border cut it off.
    x1, y1 = (left + margin if left else 0), (top + margin if top else 0)
    x2 = right - margin if right < width else width
    y2 = bottom - margin if bottom < height else height
    box = Box(x1 / width, y1 / height, max(x2, x1 + 1) / width, max(y2, y1 + 1) / height)
    return Region(box, area_px, left == 0 or top == 0 or right == width or bottom == height)


def is_only_light(region: Region, view: View, reference: View, change: Change) -> bool:
    """Whether what changed in the region is how it is lit: shadow edge, headlight, reflection.

    True when the texture in it is the old one, brighter or darker; or when the change has no edge
    of its own, only slopes.
    """
    height, width = view.shape
    x1, y1, x2, y2 = region.box.to_px(width, height)
    part = np.s_[y1:y2, x1:x2]
    changed = change.mask[part] > 0
    if not changed.any():
        return False
    now, then = view.texture[part][changed], reference.texture[part][changed]
    limit = change.limit[part][changed]
    edged = np.abs(now - np.float32(change.gain) * then) * 2 > limit
    if np.count_nonzero(edged) < _MIN_EDGED_SHARE * edged.size:
        return True
    power = float(np.dot(now, now)) * float(np.dot(then, then))
    noise = float(np.mean(limit)) ** 2 / 16 * now.size  # limits are 4 deviations or more
    if power <= noise * noise:
        return False
    return float(np.dot(now, then)) / power**0.5 > _SAME_TEXTURE
