"""The demo's camera: a drawn yard that is read like any live source.

    demo:yard?seed=7&fps=10&size=640x360

Pictures depend on the seed and the time since opening alone. Opened by a camera's process for URLs
that begin with `demo:`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl

import cv2
import numpy as np

from edge.capture.clock import Clock
from edge.capture.settings import SourceSettings
from edge.demo.sketch import Sensor, draw_things, draw_yard
from edge.demo.story import Thing, things_at
from edge.errors import SourceUnsupported
from edge.frames import LUMA_WIDTH_PX, Frame, Image, Luma

LATE_S = 1.0  # a reader that is later than this gets the newest picture, as from a live camera
MIN_SIZE_PX, MAX_SIZE_PX = (64, 36), (3840, 2160)
MAX_FPS = 60.0
MAX_SEED = 2**32 - 1


@dataclass(frozen=True, slots=True)
class DemoPlan:
    """What a demo URL asks for. `fps` is the camera's own rate, not what is handed on."""

    scene: str = "yard"
    seed: int = 7
    fps: float = 10.0
    width_px: int = 640
    height_px: int = 360


def open_demo(settings: SourceSettings, clock: Clock | None = None) -> DemoSource:
    """Open the synthetic camera of a `demo:` URL. Raises SourceUnsupported for a bad URL."""
    return DemoSource(settings, parse_demo_url(settings.camera, settings.url), clock or Clock())


def parse_demo_url(camera: str, url: str) -> DemoPlan:
    """Read `demo:SCENE?seed=N&fps=N&size=WxH`; every part has a default.

    Raises SourceUnsupported naming the part, its value and what is allowed.
    """
    name, _, query = url.strip().partition(":")[2].partition("?")
    if name not in {"", "yard"}:
        raise SourceUnsupported(f"camera {camera}: the demo has no scene {name!r}, only `yard`")
    values = dict(parse_qsl(query, keep_blank_values=True))
    unknown = sorted(values.keys() - {"seed", "fps", "size"})
    if unknown:
        raise SourceUnsupported(
            f"camera {camera}: a demo scene has no {unknown[0]!r}; allowed are seed, fps and size"
        )
    plan = DemoPlan()
    width_px, height_px = _parse_size(camera, values.get("size", "640x360"))
    return DemoPlan(
        seed=_parse_seed(camera, values.get("seed", str(plan.seed))),
        fps=_parse_fps(camera, values.get("fps", str(plan.fps))),
        width_px=width_px,
        height_px=height_px,
    )


class DemoSource:
    """An open synthetic camera; a context manager."""

    def __init__(self, settings: SourceSettings, plan: DemoPlan, clock: Clock) -> None:
        self._settings = settings
        self._plan = plan
        self._clock = clock
        self._yard = draw_yard(plan.seed, plan.width_px, plan.height_px)
        self._sensor = Sensor(plan.seed, plan.width_px, plan.height_px)

    def frames(self) -> Iterator[Frame]:
        """Frames without end, at the lower of the camera's rate and `settings.fps`.

        Waits for each one's time unless `settings.realtime` is false.
        """
        step = max(1, round(self._plan.fps / self._settings.fps))
        opened_mono_s = self._clock.mono_s()
        number = 0
        first = True
        while True:
            pts_s = number / self._plan.fps
            if self._settings.realtime:
                wait_s = opened_mono_s + pts_s - self._clock.mono_s()
                if wait_s < -LATE_S:
                    number += step * math.ceil(-wait_s * self._plan.fps / step)
                    continue
                if wait_s > 0:
                    self._clock.sleep(wait_s)
            yield self._frame(number, pts_s, after_gap=first)
            first = False
            number += step

    def truth_at(self, t_s: float) -> list[Thing]:
        """What is where in the picture at `pts_s` = `t_s`."""
        return things_at(self._plan.seed, t_s)

    def close(self) -> None:
        """Nothing is held open; here because every source has it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _frame(self, number: int, pts_s: float, *, after_gap: bool) -> Frame:
        clean = draw_things(self._yard, things_at(self._plan.seed, pts_s))
        image = self._sensor.expose(clean, number)
        return Frame(
            camera=self._settings.camera,
            luma=_luma(image),
            width_px=self._plan.width_px,
            height_px=self._plan.height_px,
            pts_s=pts_s,
            mono_s=self._clock.mono_s(),
            captured_at=self._clock.utc(),
            seq=number,
            is_iframe=True,
            after_gap=after_gap,
            read_image=image.copy,
        )


def _luma(image: Image) -> Luma:
    """(h, w) uint8, at most LUMA_WIDTH_PX wide, by area averages."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    height_px, width_px = grey.shape
    if width_px > LUMA_WIDTH_PX:
        size = (LUMA_WIDTH_PX, max(1, round(height_px * LUMA_WIDTH_PX / width_px)))
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    return np.asarray(grey, np.uint8)


def _parse_seed(camera: str, text: str) -> int:
    if not re.fullmatch(r"\d{1,10}", text, re.ASCII) or int(text) > MAX_SEED:
        raise SourceUnsupported(
            f"camera {camera}: seed must be a whole number from 0 to {MAX_SEED}, not {text!r}"
        )
    return int(text)


def _parse_fps(camera: str, text: str) -> float:
    if (
        not re.fullmatch(r"\d{1,3}(\.\d{1,6})?", text, re.ASCII)
        or not 0.1 <= float(text) <= MAX_FPS
    ):
        raise SourceUnsupported(
            f"camera {camera}: fps must be a number from 0.1 to {MAX_FPS:g}, not {text!r}"
        )
    return float(text)


def _parse_size(camera: str, text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text, re.ASCII)
    size = (int(match[1]), int(match[2])) if match else (0, 0)
    if not all(
        low <= side <= high for low, side, high in zip(MIN_SIZE_PX, size, MAX_SIZE_PX, strict=True)
    ):
        low, high = ("x".join(map(str, bound)) for bound in (MIN_SIZE_PX, MAX_SIZE_PX))
        raise SourceUnsupported(
            f"camera {camera}: size must be WIDTHxHEIGHT from {low} to {high}, not {text!r}"
        )
    return size
