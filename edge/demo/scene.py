"""The demo's camera: a drawn yard that is read like any live source.

    demo:yard?seed=7&fps=10&size=640x360&night=auto&weather=auto&events=all&sign=WORDS

`night` is auto, 0 or 1; `weather` auto, dry or rain; `events` all, visits, calm or tamper (see
`story`); `sign` is an order for the sign in the yard, `_` for a blank. Pictures depend on these and
the time since opening alone. Opened by a camera's process for URLs that begin with `demo:`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import cv2
import numpy as np

from edge.capture.clock import Clock
from edge.capture.facts import Counters, SourceFacts
from edge.capture.settings import SourceSettings
from edge.demo.drawing import draw
from edge.demo.story import Story
from edge.demo.world import Truth
from edge.demo_address import parse_demo_address
from edge.errors import SourceUnsupported
from edge.frames import LUMA_WIDTH_PX, Frame, Image, Luma

LATE_S = 1.0  # a reader that is later than this gets the newest picture, as from a live camera


@dataclass(frozen=True, slots=True)
class DemoPlan:
    """What a demo URL asks for. `fps` is the camera's own rate, not what is handed on."""

    story: Story = field(default_factory=Story)
    fps: float = 10.0
    width_px: int = 640
    height_px: int = 360


def open_demo(settings: SourceSettings, clock: Clock | None = None) -> DemoSource:
    """Open the synthetic camera of a `demo:` URL. Raises SourceUnsupported for a bad URL."""
    return DemoSource(settings, parse_demo_url(settings.camera, settings.url), clock or Clock())


def parse_demo_url(camera: str, url: str) -> DemoPlan:
    """What a demo URL asks for; every part has a default.

    Raises SourceUnsupported naming the part, its value and what is allowed.
    """
    try:
        address = parse_demo_address(url)
    except ValueError as error:
        raise SourceUnsupported(f"camera {camera}: {error}") from None
    story = Story(
        seed=address.seed,
        night=address.night,
        weather=address.weather,
        events=address.events,
        sign=address.sign,
    )
    return DemoPlan(
        story=story, fps=address.fps, width_px=address.width_px, height_px=address.height_px
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
