"""A pen that draws one thing on a sheet of its own, and the canvas on which sheets are laid.

Sheets are (h, w, 4) uint8: colours already multiplied by the coverage in the fourth channel, so
that soft edges need no further care. The canvas keeps, besides the picture, whose each pixel is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.demo.world import Colour
from edge.frames import Image
from edge.geometry import Point

Sheet = NDArray[np.uint8]  # (h, w, 4) uint8, premultiplied
_BITS = 4  # cv2 draws to a sixteenth of a pixel
_OPAQUE = 190  # nothing shines through from this coverage on
_SOLID = 100  # a pixel is a thing's own from this coverage on


class Pen:
    """Draws in units of the thing's height: x to the right, y up from its foot.

    `reach` is (left, right, down, up) in those units; what is drawn beyond is cut.
    """

    def __init__(
        self, height_px: float, reach: tuple[float, float, float, float], foot_px: Point
    ) -> None:
        left, right, down, up = reach
        self.unit_px = height_px
        self._x0 = math.floor(foot_px[0] - left * height_px) - 1
        self._y0 = math.floor(foot_px[1] - up * height_px) - 1
        size = (
            max(3, math.ceil((up + down) * height_px) + 3),
            max(3, math.ceil((left + right) * height_px) + 3),
        )
        self.sheet: Sheet = np.zeros((*size, 4), np.uint8)
        self._origin = foot_px[0] - self._x0, foot_px[1] - self._y0

    @property
    def corner(self) -> tuple[int, int]:
        """Where the sheet's left upper pixel belongs on the canvas: x, y."""
        return self._x0, self._y0

    def px(self, x: float, y: float) -> Point:
        """A point on the sheet, in pixels."""
        return self._origin[0] + x * self.unit_px, self._origin[1] - y * self.unit_px

    def polygon(self, points: Sequence[Point], colour: Colour) -> None:
        """Fill a polygon."""
        corners = np.array([self.px(x, y) for x, y in points]) * (1 << _BITS)
        cv2.fillPoly(
            self.sheet, [np.rint(corners).astype(np.int32)], (*colour, 255), cv2.LINE_AA, _BITS
        )

    def line(self, points: Sequence[Point], width: float, colour: Colour) -> None:
        """A line of round-ended strokes through the points."""
        thick_px = max(1, round(width * self.unit_px))
        corners = np.rint(np.array([self.px(x, y) for x, y in points]) * (1 << _BITS))
        cv2.polylines(
            *(self.sheet, [corners.astype(np.int32)], False, (*colour, 255), thick_px),
            *(cv2.LINE_AA, _BITS),
        )

    def ellipse(
        self, center: Point, radii: Point, colour: Colour, angle_deg: float = 0.0, width: float = 0
    ) -> None:
        """An ellipse, filled, or a ring with a stroke of `width`."""
        x, y = self.px(*center)
        scale = 1 << _BITS
        thick_px = max(1, round(width * self.unit_px)) if width else -1
        axes = tuple(max(1, round(r * self.unit_px * scale)) for r in radii)
        cv2.ellipse(
            *(self.sheet, (round(x * scale), round(y * scale)), axes, -angle_deg, 0, 360),
            *((*colour, 255), thick_px, cv2.LINE_AA, _BITS),
        )

    def patch(self, picture: Image, corners: Sequence[Point]) -> None:
        """Lay a small picture on; `corners` are its left upper, right upper and left lower one."""
        h, w = picture.shape[:2]
        target = np.array([self.px(*c) for c in corners], np.float32)
        matrix = cv2.getAffineTransform(np.array([(0, 0), (w, 0), (0, h)], np.float32), target)
        full = np.dstack([picture, np.full((h, w), 255, np.uint8)])
        size = self.sheet.shape[1], self.sheet.shape[0]
        laid = cv2.warpAffine(full, matrix, size, flags=cv2.INTER_LINEAR)
        rest = 255 - laid[..., 3:].astype(np.uint16)
        self.sheet[:] = laid + (self.sheet * rest // 255).astype(np.uint8)


@dataclass(slots=True)
class Canvas:
    """The picture so far, what shines in it, and whose each pixel is (0: the yard's own)."""

    image: Image
    owner: NDArray[np.uint8]
    glow: Image | None = None
    whole: dict[int, int] = field(default_factory=dict)  # area in px that each owner would have

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height."""
        return self.image.shape[1], self.image.shape[0]

    def shine(self) -> Image:
        """What gives light of its own; not dimmed by the night."""
        if self.glow is None:
            self.glow = np.zeros_like(self.image)
        return self.glow

    def lay(
        self,
        sheet: Sheet,
        corner: tuple[int, int],
        owner: int,
        *,
        solid: int = _SOLID,
        spared: int = 0,
    ) -> None:
        """Lay a sheet on; its pixels of at least `solid` coverage become `owner`'s.

        Owners from `spared` on, if given, keep theirs as long as they shine through.
        """
        cover = np.asarray(cv2.extractChannel(sheet, 3), np.uint8)
        self.whole[owner] = self.whole.get(owner, 0) + int(np.count_nonzero(cover >= solid))
        cut = self._cut(sheet.shape, corner)
        if cut is None:
            return
        there, here = cut
        mine = cover[here]
        rest = _rest_of(mine)
        colours = cv2.cvtColor(sheet[here], cv2.COLOR_RGBA2RGB)
        self.image[there] = cv2.add(cv2.multiply(self.image[there], rest, scale=1 / 255), colours)
        if self.glow is not None:
            self.glow[there] = cv2.multiply(self.glow[there], rest, scale=1 / 255)
        mine_now = mine >= solid
        if spared:
            mine_now &= (self.owner[there] < spared) | (mine >= _OPAQUE)
        np.copyto(self.owner[there], np.uint8(owner), where=mine_now)

    def lay_light(self, sheet: Sheet, corner: tuple[int, int]) -> None:
        """Lay a sheet that shines by itself over what shines already."""
        glow = self.shine()
        cut = self._cut(sheet.shape, corner)
        if cut is not None:
            there, here = cut
            rest = _rest_of(sheet[here][..., 3])
            colours = cv2.cvtColor(sheet[here], cv2.COLOR_RGBA2RGB)
            glow[there] = cv2.add(cv2.multiply(glow[there], rest, scale=1 / 255), colours)

    def darken(self, cover: NDArray[np.uint8], corner: tuple[int, int]) -> None:
        """Take light away: `cover` (h, w) is by how much, 0..255."""
        cut = self._cut(cover.shape, corner)
        if cut is not None:
            there, here = cut
            rest = _rest_of(cover[here])
            self.image[there] = cv2.multiply(self.image[there], rest, scale=1 / 255)

    def _cut(
        self, shape: tuple[int, ...], corner: tuple[int, int]
    ) -> tuple[tuple[slice, slice], tuple[slice, slice]] | None:
        """The part of a sheet that is on the canvas: there, and on the sheet."""
        x, y = corner
        x1, y1 = max(0, x), max(0, y)
        x2 = min(self.image.shape[1], x + shape[1])
        y2 = min(self.image.shape[0], y + shape[0])
        if x1 >= x2 or y1 >= y2:
            return None
        return (slice(y1, y2), slice(x1, x2)), (slice(y1 - y, y2 - y), slice(x1 - x, x2 - x))


def _rest_of(cover: NDArray[np.uint8]) -> Image:
    """What a coverage (h, w) leaves of the ground, (h, w, 3)."""
    return np.asarray(cv2.cvtColor(255 - cover, cv2.COLOR_GRAY2RGB), np.uint8)


def darker(colour: Colour, share: float = 0.75) -> Colour:
    """The colour with its brightness multiplied."""
    red, green, blue = (max(0, min(255, int(value * share))) for value in colour)
    return red, green, blue


def mixed(one: Colour, other: Colour, share: float) -> Colour:
    """`share` of the other colour in the one."""
    red, green, blue = (int(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue
