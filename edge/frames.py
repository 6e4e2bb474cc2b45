"""Frame and Keyframe: what capture hands to the sampler, and what the sampler hands on.

A Frame carries a small luma picture for the sampler and decodes its colours only when asked; a
Keyframe owns its pixels and can cross a process boundary.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge.geometry import Box

Image = NDArray[np.uint8]  # (H, W, 3) uint8 RGB
Luma = NDArray[np.uint8]  # (h, w) uint8

LUMA_WIDTH_PX = 320  # frames are offered to the sampler at most this wide, never enlarged

Trigger = Literal["motion", "scene", "tamper", "periodic", "command"]
Phase = Literal["peak", "after"]


def _is_at_hand() -> None:
    """Nothing to begin with."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One decoded picture of a camera.

    `luma` is (h, w) uint8, at most LUMA_WIDTH_PX wide, in the frame's aspect ratio. `pts_s` is the
    stream's presentation time and only grows within one opened stream; sampler decisions use it.
    `mono_s` is the monotonic clock when the packet was received, `captured_at` the aware UTC time.
    `seq` counts frames since the source was opened, dropped ones included. `after_gap` is true for
    the first frame after a reconnect, an error, a lost stretch or a change of size.
    """

    camera: str
    luma: Luma
    width_px: int
    height_px: int
    pts_s: float
    mono_s: float
    captured_at: datetime
    seq: int
    is_iframe: bool
    after_gap: bool
    read_image: Callable[[], Image] = field(repr=False, compare=False)
    expect_image: Callable[[], None] = field(default=_is_at_hand, repr=False, compare=False)

    def expect(self) -> None:
        """The picture, or that of a later frame, may be asked for soon: where it has to be decoded
        first, that begins. Returns at once.
        """
        self.expect_image()

    def image(self) -> Image:
        """The whole picture at native size, (H, W, 3) uint8 RGB; converts on each call."""
        return self.read_image()


@dataclass(frozen=True, slots=True)
class Keyframe:
    """A frame that the sampler chose. Owns its pixels; crosses from the camera's process to main.

    `trigger` says why; `phase` tells a motion keyframe taken at the best moment of the movement
    (`peak`) from the one taken when the scene has come to rest in a new state (`after`).
    `boxes` are where it moved, largest first, empty where the whole frame counts. `zones` are the
    names of the camera's zones touched by the boxes (all zones when there are no boxes). `before`
    is the quiet picture from before the movement, same size, where there is one. `score` 0..1 is
    how strong the trigger was; `sharpness` is the variance of the luma's Laplacian in the boxes.
    `quality` 0..1 is how good a picture it is: large, sharp, not cut off, unlike the last ones.
    `started_pts_s` is when the movement began (equal to `pts_s` for other triggers).
    `detail` names the kind of tamper (`covered`, `black`, `defocused`, `frozen`,
    `moved`), else "".
    """

    camera: str
    image: Image = field(repr=False)
    before: Image | None = field(repr=False)
    pts_s: float
    mono_s: float
    captured_at: datetime
    seq: int
    trigger: Trigger
    phase: Phase | None
    score: float
    boxes: tuple[Box, ...]
    zones: tuple[str, ...]
    sharpness: float
    started_pts_s: float
    detail: str = ""
    quality: float = 0.0

    @property
    def width_px(self) -> int:
        """Width of the picture."""
        return int(self.image.shape[1])

    @property
    def height_px(self) -> int:
        """Height of the picture."""
        return int(self.image.shape[0])
