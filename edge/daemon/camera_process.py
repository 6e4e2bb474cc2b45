"""The body of a camera's process: capture -> sampler -> keyframes to the daemon.

Knows no other camera, no model and no broker. Everything that can hang in native code hangs here,
and the daemon replaces this process when its heartbeat stops.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections import deque
from dataclasses import replace

from edge.capture.facts import SourceFacts
from edge.capture.reader import CameraState, read_camera
from edge.capture.source import FrameSource
from edge.daemon.child import (
    leave_signals_to_the_daemon,
    name_process,
    serve_commands,
)
from edge.daemon.messages import (
    CameraStatus,
    Heartbeat,
    KeyframeTaken,
    MotionChanged,
    SetLogLevel,
    SetSensitivity,
    Stop,
    TakeKeyframe,
)
from edge.daemon.openers import openers_for
from edge.daemon.pipe import MessagePipe
from edge.daemon.plans import CameraPlan
from edge.frames import Frame, Luma
from edge.heap import keep_pictures_apart
from edge.logs import set_log_level, start_logging, tell_repeats
from edge.sampler.attention import Attention

log = logging.getLogger(__name__)

BEAT_S = 1.0


def run_camera(pipe: MessagePipe, plan: CameraPlan) -> None:
    """Process body: ends on Stop, when the parent is gone, or when an unlooped file has ended."""
    leave_signals_to_the_daemon()
    keep_pictures_apart()
    name_process(plan.camera)
    start_logging(plan.log_level)
    loop = _CameraLoop(pipe, plan)
    serve_commands(pipe, loop.take_command)
    try:
        loop.run()
    except (BrokenPipeError, ConnectionResetError):
        pass  # the daemon is gone
    except Exception:
        log.exception("%s: the camera process failed", plan.camera)
        sys.exit(1)  # not raised on: multiprocessing would print it again, secrets and all


class _CameraLoop:
    """Reads frames, steps the sampler, tells the daemon."""

    def __init__(self, pipe: MessagePipe, plan: CameraPlan) -> None:
        self._pipe = pipe
        self._plan = plan
        self._commands: deque[tuple[float, object]] = deque()  # when each came
        self._stop = threading.Event()
        self._attention = Attention(plan.sampler)
        self._source: FrameSource | None = None
        self._frames = 0
        self._beat_mono_s = float("-inf")
        self._moving = False
        self._tamper = ""
        self._main_error = ""

    def take_command(self, command: object) -> None:
        """Called in the commands thread."""
        match command:
            case Stop():
                self._stop.set()
            case SetLogLevel(level):
                set_log_level(level)
            case _:
                self._commands.append((time.monotonic(), command))

    def run(self) -> None:
        """Until told to stop or the source has ended."""
        frames = read_camera(
            self._plan.source,
            on_state=self._tell_state,
            wait=self._wait,
            watcher=self,
            on_open=self._take_source,
            openers=openers_for(self._plan.source.url),
        )
        for frame in frames:
            if self._stop.is_set():
                return
            self._frames += 1
            self._step(frame)
            self._beat()
        for keyframe in self._attention.sampler.flush():
            self._pipe.send(KeyframeTaken(keyframe))
        self._tell_motion(moving=False)

    # What capture asks, with every packet

    def is_quiet(self) -> bool:
        """Whether I-frames will do: nothing goes on, and nobody has asked for a picture."""
        self._beat()
        return self._attention.is_quiet() and not self._commands and not self._stop.is_set()

    def is_changed(self, luma: Luma) -> bool:
        """Whether this I-frame is another picture than the one before it."""
        return self._attention.is_changed(luma)

    def _take_source(self, source: FrameSource) -> None:
        self._source = source

    # Frames

    def _step(self, frame: Frame) -> None:
        self._obey(frame)
        for keyframe in self._attention.sampler.step(frame):
            self._pipe.send(KeyframeTaken(keyframe))
        self._tell_motion(moving=self._attention.sampler.is_moving)
        if self._attention.sampler.tamper != self._tamper:
            self._tamper = self._attention.sampler.tamper
            self._pipe.send(CameraStatus("frozen" if self._tamper == "frozen" else "online"))

    def _obey(self, frame: Frame) -> None:
        while self._commands:
            asked_mono_s, command = self._commands[0]
            if isinstance(command, TakeKeyframe) and frame.mono_s < asked_mono_s:
                return  # a camera that wakes up hands on what it had left out first
            self._commands.popleft()
            match command:
                case TakeKeyframe(token):
                    self._pipe.send(
                        KeyframeTaken(self._attention.sampler.take(frame, "command"), token)
                    )
                case SetSensitivity(sensitivity):
                    changed = replace(self._plan.sampler, sensitivity=sensitivity)
                    self._attention = Attention(changed)

    def _tell_motion(self, *, moving: bool) -> None:
        if moving != self._moving:
            self._moving = moving
            self._pipe.send(MotionChanged(moving))

    def _tell_state(self, state: CameraState) -> None:
        self._pipe.send(CameraStatus(state.status, state.error, state.retry_in_s))
        if state.status != "online":
            self._source = None
            self._tell_motion(moving=False)

    def _tell_main(self, facts: SourceFacts | None) -> None:
        """A camera whose main stream alone has failed is online, with small pictures."""
        error = "" if facts is None or facts.main is None else facts.main.error
        if error != self._main_error and facts is not None:
            self._main_error = error
            note = f"the main stream failed, pictures are the sub stream's: {error}"
            self._pipe.send(CameraStatus("online", note if error else ""))

    def _wait(self, seconds: float) -> bool:
        """Wait between two attempts; True if the camera is to stop."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self._stop.is_set():
            self._beat()
            self._stop.wait(min(left, BEAT_S))
        return self._stop.is_set()

    def _beat(self) -> None:
        now = time.monotonic()
        if now - self._beat_mono_s >= BEAT_S:
            self._beat_mono_s = now
            facts = None if self._source is None else self._source.facts
            self._pipe.send(Heartbeat(self._frames, facts))
            tell_repeats()
            self._tell_main(facts)
