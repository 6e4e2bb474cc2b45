"""When a camera's sampler asks for which pictures of a clip, and which it expects before.

Reads the clip as a camera's process does. Called by `on_demand`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Literal

from edge.capture.settings import SourceSettings
from edge.capture.source import open_source
from edge.errors import SourceEnded
from edge.frames import Frame, Image
from edge.sampler.attention import Attention
from edge.sampler.settings import SamplerSettings


@dataclass(frozen=True, slots=True)
class Asked:
    """At `at_s` of the stream the picture of `moment_s` is `wanted`, or `expected`."""

    kind: Literal["wanted", "expected"]
    at_s: float
    moment_s: float


def moments_of(settings: SourceSettings) -> list[Asked]:
    """What a daemon with default settings asks of the whole clip. Raises CaptureError."""
    sampler = Attention(SamplerSettings(settings.camera, keep_before=False)).sampler
    told = _Told()
    with open_source(settings) as source:
        for frame in _frames(source.frames()):
            told.now_s = frame.pts_s
            sampler.step(told.by(frame))
        sampler.flush()
    return told.asked


def _frames(frames: Iterator[Frame]) -> Iterator[Frame]:
    with suppress(SourceEnded):
        yield from frames


@dataclass
class _Told:
    """Writes down what frames are asked."""

    now_s: float = 0.0
    asked: list[Asked] = field(default_factory=list)

    def by(self, frame: Frame) -> Frame:
        """The frame, which tells what is asked of it."""

        def read() -> Image:
            self.asked.append(Asked("wanted", self.now_s, frame.pts_s))
            return frame.image()

        def expect() -> None:
            self.asked.append(Asked("expected", self.now_s, frame.pts_s))

        return replace(frame, read_image=read, expect_image=expect)
