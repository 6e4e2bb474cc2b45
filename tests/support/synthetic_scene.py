"""Synthetic camera frames made by code: a textured scene, noise, light, and things in it.

A Scene paints luma at any time; `frames` turns it into Frames as capture would hand them out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.frames import Frame
from edge.geometry import Box

WIDTH_PX, HEIGHT_PX = 320, 180
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def textured(seed: int = 1, width_px: int = WIDTH_PX, height_px: int = HEIGHT_PX) -> NDArray:
    """A still scene, (h, w) float32 of 50..190: blocks, edges and fine detail at random."""
    rng = np.random.default_rng(seed)
    scene = np.full((height_px, width_px), 110, np.float32)
    for _ in range(40):
        x, y = int(rng.integers(0, width_px)), int(rng.integers(0, height_px))
        w, h = int(rng.integers(10, width_px // 3)), int(rng.integers(8, height_px // 3))
        scene[y : y + h, x : x + w] = rng.integers(60, 180)
    fine = rng.normal(0, 6, scene.shape).astype(np.float32)
    return np.clip(scene + cv2.GaussianBlur(fine, (3, 3), 0), 50, 190)


@dataclass(frozen=True)
class Thing:
    """A striped rectangle; `box_at` gives its place at a time, or None while it is not there."""

    box_at: Callable[[float], Box | None]
    luma: int = 235

    def paint(self, picture: NDArray, t: float) -> None:
        box = self.box_at(t)
        if box is None:
            return
        x1, y1, x2, y2 = box.to_px(picture.shape[1], picture.shape[0])
        part = picture[y1:y2, x1:x2]
        part[:] = self.luma
        part[(y2 - y1) // 3 : (y2 - y1) // 2] = 255 - self.luma  # a belt


def walks(
    start_s: float,
    stop_s: float,
    *,
    frm: tuple[float, float],
    to: tuple[float, float],
    size: tuple[float, float],
    stays_s: float = 0.0,
) -> Callable[[float], Box | None]:
    """A way from one top left corner to another; afterwards it stays for a while, then is gone."""

    def box_at(t: float) -> Box | None:
        if not start_s <= t < stop_s + stays_s:
            return None
        share = min(1.0, (t - start_s) / (stop_s - start_s))
        x = frm[0] + share * (to[0] - frm[0])
        y = frm[1] + share * (to[1] - frm[1])
        x1, y1 = max(0.0, x), max(0.0, y)
        x2, y2 = min(1.0, x + size[0]), min(1.0, y + size[1])
        return Box(x1, y1, x2, y2) if x1 < x2 - 1e-6 and y1 < y2 - 1e-6 else None

    return box_at


@dataclass(frozen=True)
class Scene:
    """What the camera sees; `light` maps a time to gain and offset."""

    things: tuple[Thing, ...] = ()
    noise: float = 2.0  # standard deviation in grey levels
    light: Callable[[float], tuple[float, float]] = lambda _t: (1.0, 0.0)
    background: NDArray = field(default_factory=textured)
    seed: int = 7

    def luma(self, t: float, rng: np.random.Generator) -> NDArray[np.uint8]:
        picture = self.background.copy()
        for thing in self.things:
            thing.paint(picture, t)
        gain, offset = self.light(t)
        picture = picture * gain + offset
        if self.noise:
            picture += rng.normal(0, self.noise, picture.shape)
        return np.clip(np.rint(picture), 0, 255).astype(np.uint8)

    def frames(self, times: Iterable[float], shift_s: float = 0.0) -> list[Frame]:
        rng = np.random.default_rng(self.seed)
        return [frame_of(self.luma(t, rng), t + shift_s, seq) for seq, t in enumerate(times)]


def frame_of(luma: NDArray[np.uint8], pts_s: float, seq: int = 0, scale: int = 1) -> Frame:
    """A Frame of this luma; its picture is the luma in three channels, `scale` times larger."""
    height, width = luma.shape

    def image() -> NDArray[np.uint8]:
        return np.repeat(luma.repeat(scale, 0).repeat(scale, 1)[:, :, None], 3, axis=2)

    return Frame(
        camera="yard",
        luma=luma,
        width_px=width * scale,
        height_px=height * scale,
        pts_s=pts_s,
        mono_s=pts_s + 1000,
        captured_at=EPOCH + timedelta(seconds=pts_s),
        seq=seq,
        is_iframe=seq % 10 == 0,
        after_gap=seq == 0,
        read_image=image,
    )


def after_gap(frame: Frame) -> Frame:
    """The same frame, as the first one after a gap."""
    return replace(frame, after_gap=True)


def grid(duration_s: float, fps: float = 5.0, start_s: float = 0.0) -> list[float]:
    """Evenly spaced times."""
    return [start_s + i / fps for i in range(round(duration_s * fps))]
