"""Which part of a picture the model is shown, and at what size. Pure arithmetic.

Motion is shown at native resolution: a crop around the boxes, widened to whole visual tokens, so
that nothing is resampled. Only a crop above the pixel budget is scaled down, and only a picture too
small for the model's minimum is scaled up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from edge.errors import PictureError
from edge.geometry import Box, union_of
from edge.questions import View

MAX_ASPECT = 200  # as transformers' processor: beyond it the grid has more sides than the picture


@dataclass(frozen=True, slots=True)
class SizeRules:
    """Fed sizes are multiples of `token_px` with an area in [min_pixels, max_pixels]."""

    token_px: int
    min_pixels: int
    max_pixels: int


@dataclass(frozen=True, slots=True)
class Crop:
    """A part of the picture in pixels (ends exclusive) and the size at which it is fed."""

    x1: int
    y1: int
    x2: int
    y2: int
    width_px: int
    height_px: int

    @property
    def is_native(self) -> bool:
        """Whether the pixels are fed as they are."""
        return (self.x2 - self.x1, self.y2 - self.y1) == (self.width_px, self.height_px)

    def view(self, frame_width_px: int, frame_height_px: int) -> View:
        """The same as fractions of the frame."""
        box = Box(
            self.x1 / frame_width_px,
            self.y1 / frame_height_px,
            self.x2 / frame_width_px,
            self.y2 / frame_height_px,
        )
        return View(box, self.width_px, self.height_px)


def choose_crop(
    width_px: int, height_px: int, boxes: tuple[Box, ...], margin: float, rules: SizeRules
) -> Crop:
    """The crop for what `boxes` show; the whole picture where there are none.

    `margin` widens the boxes' union on each side by that share of its own size. Raises
    PictureError for a picture more than MAX_ASPECT times longer than wide, or the reverse.
    """
    if max(width_px, height_px) > MAX_ASPECT * min(width_px, height_px):
        raise PictureError(
            f"the picture is {width_px}x{height_px} pixels; "
            f"one side may be at most {MAX_ASPECT} times the other"
        )
    seen = union_of(boxes)
    if seen is None:
        return _whole(0, 0, width_px, height_px, rules)
    x1, y1, x2, y2 = seen.to_px(width_px, height_px)
    wanted_w = (x2 - x1) * (1 + 2 * margin)
    wanted_h = (y2 - y1) * (1 + 2 * margin)
    crop_w, crop_h = _grow_to_minimum(wanted_w, wanted_h, width_px, height_px, rules)
    if x2 - x1 > crop_w:  # the boxes reach beyond the last whole token: take the side as it is
        crop_w = width_px
    if y2 - y1 > crop_h:
        crop_h = height_px
    left = _place((x1 + x2) / 2, crop_w, width_px)
    top = _place((y1 + y2) / 2, crop_h, height_px)
    return _whole(left, top, left + crop_w, top + crop_h, rules)


def fitted_size(width_px: int, height_px: int, rules: SizeRules) -> tuple[int, int]:
    """The fed width and height of a picture: the rule of transformers' `smart_resize`.

    Sides are rounded to whole tokens; an area out of bounds is scaled, keeping the aspect ratio.
    Unlike there, a strip one token high stays below max_pixels too.
    """
    step = rules.token_px
    width, height = round(width_px / step) * step, round(height_px / step) * step
    if width * height > rules.max_pixels:
        shrink = math.sqrt(width_px * height_px / rules.max_pixels)
        width = max(step, math.floor(width_px / shrink / step) * step)
        height = max(step, math.floor(height_px / shrink / step) * step)
    elif width * height < rules.min_pixels:
        enlarge = math.sqrt(rules.min_pixels / (width_px * height_px))
        width = math.ceil(width_px * enlarge / step) * step
        height = math.ceil(height_px * enlarge / step) * step
    width, height = max(step, width), max(step, height)
    if width >= height:
        return min(width, max(step, rules.max_pixels // height // step * step)), height
    return width, min(height, max(step, rules.max_pixels // width // step * step))


def _whole(x1: int, y1: int, x2: int, y2: int, rules: SizeRules) -> Crop:
    return Crop(x1, y1, x2, y2, *fitted_size(x2 - x1, y2 - y1, rules))


def _grow_to_minimum(
    wanted_w: float, wanted_h: float, width_px: int, height_px: int, rules: SizeRules
) -> tuple[int, int]:
    """A crop size in whole tokens, inside the picture, of at least the minimum area if it fits.

    The shorter side grows first: surroundings on all sides say more than a strip.
    """
    step = rules.token_px
    most_w, most_h = _whole_tokens(width_px, step), _whole_tokens(height_px, step)
    crop_w = min(most_w, math.ceil(wanted_w / step) * step)
    crop_h = min(most_h, math.ceil(wanted_h / step) * step)
    while crop_w * crop_h < rules.min_pixels and (crop_w < most_w or crop_h < most_h):
        if crop_w < most_w and (crop_w <= crop_h or crop_h >= most_h):
            crop_w = min(most_w, crop_w + step)
        else:
            crop_h = min(most_h, crop_h + step)
    return crop_w, crop_h


def _whole_tokens(side_px: int, step: int) -> int:
    """The longest side in whole tokens that fits; a side shorter than one token as it is."""
    return side_px // step * step or side_px


def _place(center: float, length: int, limit: int) -> int:
    """Where a stretch of `length` begins so that it lies around `center` and inside 0..limit."""
    return max(0, min(limit - length, round(center - length / 2)))
