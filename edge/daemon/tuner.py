"""Tuner: one close look at a camera or clip at a time, in a child process that can be killed.

Runs in the daemon's main thread; decides by the times it is given. The pictures of the last look
are kept for a while, so that other masks can be tried on the same ones.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from edge.capture.settings import SourceSettings
from edge.daemon.child import Child, ChildGone, FromChild
from edge.daemon.plans import CameraPlan, TuneJob
from edge.daemon.slot import describe_exit, new_generation
from edge.errors import EdgeError, QuestionError, SessionGone, SourceBroken, TooBusy
from edge.sampler.settings import SamplerSettings
from edge.tuning import DEFAULT_CAMERA_S, MAX_SECONDS, TuneReport, TuneRequest

log = logging.getLogger(__name__)

NAME = "tune"
KEPT_S = 900.0
WORK_S = 180.0  # on top of what recording takes; a dozen looks at 600 pictures take a third of it

# What people record; no playlists and no lists of files, which lead to other files.
FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,asf,mpjpeg,mjpeg,h264,hevc"

Reply = Callable[["TuneReport | EdgeError"], None]


@dataclass(frozen=True, slots=True)
class TuneOrder:
    """Look closely; `reply` is called exactly once, in the main thread. Tickets are unique."""

    ticket: str
    request: TuneRequest
    reply: Reply


@dataclass(frozen=True, slots=True)
class CancelTuneOrder:
    """Nobody waits for it any more."""

    ticket: str


@dataclass(frozen=True, slots=True)
class _Running:
    order: TuneOrder
    child: Child
    generation: int
    until_mono_s: float


@dataclass(frozen=True, slots=True)
class _Kept:
    ticket: str
    path: Path
    camera: str
    until_mono_s: float


class Tuner:
    """`plan_of` gives a camera's plan as it is now, None for one that there is not."""

    def __init__(
        self,
        spawn: Callable[[TuneJob, int], Child],
        plan_of: Callable[[str], CameraPlan | None],
    ) -> None:
        self._spawn, self._plan_of = spawn, plan_of
        self._folder: Path | None = None
        self._running: _Running | None = None
        self._kept: _Kept | None = None

    def is_current(self, generation: int) -> bool:
        """Whether a message comes from the process that runs now."""
        return self._running is not None and generation == self._running.generation

    def obey(self, order: TuneOrder | CancelTuneOrder, now_mono_s: float) -> None:
        """Begin, or call off; a second look is refused while one is going on."""
        running = self._running
        match order:
            case CancelTuneOrder(ticket):
                if running is not None and running.order.ticket == ticket:
                    self._end(running)
            case TuneOrder():
                if running is not None:
                    busy = "another camera or clip is being looked at; try again later"
                    order.reply(TooBusy(busy))
                    return
                try:
                    self._begin(order, now_mono_s)
                except EdgeError as error:
                    order.reply(error)

    def heard(self, message: FromChild | ChildGone, now_mono_s: float) -> None:
        """The running process has said how it ended, or has ended without a word."""
        running = self._running
        if running is None:
            return
        outcome = message.message if isinstance(message, FromChild) else None
        if isinstance(outcome, TuneReport):
            self._running = None
            if outcome.id:
                self._keep(running.order, now_mono_s)
            running.order.reply(outcome)
            return
        self._end(running)
        if isinstance(outcome, EdgeError):
            running.order.reply(outcome)
        elif isinstance(message, ChildGone):
            end = describe_exit(message.exitcode)
            log.warning("%s: process ended (%s)", NAME, end)
            running.order.reply(SourceBroken(f"reading it ended with {end}"))

    def check(self, now_mono_s: float) -> None:
        """Kill what takes too long; drop the pictures that were kept long enough."""
        running = self._running
        if running is not None and now_mono_s > running.until_mono_s:
            self._end(running)
            running.order.reply(SourceBroken("looking at it took too long; take a shorter piece"))
        if self._kept is not None and now_mono_s > self._kept.until_mono_s:
            self._drop_kept()

    def stop(self) -> None:
        """End what runs and keep nothing."""
        running = self._running
        if running is not None:
            self._end(running)
            running.order.reply(TooBusy("the daemon is stopping"))
        self._drop_kept()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _end(self, running: _Running) -> None:
        """The process is not waited for, and what it may have written is not kept."""
        self._running = None
        running.child.kill()
        with suppress(OSError):
            self._path(running.order.ticket).unlink()

    def _begin(self, order: TuneOrder, now_mono_s: float) -> None:
        generation = new_generation()
        try:
            job = self._job(order, now_mono_s)
            child = self._spawn(job, generation)
        except OSError as error:  # no room for a file or a process
            raise SourceBroken(f"it cannot be looked at now: {error.strerror}") from None
        recording_s = job.seconds if order.request.camera else 0.0
        until_mono_s = now_mono_s + recording_s + WORK_S
        self._running = _Running(order, child, generation, until_mono_s)

    def _job(self, order: TuneOrder, now_mono_s: float) -> TuneJob:
        request = order.request
        camera = request.camera or request.settings_of
        from_path = ""
        if request.again:
            kept = self._kept
            if kept is None or kept.ticket != request.again or now_mono_s > kept.until_mono_s:
                raise SessionGone("these pictures are kept no longer; record or send them again")
            from_path, camera = str(kept.path), kept.camera
        plan = self._plan_of(camera) if camera else None
        if camera and plan is None:
            raise QuestionError(f"there is no camera {camera[:64]!r}")
        sampler = plan.sampler if plan is not None else SamplerSettings("clip")
        default_s = DEFAULT_CAMERA_S if request.camera else MAX_SECONDS
        return TuneJob(
            ticket=order.ticket,
            request=request,
            camera=camera or "CAMERA",
            source=_source(request, plan),
            sampler=sampler,
            seconds=min(request.seconds or default_s, MAX_SECONDS),
            from_path=from_path,
            keep_path=str(self._path(order.ticket)),
        )

    def _path(self, ticket: str) -> Path:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="edge-tune-"))
        return self._folder / ticket

    def _keep(self, order: TuneOrder, now_mono_s: float) -> None:
        """The newest look's pictures; a further look at the same ones keeps those."""
        camera = order.request.camera or order.request.settings_of
        path = self._path(order.ticket)
        if order.request.again and self._kept is not None:
            camera, path = self._kept.camera, self._kept.path
        elif self._kept is not None:
            self._drop_kept()
        self._kept = _Kept(order.ticket, path, camera, now_mono_s + KEPT_S)

    def _drop_kept(self) -> None:
        if self._kept is not None:
            with suppress(OSError):
                self._kept.path.unlink()
            self._kept = None


def _source(request: TuneRequest, plan: CameraPlan | None) -> SourceSettings | None:
    """How it is read; None where pictures that were kept are looked at."""
    if request.again:
        return None
    if request.camera and plan is not None:
        return plan.live_source()
    return SourceSettings(
        request.name or "clip",
        request.clip,
        realtime=False,
        decode="all",
        fps=plan.source.fps if plan is not None else 5.0,
        options=(("format_whitelist", FORMATS),),
    )
