"""Draws parcels, fire and smoke.

Called by `things` with a pen whose unit is the thing's height.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from edge.demo.drawing.letters import CAPITAL_PX, MARGIN, print_text, shrunk
from edge.demo.drawing.pen import Pen, darker, mixed
from edge.demo.world import Colour, Thing
from edge.geometry import Point

PARCEL_REACH = (1.3, 1.3, 0.03, 1.04)
FIRE_REACH = (0.8, 0.8, 0.05, 1.15)
SMOKE_REACH = (0.75, 0.75, 0.05, 1.1)
PARCEL_HALF = (0.55, 0.72, 0.95, 0.62)  # half widths by style, in heights
_SMOKE_PX = 60  # a plume is worked out at this height
_LID = 0.24  # share of a parcel's height that is its upper face


def draw_parcel(pen: Pen, thing: Thing) -> tuple[Point, Point, float] | None:
    """A cardboard box with its lid, tape and label.

    Returns left lower and right upper corner of the text and its letters' height, in units; None
    without text.
    """
    half = PARCEL_HALF[thing.style % len(PARCEL_HALF)]
    lean = 0.16 if thing.style % 2 else -0.16
    top = 1 - _LID
    tint = thing.tint
    left, right = -half, half - abs(lean)
    if lean < 0:
        left, right = -half + abs(lean), half
    pen.polygon([(left, 0), (left, top), (right, top), (right, 0)], tint)
    pen.polygon(
        [(left, top), (left + lean, 1.0), (right + lean, 1.0), (right, top)],
        mixed(tint, (255, 255, 255), 0.25),
    )
    edge = right if lean > 0 else left
    pen.polygon(
        [(edge, 0), (edge + lean, _LID), (edge + lean, 1.0), (edge, top)], darker(tint, 0.66)
    )
    middle = (left + right) / 2
    tape = mixed(tint, (235, 220, 180), 0.6) if thing.colour != "white" else (196, 160, 110)
    pen.polygon(
        [
            *((middle - 0.07, top * 0.62), (middle - 0.07, top), (middle - 0.07 + lean, 1.0)),
            *((middle + 0.07 + lean, 1.0), (middle + 0.07, top), (middle + 0.07, top * 0.62)),
        ],
        tape,
    )
    outline = darker(tint, 0.55)
    pen.line([(left, 0), (left, top), (right, top), (right, 0), (left, 0)], 0.018, outline)
    if not thing.text:
        x = left + (right - left) * 0.12
        pen.polygon([(x, 0.12), (x, 0.36), (x + 0.3, 0.36), (x + 0.3, 0.12)], (238, 238, 232))
        pen.line([(x + 0.05, 0.28), (x + 0.24, 0.28)], 0.025, (60, 60, 60))
        pen.line([(x + 0.05, 0.20), (x + 0.18, 0.20)], 0.025, (60, 60, 60))
        return None
    return _draw_label(pen, thing, left, right, top)


def _draw_label(
    pen: Pen, thing: Thing, left: float, right: float, top: float
) -> tuple[Point, Point, float]:
    ink: Colour = (18, 18, 20)
    sheet = print_text(thing.text, thing.style, ink, (240, 240, 234))
    wide = sheet.shape[1] / CAPITAL_PX
    high = sheet.shape[0] / CAPITAL_PX
    letter = min((right - left) * 0.94 / wide, top * 0.80 / high)
    sheet = shrunk(sheet, max(3.0, letter * pen.unit_px))
    x, y = (left + right) / 2 - wide * letter / 2, top * 0.5 + high * letter / 2
    pen.patch(sheet, [(x, y), (x + wide * letter, y), (x, y - high * letter)])
    inner = MARGIN * letter
    return (
        (x + inner, y - high * letter + inner),
        (x + wide * letter - inner, y - inner),
        letter,
    )


def draw_fire(pen: Pen, thing: Thing) -> None:
    """Tongues of flame over each other, redder outside; they flicker with `phase`."""
    rng = np.random.default_rng(thing.style)
    tongues = rng.uniform(0, 1, (7, 4))
    layers: tuple[tuple[float, Colour], ...] = (
        (1.0, (196, 48, 10)),
        (0.80, (240, 104, 16)),
        (0.58, (255, 178, 40)),
        (0.34, (255, 240, 150)),
    )
    for share, colour in layers:
        for i, (x, tall, wide, start) in enumerate(tongues):
            flicker = math.sin(2 * math.pi * (thing.phase * (1 + i % 3) + start))
            middle = (x - 0.5) * 0.75
            height = (0.45 + 0.55 * tall * (1 - abs(middle))) * (0.86 + 0.14 * flicker) * share
            half = (0.14 + 0.12 * wide) * (0.55 + 0.45 * share)
            tip = middle * 0.7 + 0.10 * flicker
            pen.polygon(
                [
                    *((middle - half, 0.02), (middle - half * 1.05, height * 0.30)),
                    *((middle - half * 0.35 + 0.03 * flicker, height * 0.62), (tip, height)),
                    *((middle + half * 0.55 + 0.03 * flicker, height * 0.55),),
                    *((middle + half * 1.05, height * 0.28), (middle + half, 0.02)),
                ],
                colour,
            )
    pen.line([(-0.42, 0.02), (0.42, 0.05)], 0.05, (40, 24, 18))


def draw_smoke(pen: Pen, thing: Thing) -> None:
    """A soft plume that widens as it rises and drifts with `phase`."""
    rng = np.random.default_rng(thing.style)
    height_px, width_px = pen.sheet.shape[:2]
    scale = max(1.0, pen.unit_px / _SMOKE_PX)  # soft things are drawn small
    size = max(2, round(width_px / scale)), max(2, round(height_px / scale))
    cover = np.zeros((size[1], size[0]), np.float32)
    for i in range(18):
        rise = (i / 18 + thing.phase) % 1.0
        side = (rng.uniform(-1, 1) * 0.22 + 0.30 * math.sin(thing.style) * rise) * (0.3 + rise)
        radius = (0.07 + 0.17 * rise) * rng.uniform(0.8, 1.2)
        x, y = pen.px(side, 0.04 + rise * 0.88)
        strength = float(min(1.0, rise * 8) * min(1.0, (1 - rise) * 2.5))
        puff = np.zeros_like(cover)
        center = round(x / scale), round(y / scale)
        cv2.circle(puff, center, max(1, round(radius * pen.unit_px / scale)), strength, -1)
        np.maximum(cover, puff, out=puff)
        cover = cover * 0.35 + puff * 0.65
    sigma = max(0.8, 0.035 * pen.unit_px / scale)
    soft = cv2.GaussianBlur(cover, (0, 0), sigma)
    alpha = np.clip(cv2.resize(soft, (width_px, height_px)) * 1.15, 0, 0.92).astype(np.float32)
    shade = np.linspace(1.12, 0.88, height_px, dtype=np.float32)[:, None]
    bright = alpha * shade
    planes = [np.clip(bright * value, 0, 255).astype(np.uint8) for value in thing.tint]
    covered = (alpha * 255).astype(np.uint8)
    pen.sheet[:] = cv2.merge([*(np.minimum(plane, covered) for plane in planes), covered])
