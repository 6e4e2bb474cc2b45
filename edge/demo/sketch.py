"""Draws the demo's yard: the ground and the house once, then what moves, then the sensor's noise.

Knows no clock. Pictures are (H, W, 3) uint8 RGB. Called by `scene`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.demo.story import DOOR, STEP, Look, Thing
from edge.frames import Image
from edge.geometry import Box

NOISE_SIGMA = 2.0  # grey levels; a decent camera by day
NUM_NOISE_FIELDS = 8
SKIN = (205, 160, 130)
Colour = tuple[int, int, int]


def draw_yard(seed: int, width_px: int, height_px: int) -> Image:
    """The empty yard: a wall with a door and a window, grass, and a path to the step."""
    rng = np.random.default_rng((seed, 1))
    image = np.empty((height_px, width_px, 3), np.uint8)
    ground_y = round(0.60 * height_px)
    image[:ground_y] = (168, 150, 132)
    image[ground_y:] = (92, 122, 66)
    _draw_bricks(image[:ground_y])
    path = [(STEP[0] - 0.07, 0.62), (STEP[0] + 0.07, 0.62), (0.78, 1.0), (0.36, 1.0)]
    cv2.fillPoly(image, [_points(image, path)], (158, 152, 142), cv2.LINE_AA)
    _fill(image, Box(0.12, 0.14, 0.30, 0.40), (226, 226, 220))
    _fill(image, Box(0.13, 0.16, 0.29, 0.38), (70, 84, 98))
    _fill(image, Box(0.207, 0.16, 0.213, 0.38), (226, 226, 220))
    _fill(image, DOOR.expanded(0.012), (232, 228, 218))
    _fill(image, DOOR, (112, 62, 38))
    _fill(image, Box(0.475, 0.26, 0.555, 0.36), (96, 108, 118))
    cv2.circle(image, _pixel(image, 0.557, 0.43), max(1, height_px // 90), (210, 180, 80), -1)
    _fill(image, Box(0.43, 0.60, 0.60, 0.635), (186, 182, 174))
    return _with_texture(image, rng, ground_y)


def draw_things(yard: Image, things: Iterable[Thing]) -> Image:
    """A copy of the yard with `things` in it, drawn in the order given."""
    image = yard.copy()
    for thing in things:
        if thing.look is not None:
            _draw_person(image, thing, thing.look)
        else:
            _draw_parcel(image, thing.box)
    return image


class Sensor:
    """Adds the noise of a camera's sensor: the same for the same seed and picture number."""

    def __init__(self, seed: int, width_px: int, height_px: int) -> None:
        rng = np.random.default_rng((seed, 2))
        fields = rng.normal(0, NOISE_SIGMA, (NUM_NOISE_FIELDS, height_px, width_px, 1))
        self._seed = seed
        self._fields: NDArray[np.int16] = np.rint(fields).astype(np.int16)

    def expose(self, image: Image, number: int) -> Image:
        """The picture with noise; each field is shifted, so that no two pictures are alike."""
        rng = np.random.default_rng((self._seed, 3, number))
        field = self._fields[rng.integers(NUM_NOISE_FIELDS)]
        shift = rng.integers(field.shape[0]), rng.integers(field.shape[1])
        noise = np.roll(field, shift, axis=(0, 1))
        noisy: Image = np.clip(image + noise, 0, 255).astype(np.uint8)
        return noisy


def _draw_bricks(wall: Image) -> None:
    row_px = max(4, wall.shape[0] // 18)
    for row, y in enumerate(range(0, wall.shape[0], row_px)):
        wall[y : y + 1] = (140, 126, 112)
        for x in range((row % 2) * row_px, wall.shape[1], 2 * row_px):
            wall[y : y + row_px, x : x + 1] = (140, 126, 112)


def _with_texture(image: Image, rng: np.random.Generator, ground_y: int) -> Image:
    """Fine and coarse variation of brightness, stronger on the ground."""
    height_px, width_px = image.shape[:2]
    size = (width_px, height_px)
    fine = rng.normal(0, 5, (height_px, width_px)).astype(np.float32)
    coarse = rng.normal(0, 7, (height_px // 12 + 1, width_px // 12 + 1)).astype(np.float32)
    texture = fine + cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
    texture[:ground_y] *= 0.4
    textured: Image = np.clip(image + texture[..., None], 0, 255).astype(np.uint8)
    return textured


def _draw_person(image: Image, thing: Thing, look: Look) -> None:
    """A figure from the front: shadow, legs that step, arms that swing, coat, head and hair."""
    height_px = thing.height * image.shape[0]
    x_px, y_px = thing.foot[0] * image.shape[1], thing.foot[1] * image.shape[0]

    def at(right: float, up: float) -> tuple[int, int]:
        return round(x_px + right * height_px), round(y_px - up * height_px)

    def thick(share: float) -> int:
        return int(max(1, round(share * height_px)))

    swing = 0.09 * math.sin(2 * math.pi * thing.stride)
    shadow = _darkened(image[min(image.shape[0] - 1, round(y_px)), 0].tolist())
    cv2.ellipse(image, at(0, 0), (thick(0.16), thick(0.03)), 0, 0, 360, shadow, -1, cv2.LINE_AA)
    for side in (-1, 1):
        foot = at(side * (0.05 + swing), max(0.0, side * swing) * 0.4)
        cv2.line(image, at(side * 0.05, 0.45), foot, look.trousers, thick(0.075), cv2.LINE_AA)
        hand = at(side * 0.13 - swing, 0.45)
        coat = _darkened(look.coat)
        cv2.line(image, at(side * 0.11, 0.77), hand, coat, thick(0.06), cv2.LINE_AA)
        cv2.circle(image, hand, thick(0.028), SKIN, -1, cv2.LINE_AA)
    body = [at(-0.12, 0.80), at(0.12, 0.80), at(0.10, 0.42), at(-0.10, 0.42)]
    cv2.fillPoly(image, [np.array(body, np.int32)], look.coat, cv2.LINE_AA)
    cv2.circle(image, at(0, 0.925), thick(0.075), look.hair, -1, cv2.LINE_AA)
    cv2.circle(image, at(0, 0.90), thick(0.062), SKIN, -1, cv2.LINE_AA)


def _draw_parcel(image: Image, box: Box) -> None:
    _fill(image, box, (176, 130, 80))
    x, _ = box.center
    tape = box.width * 0.08
    _fill(image, Box(x - tape, box.y1, x + tape, box.y2), (214, 190, 140))
    x1, y1, x2, y2 = box.to_px(image.shape[1], image.shape[0])
    cv2.rectangle(image, (x1, y1), (x2 - 1, y2 - 1), (120, 84, 48), 1)


def _fill(image: Image, box: Box, colour: Colour) -> None:
    x1, y1, x2, y2 = box.to_px(image.shape[1], image.shape[0])
    image[y1:y2, x1:x2] = colour


def _pixel(image: Image, x: float, y: float) -> tuple[int, int]:
    return round(x * image.shape[1]), round(y * image.shape[0])


def _points(image: Image, fractions: list[tuple[float, float]]) -> NDArray[np.int32]:
    return np.array([_pixel(image, x, y) for x, y in fractions], np.int32)


def _darkened(colour: Iterable[int]) -> Colour:
    red, green, blue = (int(value * 0.75) for value in colour)
    return red, green, blue
