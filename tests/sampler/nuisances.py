"""What cameras show when nothing happens: wind, rain, light, codecs, poles; as functions of time.

Each takes the scene as a float picture, (180, 320), and gives it as it looks at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.support.synthetic_scene import textured

Picture = NDArray[np.float32]
Nuisance = Callable[[Picture, float], Picture]

HEIGHT_PX, WIDTH_PX = 180, 320
Y, X = np.mgrid[0:HEIGHT_PX, 0:WIDTH_PX].astype(np.float32)


def nothing(picture: Picture, _t: float) -> Picture:
    """The scene as it is."""
    return picture


# What moves by itself


@cache
def _hedge() -> Picture:
    grain = np.random.default_rng(6).normal(0, 25, (HEIGHT_PX, WIDTH_PX)).astype(np.float32)
    return cv2.GaussianBlur(textured(5) + grain, (5, 5), 0)


def leaves(picture: Picture, t: float) -> Picture:
    """A hedge over the left third sways without end."""
    dx = 3 * np.sin(3 * t + Y / 15)
    swayed = cv2.remap(_hedge(), X + dx, Y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return np.where(X < 110, swayed, picture)


def water(picture: Picture, t: float) -> Picture:
    """A pond fills the lower left: waves in two directions, and glitter on them."""
    waves = 110 + 18 * np.sin(Y / 2.5 + 2.3 * t + 2 * np.sin(X / 9)) + 12 * np.sin(X / 3 - 3 * t)
    glitter = 60 * (np.sin(X / 2 + Y + 5 * t + 3 * np.sin(X / 7)) > 0.95)
    return np.where((Y > 110) & (X < 140), waves + glitter, picture)


def flag(picture: Picture, t: float) -> Picture:
    """A striped flag waves in the upper left."""
    stripes = 110 + 70 * np.sign(np.sin((X + 4 * np.sin(4 * t + X / 8)) / 5))
    return np.where((Y > 20) & (Y < 60) & (X > 30) & (X < 90), stripes, picture)


def screen(picture: Picture, t: float) -> Picture:
    """A monitor shows a film: another picture five times a second."""
    film = textured(round(t * 5) % 40 + 50, 60, 40)
    shown = picture.copy()
    shown[30:70, 20:80] = film
    return shown


# Weather


def rain(picture: Picture, t: float) -> Picture:
    """Bright streaks, never twice in one place."""
    rng = np.random.default_rng(round(t * 1000))
    drops = np.zeros_like(picture)
    for _ in range(100):
        x, y = int(rng.integers(0, 320)), int(rng.integers(-10, 180))
        bright = float(rng.integers(10, 60))
        cv2.line(drops, (x, y), (x + 2, y + int(rng.integers(4, 12))), bright)
    return picture + drops


def clouds(picture: Picture, t: float) -> Picture:
    """Shadows with soft edges, half a picture wide, pass from left to right."""
    shadow = 1 / (1 + np.exp(-8 * np.sin(X / 60 + Y / 200 - t / 2.5)))
    return picture * (1 - 0.35 * shadow)


# Light


def exposure(picture: Picture, t: float) -> Picture:
    """Exposure falls, rises and falls."""
    return picture * np.float32(1 + 0.3 * np.sin(t / 3))


def ramps(picture: Picture, t: float) -> Picture:
    """Every 8 s exposure control runs to another level within a second."""
    levels = (1.0, 1.35, 0.8, 1.15)
    turn, since_s = divmod(t, 8.0)
    before, after = levels[int(turn - 1) % 4], levels[int(turn) % 4]
    return picture * np.float32(before + (after - before) * min(1.0, since_s))


def lamp(picture: Picture, t: float) -> Picture:
    """A lamp lights the right half every now and then."""
    is_on = 5 <= t < 8 or t >= 17
    return picture * (1 + is_on * 0.6 * np.exp(-(((X - 240) / 80) ** 2) - ((Y - 70) / 70) ** 2))


def switch(picture: Picture, t: float) -> Picture:
    """A dim room is lit: white for half a second, then exposure comes down and rings."""
    if t < 6.0 or t >= 17.0:
        return picture * 0.45 + 10
    if t < 6.6:
        return np.full_like(picture, 255)
    since_s = t - 6.6
    return picture * np.float32(1.1 + np.exp(-since_s / 0.35) * np.cos(7 * since_s))


def infrared(picture: Picture, t: float) -> Picture:
    """The infrared filter goes in after half a second of black, and out with a bright overshoot."""
    phase = t % 9.0
    if 6.0 <= phase < 6.5:
        return np.full_like(picture, 16)
    if phase < 6.0:
        return picture * np.float32(1 + 0.9 * max(0.0, 1 - phase))
    return np.clip(30 + 0.8 * picture + 25 * np.sin(picture / 25), 0, 255)


def night(picture: Picture, _t: float) -> Picture:
    """A quarter of the contrast is left, in the dark."""
    return picture * 0.25 + 12


def headlights(picture: Picture, t: float) -> Picture:
    """The cone of a passing car's lights sweeps over the scene, every 6 s."""
    way = (t % 6.0) * 160 - 200
    return picture + 80 * np.exp(-(((X - way) / 45) ** 2) - ((Y - 100) / 40) ** 2)


def flicker(picture: Picture, t: float) -> Picture:
    """Mains light beats with the exposure: bands that wander downwards."""
    return picture * (1 + 0.05 * np.sin(Y / 20 - 2.1 * t))


# Cameras and codecs


def shake(picture: Picture, t: float) -> Picture:
    """The whole picture jumps by a pixel or so."""
    dx, dy = np.random.default_rng(round(t * 1000)).normal(0, 0.8, 2)
    matrix = np.float32([[1, 0, dx], [0, 1, dy]])
    return cv2.warpAffine(picture, matrix, (320, 180), borderMode=cv2.BORDER_REPLICATE)


def pulses(picture: Picture, t: float) -> Picture:
    """Each I-frame, every 2 s, shows fine detail that fades until the next; blocks differ a bit."""
    share = (t % 2.0) / 2.0
    blurred = cv2.GaussianBlur(picture, (0, 0), 0.4 + 1.2 * share)
    offsets = np.random.default_rng(int(t // 2)).normal(0, 2.0, (23, 40)).astype(np.float32)
    return blurred + cv2.resize(offsets, (320, 184), interpolation=cv2.INTER_NEAREST)[:180]


def grain(picture: Picture, t: float) -> Picture:
    """Gain goes up and down: three times the noise in the middle."""
    rng = np.random.default_rng(round(t * 1000))
    more = 6 * max(0.0, np.sin(t / 3))
    return picture + rng.standard_normal(picture.shape, np.float32) * np.float32(more)


# Of these the scene itself moves; a thing is in front of them or behind them.
BEHIND: tuple[Nuisance, ...] = (leaves, water, flag, screen)
BEFORE: tuple[Nuisance, ...] = (
    rain, clouds, exposure, ramps, lamp, switch, infrared, night, headlights, flicker,
    shake, pulses, grain,
)  # fmt: skip
