"""Which part of a picture the model is shown, and at what size. Pure arithmetic.

Motion is shown at native resolution: a crop around the boxes, widened to whole visual tokens, so
that nothing is resampled. Only a crop above the pixel budget is scaled down, and only a picture too
small for the model's minimum is scaled up. Where the other tokens of the pass are known, a crop is
chosen so that the pass fills blocks of 64 tokens, in which the model computes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from edge.errors import PictureError
from edge.geometry import Box, union_of
from edge.questions import View

# One pass of the 2B model takes 0.52 s for 64 tokens, 0.77 for 65, 0.94 for 128 (AVX2-VNNI).
BLOCK_TOKENS = 64
# So few tokens above a block are given up where that can be done; more are worth their time.
MAX_GIVEN_UP_TOKENS = 16
MAX_GIVEN_UP_FRAC = 0.2  # of the picture's
# The least that a first block leaves for the picture (256x128 pixels); else there is a second.
MIN_ROOM_TOKENS = 32
MAX_ASPECT = 200  # as transformers' processor: beyond it the grid has more sides than the picture


@dataclass(frozen=True, slots=True)
class SizeRules:
    """Fed sizes are multiples of `token_px` with an area in [min_pixels, max_pixels].

    `rest_tokens` are those of the same pass that are no picture: with them a small crop is widened
    to fill the pass's first block, and one that is little above a block gives up its margin. None:
    a small crop is widened to min_pixels, blocks do not matter.
    """

    token_px: int
    min_pixels: int
    max_pixels: int
    rest_tokens: int | None = None

    @property
    def room_pixels(self) -> int:
        """What a small crop is widened to: the room that the rest leaves in a block, or the
        minimum.
        """
        if self.rest_tokens is None:
            return self.min_pixels
        room = -self.rest_tokens % BLOCK_TOKENS
        if room < MIN_ROOM_TOKENS:
            room += BLOCK_TOKENS
        return min(room * self.token_px**2, self.max_pixels)


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

    def num_tokens(self, token_px: int) -> int:
        """Visual tokens that it takes, where one covers a square of side `token_px`."""
        return self.width_px * self.height_px // token_px**2

    def is_part_of(self, frame_width_px: int, frame_height_px: int) -> bool:
        """Whether less than the whole frame is seen."""
        return (self.x2 - self.x1) * (self.y2 - self.y1) < frame_width_px * frame_height_px

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
    crop = _around(width_px, height_px, boxes, margin, rules)
    if rules.rest_tokens is None:
        return crop
    tokens = crop.num_tokens(rules.token_px)
    over = (tokens + rules.rest_tokens) % BLOCK_TOKENS
    room = tokens - over
    if over == 0 or over > min(MAX_GIVEN_UP_TOKENS, MAX_GIVEN_UP_FRAC * tokens):
        return crop
    fewer = replace(rules, max_pixels=room * rules.token_px**2)
    if not crop.is_native:  # scaled as it is: a little more
        smaller = _around(width_px, height_px, boxes, margin, fewer)
        # Not at the price of stretching: sides are whole tokens, and a small picture has few.
        return smaller if min(smaller.width_px, smaller.height_px) > 4 * rules.token_px else crop
    for less in (0.5, 0.0):
        smaller = _around(width_px, height_px, boxes, margin * less, fewer)
        if smaller.is_native:
            return smaller
    return crop


def choose_region(width_px: int, height_px: int, region: Box | None, rules: SizeRules) -> Crop:
    """The crop for a region that a person chose, and as little beyond it as whole tokens allow.

    The whole picture where there is none; a region too small for the model is enlarged rather than
    widened. Raises PictureError as `choose_crop`.
    """
    plain = replace(rules, rest_tokens=None)
    if region is None:
        return choose_crop(width_px, height_px, (), 0.0, plain)
    crop = choose_crop(width_px, height_px, (region,), 0.0, replace(plain, min_pixels=0))
    return _whole(crop.x1, crop.y1, crop.x2, crop.y2, plain)


def _around(
    width_px: int, height_px: int, boxes: tuple[Box, ...], margin: float, rules: SizeRules
) -> Crop:
    """The crop for `boxes`, blocks aside."""
    seen = union_of(boxes)
    if seen is None:
        return _whole(0, 0, width_px, height_px, rules)
    x1, y1, x2, y2 = seen.to_px(width_px, height_px)
    wanted_w = (x2 - x1) * (1 + 2 * margin)
    wanted_h = (y2 - y1) * (1 + 2 * margin)
    crop_w, crop_h = _widen(wanted_w, wanted_h, width_px, height_px, rules)
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


def _widen(
    wanted_w: float, wanted_h: float, width_px: int, height_px: int, rules: SizeRules
) -> tuple[int, int]:
    """A crop size in whole tokens, inside the picture, that a small one shares out of the room.

    The shorter side grows first: surroundings on all sides say more than a strip. Without blocks
    the last step may reach beyond the room, which is then a minimum.
    """
    step, room = rules.token_px, rules.room_pixels
    most_w, most_h = _whole_tokens(width_px, step), _whole_tokens(height_px, step)
    crop_w = min(most_w, math.ceil(wanted_w / step) * step)
    crop_h = min(most_h, math.ceil(wanted_h / step) * step)
    while crop_w * crop_h < room:
        wider, higher = (min(most_w, crop_w + step), crop_h), (crop_w, min(most_h, crop_h + step))
        steps = [wider, higher] if crop_w <= crop_h else [higher, wider]
        possible = [
            (w, h)
            for w, h in steps
            if (w, h) != (crop_w, crop_h) and (rules.rest_tokens is None or w * h <= room)
        ]
        if not possible:
            break
        crop_w, crop_h = possible[0]
    return crop_w, crop_h


def _whole_tokens(side_px: int, step: int) -> int:
    """The longest side in whole tokens that fits; a side shorter than one token as it is."""
    return side_px // step * step or side_px


def _place(center: float, length: int, limit: int) -> int:
    """Where a stretch of `length` begins so that it lies around `center` and inside 0..limit."""
    return max(0, min(limit - length, round(center - length / 2)))
