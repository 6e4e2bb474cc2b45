"""One clip through the daemon's own capture and sampler, as fast as possible.

Time is the clip's own, from its beginning. Knows no rules and no model; what a keyframe's consumer
does is not counted as the run's cost.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge.capture.settings import Decode, SourceSettings
from edge.daemon.openers import opener_for
from edge.errors import ConfigError, Problem, SourceEnded
from edge.frames import Frame, Image, Keyframe
from edge.replay.clips import clip_name, clip_url, is_drawn
from edge.sampler.attention import Attention
from edge.sampler.settings import SamplerSettings
from edge.sampler.trace import Observer

if TYPE_CHECKING:
    from edge.config.models import Config


DRAWN_S = 600.0  # a drawn camera has no end; this is one round of its story


@dataclass(frozen=True, slots=True)
class ReplayPlan:
    """How a clip is read and looked at, and for how long from its beginning."""

    source: SourceSettings
    sampler: SamplerSettings
    length_s: float = math.inf


def plain_plan(clip: Path, decode: Decode = "all", length_s: float | None = None) -> ReplayPlan:
    """A clip without any configuration; its beginning alone if it is longer than `length_s`."""
    name = clip_name(clip)
    source = SourceSettings(name, clip_url(clip), realtime=False, decode=decode)
    return ReplayPlan(source, SamplerSettings(name), _length_s(clip, length_s))


def configured_plan(
    config: Config,
    camera: str,
    clip: Path,
    decode: Decode | None = None,
    length_s: float | None = None,
) -> ReplayPlan:
    """A clip in the place of one of the configured cameras; `decode` in place of the camera's,
    `length_s` as above.
    """
    from edge.daemon.wiring import camera_plan  # noqa: PLC0415 - a plain replay starts without it

    plan = camera_plan(config, camera)
    source = replace(
        plan.source,
        url=clip_url(clip),
        main_url="",
        realtime=False,
        loop=False,
        options=(),
        decode=decode or plan.source.decode,
    )
    return ReplayPlan(source, plan.sampler, _length_s(clip, length_s))


def _length_s(clip: Path, wanted_s: float | None) -> float:
    if wanted_s is not None:
        return wanted_s
    return DRAWN_S if is_drawn(clip) else math.inf


def choose_camera(config: Config, camera: str, source: str) -> str:
    """The camera named, or the first one. Raises ConfigError for a name that `source` has not."""
    name = camera or next(iter(config.cameras))
    if name not in config.cameras:
        known = ", ".join(config.cameras)
        raise ConfigError(
            source, [Problem("cameras", f"there is no camera {name!r}.", f"There are: {known}.")]
        )
    return name


class Replay:
    """A run over one clip. Its figures hold once `keyframes` has come to its end.

    `length_s` is the time from the beginning to the last picture looked at; `start_s` what the clip
    itself calls its beginning; `cpu_s` user and system time of decoding and sampling;
    `left_out_frac` the share of the pictures that were not decoded. Without pictures the keyframes'
    colours, a few milliseconds each, are not converted: they are black.
    """

    def __init__(
        self,
        plan: ReplayPlan,
        observer: Observer | None = None,
        on_first: Callable[[Frame], None] | None = None,
        *,
        with_pictures: bool = True,
    ) -> None:
        self.plan = plan
        self._with_pictures = with_pictures
        self.length_s = self.start_s = self.cpu_s = self.left_out_frac = 0.0
        self._attention = Attention(plan.sampler, observer)
        self._on_first = on_first

    def keyframes(self) -> Iterator[Keyframe]:
        """What the sampler takes, in order. Raises CaptureError for a clip that cannot be read."""
        started_s = time.process_time()
        sampler = self._attention.sampler
        open_clip = opener_for(self.plan.source.url, watcher=self._attention)
        with closing(open_clip(self.plan.source)) as source:
            self.start_s = source.facts.start_s
            frames = source.frames()
            try:
                for frame in frames:
                    if frame.pts_s > self.plan.length_s:
                        raise SourceEnded(f"{self.plan.source.camera}: as much as was wanted")
                    if self._on_first is not None:
                        self._on_first(frame)
                        self._on_first = None
                    self.length_s = frame.pts_s
                    if not self._with_pictures:
                        frame = replace(frame, read_image=partial(_no_picture, frame))  # noqa: PLW2901
                    if chosen := sampler.step(frame):
                        self.cpu_s += time.process_time() - started_s
                        yield from chosen
                        started_s = time.process_time()
            except SourceEnded:
                chosen = sampler.flush()
            self.cpu_s += time.process_time() - started_s
            count = source.facts.counters
            self.left_out_frac = count.left_out / max(1, count.seen)
        yield from chosen


def _no_picture(frame: Frame) -> Image:
    """(H, W, 3) uint8, all black, in the memory of one pixel."""
    black: Image = np.broadcast_to(np.zeros(3, np.uint8), (frame.height_px, frame.width_px, 3))
    return black
