"""read_camera: the frames of one camera for as long as they are wanted, over every failure.

Opens, reads, reports the camera's state, waits with back-off and opens again. Knows nothing of
FFmpeg, processes or pipes: the body of a camera's process iterates it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from edge.capture.backoff import Backoff
from edge.capture.clock import Clock
from edge.capture.fallback import Fallback
from edge.capture.settings import SourceSettings
from edge.capture.source import FrameSource, open_source
from edge.capture.timeline import NUDGE_S
from edge.capture.watcher import Watcher
from edge.errors import CaptureError, SourceBroken, SourceEnded, SourceUnsupported
from edge.frames import Frame
from edge.heap import trim_heap
from edge.redact import redact_text, url_secrets

Opener = Callable[[SourceSettings], FrameSource]


@dataclass(frozen=True, slots=True)
class CameraState:
    """A change in what is known of a camera.

    `offline` carries the error, fit to show, and the seconds to the next try; `ended` is the end of
    a recording that is not looped.
    """

    camera: str
    status: Literal["online", "offline", "ended"]
    error: str = ""
    retry_in_s: float | None = None


def read_camera(
    settings: SourceSettings,
    *,
    on_state: Callable[[CameraState], None],
    wait: Callable[[float], bool],
    openers: Mapping[str, Opener] | None = None,
    watcher: Watcher | None = None,
    on_open: Callable[[FrameSource], None] | None = None,
    clock: Clock | None = None,
    jitter: Callable[[], float] = random.random,
) -> Iterator[Frame]:
    """Frames of a camera, reconnecting until `wait` says to stop or a recording ends.

    `on_state` hears of `online` with the first frame of each connection and of `offline` with each
    failed try. `wait(seconds)` returns early with True to stop. `openers` serve further URL
    schemes, as `demo` for `demo:street`. `watcher` lets a quiet camera rest; `on_open` is given
    each connection's source, for its facts. The first frame of each connection is marked
    `after_gap`; `pts_s` goes on growing over a reconnect by the time that passed. Of a camera with
    two streams the main one is looked at alone while the small one fails (see `fallback`). Closing
    the iterator closes the source.
    """
    clock = clock or Clock()
    open_camera = _choose_opener(settings, openers or {}, clock, watcher)
    streams = Fallback(settings, clock)
    backoff = Backoff(jitter)
    last: Frame | None = None
    while True:
        try:
            with closing(open_camera(streams.chosen)) as source:
                if on_open is not None:
                    on_open(source)
                online = False
                for frame in _joined(source.frames(), last):
                    if not online:
                        on_state(CameraState(settings.camera, "online"))
                        online = True
                    backoff.frame(clock.mono_s())
                    last = frame
                    yield frame
                    if streams.is_time_to_return:
                        break
            if streams.is_time_to_return:
                streams.return_to_both()
                continue
            raise SourceBroken(f"camera {settings.camera}: its source gave no more frames")
        except SourceEnded as error:
            on_state(CameraState(settings.camera, "ended", _text(settings, error)))
            return
        except CaptureError as error:
            if streams.failed():
                delay_s = 0.0
            else:
                refused = isinstance(error, SourceUnsupported)
                delay_s = backoff.refused() if refused else backoff.failed()
            on_state(CameraState(settings.camera, "offline", _text(settings, error), delay_s))
            trim_heap()
        if wait(delay_s):
            return


def _choose_opener(
    settings: SourceSettings,
    openers: Mapping[str, Opener],
    clock: Clock,
    watcher: Watcher | None,
) -> Opener:
    scheme = settings.url.partition(":")[0].strip().lower()
    return openers.get(scheme) or partial(open_source, clock=clock, watcher=watcher)


def _joined(frames: Iterator[Frame], last: Frame | None) -> Iterator[Frame]:
    """A connection's frames, placed on the timeline behind the last frame of the one before."""
    offset_s: float | None = None
    for frame in frames:
        if offset_s is None:
            offset_s = 0.0
            if last is not None:
                passed_s = max(frame.mono_s - last.mono_s, NUDGE_S)
                offset_s = last.pts_s + passed_s - frame.pts_s
            yield replace(frame, pts_s=frame.pts_s + offset_s, after_gap=True)
        else:
            yield replace(frame, pts_s=frame.pts_s + offset_s) if offset_s else frame


def _text(settings: SourceSettings, error: CaptureError) -> str:
    return redact_text(str(error), url_secrets(settings.url))
