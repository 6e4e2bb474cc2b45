"""Draws what stays: wall, ground, windows, door and signs; kept for a yard that is drawn often.

Also says which pixels are the door's and each sign's. Called by `picture`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.demo.drawing.decor import draw_decor
from edge.demo.drawing.letters import CAPITAL_PX, MARGIN, print_text, shrunk
from edge.demo.drawing.pen import Canvas, darker, mixed
from edge.demo.world import Colour, DoorState, Entrance, Sign, Yard
from edge.frames import Image
from edge.geometry import Box, Point

DOOR_OWNER = 1
FIRST_SIGN_OWNER = 2
FIRST_THING_OWNER = 32
INSIDE: Colour = (46, 38, 32)  # the dark of the house behind an open door
SWAYING = {"bush", "tree", "flowers"}


@dataclass(frozen=True, slots=True)
class Ground:
    """An empty yard. `owner` (H, W) says whose each pixel is; `boxes` where the texts are."""

    image: Image
    owner: NDArray[np.uint8]
    boxes: tuple[Box, ...]


@lru_cache(maxsize=12)
def draw_ground(yard: Yard, door: DoorState, width_px: int, height_px: int) -> Ground:
    """The yard without anything that moves. Treat as read-only: it is kept."""
    image: Image = np.empty((height_px, width_px, 3), np.uint8)
    canvas = Canvas(image, np.zeros((height_px, width_px), np.uint8))
    ground_px = round(yard.ground_y * height_px)
    cv2.rectangle(image, (0, 0), (width_px, height_px), yard.ground, -1)
    cv2.rectangle(image, (0, 0), (width_px, ground_px - 1), yard.wall, -1)
    _draw_wall(image[:ground_px], yard)
    for polygon, tint in ((yard.driveway, yard.driveway_tint), (yard.path, yard.path_tint)):
        if polygon:
            cv2.fillPoly(image, [_points(image, polygon)], tint, cv2.LINE_AA)
    _roughen(image, yard, ground_px)
    for window in yard.windows:
        _fill(image, window.expanded(0.012), (222, 222, 216))
        _fill(image, window, (66, 78, 92))
        x, y = window.center
        _fill(image, Box(x - 0.003, window.y1, x + 0.003, window.y2), (222, 222, 216))
        _fill(image, Box(window.x1, y - 0.004, window.x2, y + 0.004), (222, 222, 216))
    if yard.entrance is not None:
        _draw_door(canvas, yard.entrance, door)
    if yard.step is not None:
        _fill(image, yard.step, (182, 178, 170))
        low = Box(yard.step.x1, yard.step.y2 - 0.012, yard.step.x2, yard.step.y2)
        _fill(image, low, (134, 130, 124))
    if yard.lamp is not None:
        x, y = _pixel(image, *yard.lamp)
        cv2.circle(image, (x, y), max(2, height_px // 60), (226, 224, 212), -1, cv2.LINE_AA)
        cv2.line(image, (x, y - height_px // 45), (x, y - height_px // 80), (50, 50, 50), 2)
    boxes = tuple(
        _draw_sign(canvas, sign, FIRST_SIGN_OWNER + i) for i, sign in enumerate(yard.signs)
    )
    for decor in sorted(yard.decor, key=lambda d: d.foot[1]):
        if decor.kind not in SWAYING:
            draw_decor(canvas, decor, 0.0)
    return Ground(image, canvas.owner, boxes)


@lru_cache(maxsize=1)
def _grain() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Fine and coarse variation of brightness, (1024, 1024) each; parts of it are used."""
    rng = np.random.default_rng(1)
    fine = rng.normal(0, 5, (1024, 1024)).astype(np.float32)
    coarse = rng.normal(0, 6, (80, 80)).astype(np.float32)
    return fine, cv2.resize(coarse, (1024, 1024), interpolation=cv2.INTER_CUBIC).astype(np.float32)


def _roughen(image: Image, yard: Yard, ground_px: int) -> None:
    """Fine and coarse variation of brightness, stronger on the ground."""
    height_px, width_px = image.shape[:2]
    rng = np.random.default_rng(yard.seed)
    x, y = (int(v) for v in rng.integers(0, 300, 2))
    fine, coarse = _grain()
    grain = (fine + coarse)[y : y + 720, x : x + 720]
    if width_px > 720 or height_px > 720:
        size = max(720, width_px), max(720, height_px)
        grain = np.asarray(cv2.resize(grain, size), np.float32)
    texture = grain[:height_px, :width_px] * yard.texture
    texture[:ground_px] *= 0.45
    rough = cv2.merge([texture.astype(np.int16)] * 3)
    image[:] = cv2.add(image, rough, dtype=cv2.CV_8U)


