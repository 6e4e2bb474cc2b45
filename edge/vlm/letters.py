"""Letters: shows the text of a page larger where the model would be fed it too small to read.

A small picture is enlarged as a whole; of a large one the part with the text is shown beside it, in
one piece or in two. Called by `enhance`.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from edge.enhancement import Detailed, Enlarged, Step
from edge.frames import Image
from edge.geometry import Box
from edge.vlm.page import Page

LEGIBLE_PX = 8.0  # small letters (an x) as fed; two or three of them lie in a patch of 16 px
LARGE_PX = 12.0  # what tiny ones are enlarged to
MOST_ENLARGED = 4.0  # beyond it there is nothing to be seen in them
LEAST_GAIN = 1.3  # what is not so much larger is not worth the time


def show_larger(
    image: Image, page: Page, max_pixels: int, max_details: int
) -> tuple[Image, tuple[Image, ...], list[Step]]:
    """The picture, the parts of it to be shown beside it, and what was done.

    `max_pixels` is what is fed of each picture. Nothing is done to letters that are legible.
    """
    steps: list[Step] = []
    height, width = image.shape[:2]
    letter_px = page.letter_frac * max(height, width)
    fed = _fed_scale(width * height, max_pixels)
    if letter_px * fed >= LEGIBLE_PX:
        return image, (), steps
    factor = min(MOST_ENLARGED, LARGE_PX / letter_px, math.sqrt(max_pixels / (width * height)))
    if factor >= LEAST_GAIN:
        image = _resized(image, factor)
        steps.append(Enlarged(round(factor, 2)))
        return image, (), steps
    boxes = _pieces(page, width, height, max_pixels, max_details)
    details = []
    for box in boxes:
        scale = _detail_scale(box, width, height, letter_px, max_pixels)
        x1, y1, x2, y2 = box.to_px(width, height)
        part = np.ascontiguousarray(image[y1:y2, x1:x2])
        details.append(_resized(part, scale) if scale > 1 else part)
        steps.append(Detailed(round(scale / fed, 2), box))
    return image, tuple(details), steps


def _pieces(page: Page, width: int, height: int, max_pixels: int, most: int) -> list[Box]:
    """The fewest pieces of the text that are legible, else as many as make it larger; or none."""
    letter_px = page.letter_frac * max(width, height)
    fed = _fed_scale(width * height, max_pixels)
    found: list[Box] = []
    for num in range(1, most + 1):
        boxes = _divided(page, num, width, height)
        scale = min(_detail_scale(box, width, height, letter_px, max_pixels) for box in boxes)
        if scale >= LEAST_GAIN * fed:
            found = boxes
        if letter_px * scale >= LEGIBLE_PX:
            break
    return found


def _divided(page: Page, num: int, width: int, height: int) -> list[Box]:
    """The text in `num` pieces from top to bottom, or from left to right where it is wide; they
    overlap by two lines or some letters, so that each is whole in one of them.
    """
    text = page.text
    is_tall = text.height * height >= text.width * width
    lap = 2 * page.letter_frac * max(width, height) / (height if is_tall else width)
    first, last = (text.y1, text.y2) if is_tall else (text.x1, text.x2)
    step = (last - first) / num
    pieces = []
    for n in range(num):
        low = max(first, first + n * step - lap)
        high = min(last, first + (n + 1) * step + lap)
        pieces.append(
            Box(text.x1, low, text.x2, high) if is_tall else Box(low, text.y1, high, text.y2)
        )
    return pieces


def _fed_scale(pixels: float, max_pixels: int) -> float:
    return min(1.0, math.sqrt(max_pixels / pixels))


def _detail_scale(box: Box, width: int, height: int, letter_px: float, max_pixels: int) -> float:
    """At what size a part is fed, against its own pixels."""
    pixels = box.area * width * height
    return min(MOST_ENLARGED, max(1.0, LARGE_PX / letter_px), math.sqrt(max_pixels / pixels))


def _resized(image: Image, factor: float) -> Image:
    size = (round(image.shape[1] * factor), round(image.shape[0] * factor))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_CUBIC))
