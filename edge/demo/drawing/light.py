"""Lights a drawn yard: day, dusk, night with lamps and headlights, infrared; and lets it rain.

Knows nothing of things but where they shine. Called by `picture`.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.demo.drawing.pen import Canvas
from edge.demo.world import Light, Moment
from edge.frames import Image
from edge.geometry import Point

_SHARE = 8  # the map of the light is this much smaller than the picture
Pool = tuple[float, float, float, float]  # x, y, radius (shares of width, height, width), strength


def light_up(canvas: Canvas, moment: Moment, pools: list[Pool]) -> Image:
    """The picture by the moment's light, with what shines in it added."""
    light = moment.light
    image = canvas.image
    if light.infrared:
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        image = np.asarray(cv2.merge([grey] * 3), np.uint8)
    if light.name == "day" and not pools:
        image = _toned(image, light, light.level)
    else:
        image = _toned(image, light, 1.0)
        level = _map_of(canvas.size_px, moment, pools)
        image = np.asarray(cv2.multiply(image, level, scale=1 / 100), np.uint8)
    if canvas.glow is not None:
        glow = canvas.glow
        if light.infrared:
            grey = cv2.cvtColor(glow, cv2.COLOR_RGB2GRAY)
            glow = np.asarray(cv2.merge([grey] * 3), np.uint8)
        image = np.asarray(cv2.add(image, glow), np.uint8)
    return image


def lamp_pools(moment: Moment) -> list[Pool]:
    """What the house's own lamps light up."""
    yard, light = moment.yard, moment.light
    dark = max(0.0, 1.05 - light.level)  # by dusk a lamp adds little
    pools: list[Pool] = []
    if light.name != "day":
        if light.lamp_on and yard.lamp is not None:
            pools.append((yard.lamp[0], yard.lamp[1] + 0.12, 0.22, 1.1 * dark))
        if light.window_lit:
            pools += [(*w.center, 0.10, 0.9 * dark) for w in yard.windows]
        if moment.door != "closed" and yard.entrance is not None and light.lamp_on:
            x, _ = yard.entrance.box.center
            pools.append((x, yard.entrance.box.y2, 0.08, 0.45 * dark))
    return pools


def halo(canvas: Canvas, center_px: Point, radius_px: float, colour: tuple[int, int, int]) -> None:
    """A soft shine around a lamp."""
    size = max(3, round(radius_px)) * 2 + 1
    x0, y0 = round(center_px[0]) - size // 2, round(center_px[1]) - size // 2
    width_px, height_px = canvas.size_px
    x1, y1, x2, y2 = max(0, x0), max(0, y0), min(width_px, x0 + size), min(height_px, y0 + size)
    if x1 >= x2 or y1 >= y2:
        return
    dx = (np.arange(x1, x2, dtype=np.float32) - center_px[0]) / radius_px
    dy = (np.arange(y1, y2, dtype=np.float32) - center_px[1]) / radius_px
    fall = np.exp(-6 * (dx[None] ** 2 + dy[:, None] ** 2))
    core = np.clip(fall * 1.6 - 0.05, 0, 1)[..., None] * np.array(colour, np.float32)
    glow = canvas.shine()
    glow[y1:y2, x1:x2] = cv2.add(glow[y1:y2, x1:x2], core.astype(np.uint8))


def rained_on(image: Image, strength: float, seed: int) -> Image:
    """The picture behind streaks of rain and a little mist."""
    rng = np.random.default_rng((seed, 5))
    height_px, width_px = image.shape[:2]
    num = round(40 + 260 * strength)
    streaks = np.zeros_like(image)
    x = rng.uniform(-0.1, 1.1, num) * width_px
    y = rng.uniform(-0.1, 1, num) * height_px
    long = rng.uniform(0.02, 0.07, num) * height_px
    ends = np.stack([np.stack([x, y], 1), np.stack([x + long * 0.18, y + long], 1)], 1)
    level = round(38 + 34 * strength)
    cv2.polylines(streaks, list(np.rint(ends).astype(np.int32)), False, (level,) * 3, 1)
    misty = cv2.convertScaleAbs(image, alpha=1 - 0.22 * strength, beta=24 * strength)
    return np.asarray(cv2.add(misty, streaks), np.uint8)


def _toned(image: Image, light: Light, level: float) -> Image:
    """Brightness and tint by a table."""
    steps = np.arange(256, dtype=np.float32)[None, :, None]
    tint = np.array(light.tint, np.float32)
    table = np.clip(steps * level * tint, 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(image, table), np.uint8)


def _map_of(size_px: tuple[int, int], moment: Moment, pools: list[Pool]) -> NDArray[np.uint8]:
    """How bright each place is, in hundredths, (H, W, 3)."""
    width_px, height_px = size_px
    w, h = max(2, width_px // _SHARE), max(2, height_px // _SHARE)
    x = (np.arange(w, dtype=np.float32) + 0.5)[None] / w
    y = (np.arange(h, dtype=np.float32) + 0.5)[:, None] / h
    light = moment.light
    level = np.full((h, w), light.level, np.float32)
    if light.infrared:
        level *= 0.55 + 0.75 * np.exp(-2.2 * ((x - 0.5) ** 2 + (y - 0.62) ** 2) * 2)
    shape = height_px / width_px
    for px, py, radius, strength in pools:
        far = ((x - px) ** 2 + ((y - py) * shape) ** 2) / radius**2
        level += strength * np.exp(-1.3 * far)
    small = np.clip(level * 100, 0, 255).astype(np.uint8)
    full = cv2.resize(small, (width_px, height_px))
    return np.asarray(cv2.cvtColor(full, cv2.COLOR_GRAY2RGB), np.uint8)


def flame_light(phase: float, style: int) -> float:
    """How bright a fire is right now, about 0.7..1."""
    return 0.85 + 0.15 * math.sin(2 * math.pi * (phase * 3 + style * 0.37))
