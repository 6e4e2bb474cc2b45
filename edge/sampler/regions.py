"""Regions: connected areas of changed pixels, as boxes.

Pure geometry on masks, and the test whether a region is a thing or only light. Knows no time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from edge.geometry import Box
from edge.sampler.light import NEW_LIGHT
from edge.sampler.look import Mask
from edge.sampler.view import Field, View

_DENSE_PX, _DENSE = 3, 4  # lone pixels are noise: 4 of the 3x3 around must have changed
_JOIN_PX = 5  # parts of one thing lie closer than this
_MAX_REGIONS = 16

# A region is only light when its texture survived (correlation) or when nothing in it has an edge.
_SAME_TEXTURE = 0.75
_SAME_EDGES = 0.75  # of absolute texture; unrelated ones agree by 0.5 to 0.65
_MIN_EDGED_SHARE = 0.08


@dataclass(frozen=True, slots=True)
class Region:
    """A connected area that changed: its box and the number of changed pixels in it."""

    box: Box
    area_px: int
    area_frac: float
    moved_px: int  # of them, changed against the recent past
    touches_border: bool
    is_vacated: bool  # something has just left it: it moves, but there is nothing to see
    is_restless: bool = False  # where the scene moves by itself, or is not yet known
    is_faint: bool = False  # counts only because the sensitivity is above the middle


@dataclass(frozen=True, slots=True)
class Change:
    """A picture compared with an earlier one as it would look in today's light."""

    difference: Field  # (h, w) float32, absolute grey levels
    signed: Field
    limit: Field  # (h, w) float32, from which on a pixel counts
    mask: Mask  # (h, w) uint8, 1 where it counts
    gain: float
    light_step: float  # grey levels by which the light over all has changed
    is_still: bool  # not one pixel counts, wherever one looks


def find_regions(
    changed: Mask, moving: Mask, unusual: Mask, strength: Field, min_area_px: int
) -> list[Region]:
    """Regions of `changed` that hold enough of `moving`, largest first, 16 at most.

    `unusual` marks what differs from the quiet background: a region's box covers that part of it,
    and a region without any is where something has just been (`is_vacated`). `moving` and
    `unusual` must be parts of `changed`; `strength` is how much each pixel differs, and tells the
    edge of a thing from the blur around it; `min_area_px` is in pixels of this picture.
    """
    density = cv2.boxFilter(changed, -1, (_DENSE_PX, _DENSE_PX), normalize=False)
    core = changed & (density >= _DENSE)
    if cv2.countNonZero(core) < min_area_px:
        return []
    joined = cv2.dilate(core, np.ones((_JOIN_PX, _JOIN_PX), np.uint8))
    # Labelling is what costs most here (0.35 ms at 320x180): only where there is anything.
    x, y, span_x, span_y = cv2.boundingRect(joined)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(
        joined[y : y + span_y, x : x + span_x], connectivity=8
    )
    regions = []
    for label, (inner_x, inner_y, width, height, _) in enumerate(stats[1:].tolist(), 1):
        mine = labels[inner_y : inner_y + height, inner_x : inner_x + width] == label
        left, top = x + inner_x, y + inner_y
        part = np.s_[top : top + height, left : left + width]
        inside = core[part] & mine
        area_px = cv2.countNonZero(inside)
        moved_px = cv2.countNonZero(inside & moving[part])
        if area_px < min_area_px or moved_px * 2 < min_area_px:
            continue
        present = inside & unusual[part]
        num_present = cv2.countNonZero(present)
        is_vacated = num_present * 4 < area_px
        shown = inside if is_vacated else present
        box = _tight_box(shown, strength[part])
        area = cv2.countNonZero(shown)
        regions.append(_region(box, (left, top), changed.shape, area, moved_px, is_vacated))
    return sorted(regions, key=lambda region: -region.area_px)[:_MAX_REGIONS]


def clear_and_faint(clear: list[Region], fainter: list[Region]) -> list[Region]:
    """The clear regions, and then the fainter ones that lie apart from all of these.

    What is faint around a clear thing (its shadow, its reflection on wet ground) would make two
    things that pass each other one.
    """
    apart = [
        replace(region, is_faint=True)
        for region in fainter
        if not any(region.box.intersection(one.box) for one in clear)
    ]
    return clear + apart


def _tight_box(inside: Mask, strength: Field) -> tuple[int, int, int, int]:
    """Sides of the region in its part of the picture, its outermost pixels left out if faint.

    The blur carries a thing's edge one pixel outwards, at less than half of the thing's strength.
    """
    x, y, width, height = cv2.boundingRect(inside)
    lit = strength * inside
    firm = (lit > lit.max() / 2).view(np.uint8)
    firm_x, firm_y, firm_width, firm_height = cv2.boundingRect(firm)
    return (
        min(firm_x, x + 1),
        min(firm_y, y + 1),
        max(firm_x + firm_width, x + width - 1),
        max(firm_y + firm_height, y + height - 1),
    )


def _region(
    sides: tuple[int, int, int, int],
    origin: tuple[int, int],
    shape: tuple[int, ...],
    area_px: int,
    moved_px: int,
    is_vacated: bool,
) -> Region:
    height, width = shape[0], shape[1]
    left, top = origin
    x1, y1, x2, y2 = sides[0] + left, sides[1] + top, sides[2] + left, sides[3] + top
    # Two pixels are as good as touching: the blur and the density test thin the outline.
    touches = x1 <= 2 or y1 <= 2 or x2 >= width - 2 or y2 >= height - 2
    box = Box(x1 / width, y1 / height, x2 / width, y2 / height)
    return Region(box, area_px, area_px / (width * height), moved_px, touches, is_vacated)


def is_only_light(region: Region, view: View, reference: View, change: Change) -> bool:
    """Whether what changed in the region is how it is lit: shadow edge, headlight, reflection.

    True when the texture in it is the old one, brighter or darker; or when the change has no edge
    of its own, only slopes.
    """
    height, width = view.shape
    x1, y1, x2, y2 = region.box.to_px(width, height)
    part = np.s_[y1:y2, x1:x2]
    changed = change.mask[part].view(np.bool_)
    if not changed.any():
        return False
    now, then = view.texture[part][changed], reference.texture[part][changed]
    limit = change.limit[part][changed]
    edged = np.abs(now - np.float32(change.gain) * then) * 2 > limit
    num_edged = np.count_nonzero(edged)
    # A large plain thing has few edges for its size, but one along a side of it at least.
    if num_edged < min(_MIN_EDGED_SHARE * edged.size, max(x2 - x1, y2 - y1) / 2):
        return True
    power = float(np.dot(now, now)) * float(np.dot(then, then))
    noise = (float(limit.sum()) / now.size) ** 2 / 16 * now.size  # limits are 4 deviations or more
    if power <= noise * noise:
        return False
    if np.dot(now, then) > _SAME_TEXTURE * power**0.5:
        return True
    if change.light_step < NEW_LIGHT:
        return False
    # Another light may turn dark on bright into bright on dark, as infrared does; the edges stay.
    now, then = np.abs(now), np.abs(then)
    return bool(np.dot(now, then) > _SAME_EDGES * power**0.5)
