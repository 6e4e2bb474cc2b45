"""The texts on signs and parcels: where they stand in the drawing, and what is seen of them.

Draws nothing; the house and the parcels draw their own letters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.demo.drawing.house import FIRST_SIGN_OWNER, sign_area
from edge.demo.drawing.pen import Pen
from edge.demo.world import Moment, SeenText, Thing
from edge.geometry import Box


@dataclass(frozen=True, slots=True)
class Printed:
    """A text in the picture: its four corners in px, its owner and its whole area."""

    text: SeenText
    corners: NDArray[np.float32]
    owner: int
    area_px: float

    def seen_in(self, owner: NDArray[np.uint8], origin_px: tuple[int, int]) -> SeenText | None:
        """The text as far as it is visible in a picture, None if it is not.

        `owner` is whose each of its pixels is, (H, W), and `origin_px` where it was cut out.
        """
        height_px, width_px = owner.shape
        corners = self.corners - np.array(origin_px, np.float32)
        (x1, y1), (x2, y2) = corners.min(axis=0), corners.max(axis=0)
        left, right = max(0, round(float(x1))), min(width_px, round(float(x2)))
        top, bottom = max(0, round(float(y1))), min(height_px, round(float(y2)))
        if left >= right or top >= bottom:
            return None
        area_px = int(np.count_nonzero(owner[top:bottom, left:right] == self.owner))
        if not area_px:
            return None
        text = self.text
        return SeenText(
            text=text.text,
            on=text.on,
            kind=text.kind,
            box=Box(left / width_px, top / height_px, right / width_px, bottom / height_px),
            visible=min(1.0, area_px / self.area_px),
            letter_px=text.letter_px,
        )


def text_on_parcel(
    pen: Pen,
    thing: Thing,
    owner: int,
    place: tuple[tuple[float, float], tuple[float, float], float] | None,
) -> Printed | None:
    """The text that `pen` has just drawn at `place` on its sheet: corners and a capital's height.

    None if it has drawn none.
    """
    if place is None:
        return None
    (x1, y1), (x2, y2), letter = place
    corners = np.array([pen.px(x, y) for x in (x1, x2) for y in (y1, y2)], np.float32)
    corners += np.array(pen.corner, np.float32)
    sides = corners.max(axis=0) - corners.min(axis=0)
    text = SeenText(
        *(thing.text, "parcel", "word", Box(0, 0, 1, 1), 1.0),
        letter_px=letter * pen.unit_px,
    )
    area_px = max(1.0, math.floor(sides[0])) * max(1.0, math.floor(sides[1]))
    return Printed(text, corners, owner, area_px)


def texts_on_signs(
    moment: Moment, boxes: tuple[Box, ...], width_px: int, height_px: int
) -> list[Printed]:
    """The texts on the yard's signs, which stand in `boxes`."""
    found = []
    for i, (sign, box) in enumerate(zip(moment.yard.signs, boxes, strict=True)):
        x1, y1, x2, y2 = box.as_tuple()
        corners = np.array([(x, y) for x in (x1, x2) for y in (y1, y2)], np.float32)
        corners *= np.array([width_px, height_px], np.float32)
        text = SeenText(
            *(sign.text.replace("\n", " "), sign.on, sign.kind, box, 1.0),
            letter_px=sign.letter * height_px,
        )
        area = sign_area(sign, height_px)
        found.append(Printed(text, corners, FIRST_SIGN_OWNER + i, area))
    return found
