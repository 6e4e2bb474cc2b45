"""The daemon's side of one camera: starts its process, watches its heartbeat, replaces it.

Decides by the times it is given. A hang inside a native call of the camera's process costs that
camera `stall_timeout_s` and the others nothing.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable

from edge.capture.facts import SourceFacts
from edge.daemon.child import Child
from edge.daemon.messages import CameraStatus, Heartbeat, Stop
from edge.daemon.plans import CameraPlan
from edge.daemon.slot import Slot, describe_exit

log = logging.getLogger(__name__)

FPS_WINDOW_S = 60.0


class CameraHost:
    """What is known of a camera, and the slot its process runs in."""

    def __init__(
        self,
        plan: CameraPlan,
        spawn: Callable[[CameraPlan, int], Child],
        *,
        stall_timeout_s: float,
    ) -> None:
        self.plan = plan
        self.slot = Slot(plan.camera, lambda generation: spawn(self.plan, generation))
        self.status = CameraStatus("starting")
        self.last_error = ""
        self.moving = False
        self.frames = 0  # received since the daemon started
        self.reconnects = 0
        self.capture: SourceFacts | None = None  # of the stream that is open now
        self.stall_timeout_s = stall_timeout_s
        self._is_enabled = True
        self._heard_mono_s = 0.0
        self._frame_mono_s: float | None = None
        self._frames_before = 0  # of this camera's earlier processes
        self._rate: deque[tuple[float, int]] = deque()

    @property
    def name(self) -> str:
        """The camera's name."""
        return self.plan.camera

    @property
    def is_enabled(self) -> bool:
        """Whether the camera is to run."""
        return self._is_enabled

    def check(self, now_mono_s: float) -> None:
        """Start the process when it is due; kill one that has been silent for too long."""
        if self.slot.start_if_due(now_mono_s):
            self._heard_mono_s = now_mono_s
            self._frames_before = self.frames
            self.status = CameraStatus("starting")
            return
        silent_s = now_mono_s - self._heard_mono_s
        if self.slot.child is not None and silent_s > self.stall_timeout_s and self.slot.kill():
            self.last_error = f"no sign of life for {silent_s:.0f} s; its process is killed"
            log.warning("%s: %s", self.name, self.last_error)
            if self.is_enabled:
                self.status = CameraStatus("stalled", self.last_error)

    def heard(self, now_mono_s: float) -> None:
        """A message has come from the process."""
        self._heard_mono_s = now_mono_s

    def beat(self, beat: Heartbeat, now_mono_s: float) -> None:
        """Take over a heartbeat's figures."""
        total = self._frames_before + beat.frames
        if total > self.frames or self._has_received(beat.capture):
            self._frame_mono_s = now_mono_s
        self.frames = total
        self.capture = beat.capture
        self._rate.append((now_mono_s, total))
        while now_mono_s - self._rate[0][0] > FPS_WINDOW_S:
            self._rate.popleft()

    def _has_received(self, capture: SourceFacts | None) -> bool:
        """Whether pictures came since the last beat; a quiet camera's are not all decoded."""
        if capture is None:
            return False
        before = 0 if self.capture is None else self.capture.counters.received
        return capture.counters.received != before

    def changed(self, status: CameraStatus) -> None:
        """Take over a new state of the source; what a disabled camera still says is ignored."""
        if not self.is_enabled:
            return
        if status.state == "offline" and self.status.state == "online":
            self.reconnects += 1
        if status.error:
            self.last_error = status.error
        self.status = status

    def gone(self, exitcode: int | None, now_mono_s: float) -> None:
        """The process has ended: a new one is started later, unless the source is at its end."""
        self.moving = False
        self.capture = None
        if self.status.state == "ended":
            self.slot.rest()
        delay_s = self.slot.gone(exitcode, now_mono_s)
        if delay_s == 0:  # it was asked to end
            self.status = CameraStatus("starting")
        elif delay_s is not None and self.status.state != "stalled":
            self.last_error = f"camera process ended ({describe_exit(exitcode)})"
            self.status = CameraStatus("offline", self.last_error, delay_s)

    def replace_plan(self, plan: CameraPlan) -> None:
        """Run with another plan from now on: the process is ended and started anew."""
        self.plan = plan
        if self.is_enabled:
            self.slot.replace()

    def disable(self) -> None:
        """End the process and start no other until `enable`."""
        self._is_enabled = False
        self.capture = None
        self.status = CameraStatus("disabled")
        self.stop()

    def enable(self) -> None:
        """Let it run again."""
        if not self.is_enabled:
            self._is_enabled = True
            self.status = CameraStatus("starting")
            self.slot.resume()

    def stop(self) -> None:
        """Ask the process to end and start no other."""
        self.slot.rest()
        if self.slot.child is not None:
            self.slot.child.send(Stop())

    def fps(self) -> float:
        """Frames handed to the sampler a second, over the last minute."""
        if len(self._rate) < 2:
            return 0.0
        (t0, n0), (t1, n1) = self._rate[0], self._rate[-1]
        return max(0.0, (n1 - n0) / (t1 - t0)) if t1 > t0 else 0.0

    def last_frame_age_s(self, now_mono_s: float) -> float | None:
        """Seconds since frames last came; None if none ever did."""
        return None if self._frame_mono_s is None else now_mono_s - self._frame_mono_s
