"""Prints short texts as small pictures: for signs, house numbers and parcels.

Knows no place in the scene. Called by `house` and `objects`.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from edge.demo.world import Colour
from edge.frames import Image

FONTS = (
    (cv2.FONT_HERSHEY_SIMPLEX, 9),
    (cv2.FONT_HERSHEY_DUPLEX, 7),
    (cv2.FONT_HERSHEY_TRIPLEX, 5),
    (cv2.FONT_HERSHEY_COMPLEX, 6),
)
CAPITAL_PX = 60  # drawn this large, then made small: strokes keep their true widths
MARGIN = 0.45  # paper around the letters, in heights of a capital
LINE = 1.55  # from line to line, in heights of a capital


@lru_cache(maxsize=256)
def print_text(text: str, font: int, ink: Colour, paper: Colour) -> Image:
    """The lines of `text` on paper, (h, w, 3) uint8 RGB; a capital is CAPITAL_PX high."""
    face, thick_px = FONTS[font % len(FONTS)]
    scale = cv2.getFontScaleFromHeight(face, CAPITAL_PX, thick_px)
    lines = text.split("\n")
    widths = [cv2.getTextSize(line, face, scale, thick_px)[0][0] for line in lines]
    margin_px = round(MARGIN * CAPITAL_PX)
    height_px = round(CAPITAL_PX * (1 + LINE * (len(lines) - 1))) + 2 * margin_px
    sheet: Image = np.empty((height_px, max(widths) + 2 * margin_px, 3), np.uint8)
    sheet[:] = paper
    for number, (line, width_px) in enumerate(zip(lines, widths, strict=True)):
        x = (sheet.shape[1] - width_px) // 2
        y = margin_px + round(CAPITAL_PX * (1 + LINE * number))
        cv2.putText(sheet, line, (x, y), face, scale, ink, thick_px, cv2.LINE_AA)
    return sheet


def shrunk(sheet: Image, letter_px: float) -> Image:
    """The printed sheet with capitals of `letter_px`."""
    share = letter_px / CAPITAL_PX
    size = max(2, round(sheet.shape[1] * share)), max(2, round(sheet.shape[0] * share))
    return np.asarray(cv2.resize(sheet, size, interpolation=cv2.INTER_AREA), np.uint8)