def _draw_wall(wall: Image, yard: Yard) -> None:
    seam = darker(yard.wall, 0.86)
    height_px = wall.shape[0]
    if yard.wall_style == "brick":
        row_px = max(4, height_px // 18)
        for row, y in enumerate(range(0, height_px, row_px)):
            wall[y : y + 1] = seam
            wall[y : y + row_px, (row % 2) * row_px :: 2 * row_px] = seam
    elif yard.wall_style == "boards":
        wall[:: max(5, height_px // 14)] = seam


def _draw_door(canvas: Canvas, entrance: Entrance, state: DoorState) -> None:
    """The frame, and the leaf as it stands: it opens into the house, on the side of the handle."""
    image, box = canvas.image, entrance.box
    _fill(image, box.expanded(0.012), entrance.frame)
    share = {"closed": 1.0, "ajar": 0.68, "open": 0.20}[state]
    _fill(image, box, entrance.tint if state == "closed" else INSIDE)
    left_hinge = entrance.hinge == "left"

    def along(x: float) -> float:
        """From the hinge (0) to the handle (1)."""
        return box.x1 + x * box.width if left_hinge else box.x2 - x * box.width

    slant = {"closed": 0.0, "ajar": 0.035, "open": 0.085}[state] * box.height
    leaf = [
        *((along(0), box.y1), (along(share), box.y1 + slant * 0.6)),
        *((along(share), box.y2 - slant), (along(0), box.y2)),
    ]
    tint = {"closed": entrance.tint, "ajar": darker(entrance.tint, 0.88)}.get(
        state, darker(entrance.tint, 0.7)
    )
    cv2.fillPoly(image, [_points(image, leaf)], tint, cv2.LINE_AA)
    panel = mixed(tint, (255, 255, 255), 0.16) if entrance.style % 2 else darker(tint, 0.78)
    if entrance.style == 2:
        panel = (92, 106, 118)
    rows = ((0.10, 0.36), (0.48, 0.90)) if entrance.style != 2 else ((0.09, 0.34),)
    for low, high in rows:
        a, b = along(0.16 * share), along(0.84 * share)
        y1, y2 = box.y1 + low * box.height, box.y1 + high * box.height
        quad = [(a, y1), (b, y1 + slant * 0.3), (b, y2 - slant * 0.5), (a, y2)]
        cv2.fillPoly(image, [_points(image, quad)], panel, cv2.LINE_AA)
    if state != "open":
        knob = _pixel(image, along(0.90 * share), box.y1 + 0.54 * box.height)
        cv2.circle(image, knob, max(1, canvas.size_px[1] // 110), (214, 190, 96), -1, cv2.LINE_AA)
    x1, y1_px, x2, y2_px = box.to_px(*canvas.size_px)
    canvas.owner[y1_px:y2_px, x1:x2] = DOOR_OWNER


def _draw_sign(canvas: Canvas, sign: Sign, owner: int) -> Box:
    """Print it; returns the box of the letters."""
    width_px, height_px = canvas.size_px
    paper = sign.paper
    letter_px = sign.letter * height_px
    sheet = shrunk(print_text(sign.text, sign.font, sign.ink, paper or (0, 0, 0)), letter_px)
    x, y = _pixel(canvas.image, *sign.center)
    h, w = sheet.shape[:2]
    x1, y1 = x - w // 2, y - h // 2
    if sign.post:
        foot = y + h // 2 + round(3.5 * letter_px)
        cv2.line(canvas.image, (x, y), (x, foot), (96, 76, 56), max(2, round(letter_px * 0.35)))
    full = np.dstack([sheet, np.full((h, w), 255, np.uint8)])
    if paper is None:
        mask = shrunk(print_text(sign.text, sign.font, (255, 255, 255), (0, 0, 0)), letter_px)
        ink = np.array(sign.ink, np.uint16)
        full = np.dstack([(mask * ink // 255).astype(np.uint8), mask[..., 0]])
    canvas.lay(full, (x1, y1), owner)
    inner = MARGIN * letter_px
    ends = (x1 + inner, y1 + inner, x1 + w - inner, y1 + h - inner)
    left, right = max(0.0, ends[0]), min(float(width_px), ends[2])
    top, bottom = max(0.0, ends[1]), min(float(height_px), ends[3])
    canvas.owner[round(top) : round(bottom), round(left) : round(right)] = owner
    return Box(left / width_px, top / height_px, right / width_px, bottom / height_px)


def sign_area(sign: Sign, height_px: int) -> int:
    """How many pixels a sign's letters have at least, uncut, with the paper between them."""
    letter_px = sign.letter * height_px
    sheet = print_text(sign.text, sign.font, sign.ink, sign.paper or (0, 0, 0))
    wide = sheet.shape[1] / CAPITAL_PX - 2 * MARGIN
    high = sheet.shape[0] / CAPITAL_PX - 2 * MARGIN
    wide_px, high_px = math.floor(wide * letter_px), math.floor(high * letter_px)
    return int(max(1, wide_px) * max(1, high_px))


def _fill(image: Image, box: Box, colour: Colour) -> None:
    x1, y1, x2, y2 = box.to_px(image.shape[1], image.shape[0])
    cv2.rectangle(image, (x1, y1), (x2 - 1, y2 - 1), colour, -1)


def _pixel(image: Image, x: float, y: float) -> tuple[int, int]:
    return round(x * image.shape[1]), round(y * image.shape[0])


def _points(image: Image, fractions: tuple[Point, ...] | list[Point]) -> NDArray[np.int32]:
    return np.array([_pixel(image, x, y) for x, y in fractions], np.int32)
