"""Pages of text and scenes with known faults, drawn by code."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image as PilImage
from PIL import ImageDraw, ImageFont

from edge.demo.drawing import draw
from edge.demo.story import Story
from edge.frames import Image

WORDS = (
    "The delivery arrived at the depot shortly before noon and was signed for by the night guard. "
    "Two of the parcels had been opened; their labels were readable but partly torn. We have kept "
    "the packaging for you to inspect and will hold it until the end of the month. Please tell us "
    "which of the items you would like to have replaced, and whether the driver left a note. "
)


def draw_page(
    width: int = 900,
    height: int = 1200,
    *,
    letter_px: int = 22,
    ink: int = 25,
    paper: int = 235,
    sensor_noise: float = 1.5,
) -> Image:
    """A page of English text as a camera sees it: not quite white, with a little noise."""
    picture = PilImage.new("L", (width, height), paper)
    pen = ImageDraw.Draw(picture)
    font = ImageFont.load_default(letter_px)
    margin = max(8, width // 12)
    words = (WORDS * 40).split()
    y, line_px = margin, round(letter_px * 1.6)
    while y + line_px < height - margin and words:
        line = words.pop(0)
        while words and pen.textlength(f"{line} {words[0]}", font) < width - 2 * margin:
            line += f" {words.pop(0)}"
        pen.text((margin, y), line, ink, font)
        y += line_px
    return add_noise(np.repeat(np.array(picture)[:, :, None], 3, axis=2), sensor_noise)


def add_noise(image: Image, sigma: float) -> Image:
    """With normal noise of that many grey levels."""
    noise = np.random.default_rng(5).normal(0, sigma, (*image.shape[:2], 1))
    return np.clip(np.rint(image + noise), 0, 255).astype(np.uint8)


def tilt(image: Image, degrees: float) -> Image:
    """Turned clockwise within its size, on a ground of paper."""
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 0.85)
    ground = tuple(float(level) for level in image[2, 2])
    return cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_CUBIC, borderValue=ground)


def cast_shadow(image: Image, darkest: float = 0.35) -> Image:
    """Darker towards one corner, softly."""
    height, width = image.shape[:2]
    y, x = np.mgrid[0:height, 0:width]
    along = (x / width + y / height) / 2
    light = darkest + (1 - darkest) / (1 + np.exp(-(along - 0.5) * 10))
    return np.rint(image * light[:, :, None]).astype(np.uint8)


def draw_scene(seed: int = 7, night: str = "0") -> Image:
    """A moment of the demo's yard, 1280 x 720: an ordinary picture."""
    return draw(Story(seed=seed, night=night, weather="dry").moment_at(12.0), 1280, 720).picture
