"""What moves without anybody: wind, rain, shake, lamps; and a walker who must be seen in it."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.frames import Frame
from edge.sampler.sampler import Sampler
from edge.sampler.settings import SamplerSettings
from tests.support.synthetic_scene import Thing, frame_of, grid, textured, walks

Picture = NDArray[np.float32]
WALK_S = (20.0, 25.0)
LEARNED_S = 3.0  # leaves that sway from the first picture on cannot be told before
Y, X = np.mgrid[0:180, 0:320].astype(np.float32)


def leaves(picture: Picture, t: float) -> Picture:
    """A hedge over the left third sways without end."""
    fine = textured(5) + np.random.default_rng(6).normal(0, 25, (180, 320)).astype(np.float32)
    hedge = cv2.GaussianBlur(fine, (5, 5), 0)
    dx = 3 * np.sin(3 * t + Y / 15)
    swayed = cv2.remap(hedge, X + dx, Y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return np.where(X < 110, swayed, picture)


def rain(picture: Picture, t: float) -> Picture:
    """Bright streaks, never twice in one place."""
    rng = np.random.default_rng(round(t * 1000))
    drops = np.zeros_like(picture)
    for _ in range(100):
        x, y = int(rng.integers(0, 320)), int(rng.integers(-10, 180))
        bright = float(rng.integers(10, 60))
        cv2.line(drops, (x, y), (x + 2, y + int(rng.integers(4, 12))), bright)
    return picture + drops


def shake(picture: Picture, t: float) -> Picture:
    """The whole picture jumps by a pixel or so."""
    dx, dy = np.random.default_rng(round(t * 1000)).normal(0, 0.8, 2)
    matrix = np.float32([[1, 0, dx], [0, 1, dy]])
    return cv2.warpAffine(picture, matrix, (320, 180), borderMode=cv2.BORDER_REPLICATE)


def exposure(picture: Picture, t: float) -> Picture:
    """Exposure falls, rises and falls."""
    return picture * np.float32(1 + 0.3 * np.sin(t / 3))


def lamp(picture: Picture, t: float) -> Picture:
    """A lamp lights the right half every now and then."""
    is_on = 6 <= t < 11 or 15 <= t < 40
    return picture * (1 + is_on * 0.6 * np.exp(-(((X - 240) / 80) ** 2) - ((Y - 70) / 70) ** 2))


def film(nuisance: Callable, fps: float, *, walker: bool, noise: float = 2.0) -> list[Frame]:
    """35 s of a textured scene with the nuisance, and somebody who crosses it at WALK_S."""
    rng = np.random.default_rng(1)
    box_at = walks(*WALK_S, frm=(-0.08, 0.4), to=(1.0, 0.4), size=(0.08, 0.4))
    frames = []
    for seq, t in enumerate(grid(35, fps)):
        picture = textured()
        if nuisance is leaves:
            picture = leaves(picture, t)
        if walker:
            Thing(box_at).paint(picture, t)
        if nuisance is not leaves:
            picture = nuisance(picture, t)
        picture = picture + rng.normal(0, noise, picture.shape)
        frames.append(frame_of(np.clip(picture, 0, 255).astype(np.uint8), t, seq))
    return frames


@pytest.mark.parametrize("fps", [2.0, 5.0, 10.0])
@pytest.mark.parametrize("nuisance", [leaves, rain, shake, exposure, lamp])
def test_only_the_walker_gives_keyframes(nuisance: Callable, fps: float) -> None:
    sampler = Sampler(SamplerSettings("yard"))
    times = []
    for frame in film(nuisance, fps, walker=True):
        times += [keyframe.pts_s for keyframe in sampler.step(frame)]
    assert any(WALK_S[0] <= t <= WALK_S[0] + 2 for t in times), "seen soon after coming"
    known = [t for t in times if t > LEARNED_S]
    assert all(WALK_S[0] - 0.2 <= t <= WALK_S[1] + 1.5 for t in known)
    assert len(times) - len(known) <= 2, "a peak and an after, before anything is known"


def test_quiet_is_told_to_whoever_saves_pictures() -> None:
    sampler = Sampler(SamplerSettings("yard"))
    quiet = {}
    for frame in film(lambda picture, _t: picture, 5.0, walker=True):
        sampler.step(frame)
        quiet[round(frame.pts_s, 1)] = sampler.is_quiet
    assert all(quiet[t] for t in (5.0, 10.0, 19.8, 30.0))
    assert not any(quiet[t] for t in (20.8, 22.0, 24.0, 25.2))
