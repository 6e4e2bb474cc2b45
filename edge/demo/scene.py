"""The demo's camera: a drawn yard that is read like any live source.

    demo:yard?seed=7&fps=10&size=640x360&night=auto&weather=auto&events=all&sign=WORDS

`night` is auto, 0 or 1; `weather` auto, dry or rain; `events` all, visits, calm or tamper (see
`story`); `sign` is an order for the sign in the yard, `_` for a blank. Pictures depend on these and
the time since opening alone. Opened by a camera's process for URLs that begin with `demo:`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self, cast, get_args
from urllib.parse import parse_qsl

import cv2
import numpy as np

from edge.capture.clock import Clock
from edge.capture.facts import Counters, SourceFacts
from edge.capture.settings import SourceSettings
from edge.demo.drawing import draw
from edge.demo.home import MAX_SIGN_LETTERS
from edge.demo.story import Events, Night, Rain, Story
from edge.demo.world import Truth
from edge.errors import SourceUnsupported
from edge.frames import LUMA_WIDTH_PX, Frame, Image, Luma

LATE_S = 1.0  # a reader that is later than this gets the newest picture, as from a live camera
MIN_SIZE_PX, MAX_SIZE_PX = (64, 36), (3840, 2160)
MAX_FPS = 60.0
MAX_SEED = 2**32 - 1
KEYS = ("seed", "fps", "size", "night", "weather", "events", "sign")


@dataclass(frozen=True, slots=True)
class DemoPlan:
    """What a demo URL asks for. `fps` is the camera's own rate, not what is handed on."""

    scene: str = "yard"
    story: Story = field(default_factory=Story)
    fps: float = 10.0
    width_px: int = 640
    height_px: int = 360


def open_demo(settings: SourceSettings, clock: Clock | None = None) -> DemoSource:
    """Open the synthetic camera of a `demo:` URL. Raises SourceUnsupported for a bad URL."""
    return DemoSource(settings, parse_demo_url(settings.camera, settings.url), clock or Clock())


def parse_demo_url(camera: str, url: str) -> DemoPlan:
    """Read a demo URL as the module's text has it; every part has a default.

    Raises SourceUnsupported naming the part, its value and what is allowed.
    """
    name, _, query = url.strip().partition(":")[2].partition("?")
    if name not in {"", "yard"}:
        raise SourceUnsupported(f"camera {camera}: the demo has no scene {name!r}, only `yard`")
    values = dict(parse_qsl(query, keep_blank_values=True))
    unknown = sorted(values.keys() - set(KEYS))
    if unknown:
        raise SourceUnsupported(
            f"camera {camera}: a demo scene has no {unknown[0]!r}; allowed are {', '.join(KEYS)}"
        )
    plan = DemoPlan()
    width_px, height_px = _parse_size(camera, values.get("size", "640x360"))
    story = Story(
        seed=_parse_seed(camera, values.get("seed", str(plan.story.seed))),
        night=cast("Night", _parse_word(camera, values, "night", get_args(Night))),
        weather=cast("Rain", _parse_word(camera, values, "weather", get_args(Rain))),
        events=cast("Events", _parse_word(camera, values, "events", get_args(Events))),
        sign=_parse_sign(camera, values.get("sign", "")),
    )
    return DemoPlan(
        story=story,
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
        self._count = Counters()

    @property
    def facts(self) -> SourceFacts:
        """What is known of it; nothing is decoded, lost or left out."""
        plan = self._plan
        return SourceFacts(
            kind="demo",
            codec="none",
            hardware="",
            width_px=plan.width_px,
            height_px=plan.height_px,
            stream_fps=plan.fps,
            gop_frames=None,
            gop_s=None,
            decode="all",
            reason="",
            counters=self._count,
        )

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
            self._count.received += 1
            self._count.seen += 1
            self._count.handed_on += 1
            yield self._frame(number, pts_s, after_gap=first)
            first = False
            number += step

    def truth_at(self, t_s: float) -> Truth:
        """What the picture at `pts_s` = `t_s` shows."""
        plan = self._plan
        return draw(plan.story.moment_at(t_s), plan.width_px, plan.height_px).truth

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
        plan = self._plan
        image = draw(plan.story.moment_at(pts_s), plan.width_px, plan.height_px).picture
        return Frame(
            camera=self._settings.camera,
            luma=_luma(image),
            width_px=plan.width_px,
            height_px=plan.height_px,
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


def _parse_word(camera: str, values: dict[str, str], key: str, allowed: tuple[str, ...]) -> str:
    """One of the allowed words; the first is the default."""
    word = values.get(key, allowed[0])
    if word not in allowed:
        raise SourceUnsupported(
            f"camera {camera}: {key} must be one of {', '.join(allowed)}, not {word!r}"
        )
    return word


def _parse_sign(camera: str, text: str) -> str:
    """The order on the sign; `_` stands for a blank."""
    if not re.fullmatch(rf"[A-Za-z0-9_.-]{{0,{MAX_SIGN_LETTERS}}}", text, re.ASCII):
        raise SourceUnsupported(
            f"camera {camera}: sign must be at most {MAX_SIGN_LETTERS} of A-Z, 0-9, '.', '-' and "
            f"'_' for a blank, not {text!r}"
        )
    return text.replace("_", " ").strip().upper()


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
