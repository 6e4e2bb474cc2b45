"""All cameras of the box: their hosts, what was set over MQTT, and keyframes asked for.

Turns the camera processes' messages into calls of the daemon's parts. Runs in the main thread.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from edge.config.models import Config
from edge.daemon.announcer import Announcer
from edge.daemon.camera_host import CameraHost
from edge.daemon.child import Child, Inbox
from edge.daemon.messages import (
    CameraStatus,
    Heartbeat,
    KeyframeTaken,
    MotionChanged,
    SetLogLevel,
    SetSensitivity,
    TakeKeyframe,
)
from edge.daemon.plans import CameraPlan, camera_body
from edge.daemon.wiring import camera_plan, stall_timeout_s
from edge.errors import StoreError
from edge.frames import Keyframe
from edge.store.database import Store

log = logging.getLogger(__name__)

TAKE_WITHIN_S = 10.0  # a camera that delivers gives a keyframe within one frame
MAX_WANTED = 32  # keyframes asked for and not there yet; a picture crosses the pipe for each

Taken = Callable[[Keyframe | None], None]  # None: the camera gave none in time


@dataclass(frozen=True, slots=True)
class _Wanted:
    camera: str
    until_mono_s: float
    taken: Taken


class Cameras:
    """Owns a CameraHost for each configured camera."""

    def __init__(
        self,
        inbox: Inbox,
        store: Store,
        announcer: Announcer,
        on_keyframe: Callable[[Keyframe], None],
        on_lost: Callable[[str], None],
    ) -> None:
        self.hosts: dict[str, CameraHost] = {}
        self.announcer = announcer
        self._inbox = inbox
        self._store = store
        self._on_keyframe = on_keyframe
        self._on_lost = on_lost
        self._wanted: dict[str, _Wanted] = {}
        self._num_wanted = 0

    def apply(self, config: Config) -> None:
        """Run the cameras of `config`: those whose plan is unchanged go on undisturbed."""
        for name in [name for name in self.hosts if name not in config.cameras]:
            self._remove(name)
        for name, camera in config.cameras.items():
            plan, stall_s = camera_plan(config, name), stall_timeout_s(config, name)
            settings = self._settings(name)
            plan = _with_sensitivity(plan, settings.get("sensitivity"))
            host = self.hosts.get(name)
            if host is None:
                host = CameraHost(plan, self._spawn, stall_timeout_s=stall_s)
                self.hosts[name] = host
                if not (camera.enabled and settings.get("enabled", True)):
                    host.disable()
            else:
                self._replan(host, plan, stall_s)
                if not camera.enabled:
                    host.disable()
                    self._on_lost(name)
                elif settings.get("enabled", True):
                    host.enable()
        self.announce()

    def _replan(self, host: CameraHost, plan: CameraPlan, stall_s: float) -> None:
        host.stall_timeout_s = stall_s
        if plan != host.plan:
            log.info("%s: settings changed; its process is replaced", host.name)
            host.replace_plan(plan)
            self._on_lost(host.name)
        elif plan.log_level != host.plan.log_level:
            host.plan = plan
            if host.slot.child is not None:
                host.slot.child.send(SetLogLevel(plan.log_level))

    def _remove(self, name: str) -> None:
        log.info("%s: removed from the configuration", name)
        host = self.hosts.pop(name)
        host.disable()
        host.slot.kill()
        self._on_lost(name)
        self.announcer.forget_camera(name)

    def announce(self) -> None:
        """Publish every camera's states anew."""
        for host in self.hosts.values():
            self.announcer.camera(host.name, host.status.state)
            self.announcer.motion(host.name, moving=host.moving)
            self._announce_settings(host)

    def check(self, now_mono_s: float) -> None:
        """Start, watch and replace the processes; give up on keyframes that did not come."""
        for host in self.hosts.values():
            before = host.status.state
            host.check(now_mono_s)
            if host.status.state != before:
                self.announcer.camera(host.name, host.status.state)
        for token, wanted in list(self._wanted.items()):
            if now_mono_s > wanted.until_mono_s:
                del self._wanted[token]
                wanted.taken(None)

    def plan_of(self, name: str) -> CameraPlan | None:
        """A camera's plan as it is now, None if there is no such camera."""
        host = self.hosts.get(name)
        return None if host is None else host.plan

    def heard(self, name: str, generation: int, message: object, now_mono_s: float) -> None:
        """A camera's process says something."""
        host = self.hosts.get(name)
        if host is None or not host.slot.is_current(generation):
            return  # the last words of a process that was replaced
        host.heard(now_mono_s)
        match message:
            case Heartbeat():
                host.beat(message, now_mono_s)
            case CameraStatus():
                self._log_change(host, message)
                host.changed(message)
                self.announcer.camera(name, host.status.state)
            case MotionChanged(moving):
                host.moving = moving
                self.announcer.motion(name, moving=moving)
            case KeyframeTaken(keyframe, token) if token:
                if wanted := self._wanted.pop(token, None):
                    wanted.taken(keyframe if host.is_enabled else None)
            case KeyframeTaken(keyframe) if host.is_enabled:
                self._on_keyframe(keyframe)

    def gone(self, name: str, generation: int, exitcode: int | None, now_mono_s: float) -> None:
        """A camera's process has ended."""
        host = self.hosts.get(name)
        if host is not None and host.slot.is_current(generation):
            host.gone(exitcode, now_mono_s)
            self.announcer.camera(name, host.status.state)
            self.announcer.motion(name, moving=False)

    def take(self, camera: str, now_mono_s: float, taken: Taken) -> None:
        """Ask a camera for its next frame as a keyframe; `taken` is called exactly once."""
        host = self.hosts.get(camera)
        is_possible = len(self._wanted) < MAX_WANTED
        if host is None or not host.is_enabled or host.slot.child is None or not is_possible:
            taken(None)
            return
        self._num_wanted += 1
        token = str(self._num_wanted)
        self._wanted[token] = _Wanted(camera, now_mono_s + TAKE_WITHIN_S, taken)
        host.slot.child.send(TakeKeyframe(token))

    def set_enabled(self, camera: str, *, enabled: bool) -> None:
        """Switch a camera on or off; kept across restarts."""
        host = self.hosts[camera]
        self._keep(camera, enabled=enabled)
        if enabled:
            host.enable()
        else:
            host.disable()
            self._on_lost(camera)
        log.info("%s: switched %s over MQTT", camera, "on" if enabled else "off")
        self.announcer.camera(camera, host.status.state)
        self._announce_settings(host)

    def set_sensitivity(self, camera: str, sensitivity: float) -> None:
        """Set a camera's sensitivity 0..1; kept across restarts."""
        host = self.hosts[camera]
        self._keep(camera, sensitivity=sensitivity)
        host.plan = _with_sensitivity(host.plan, sensitivity)
        if host.slot.child is not None:
            host.slot.child.send(SetSensitivity(sensitivity))
        log.info("%s: sensitivity set to %.2f over MQTT", camera, sensitivity)
        self._announce_settings(host)

    def stop(self) -> None:
        """Ask every process to end; keyframes that were asked for do not come any more."""
        for host in self.hosts.values():
            host.stop()
        while self._wanted:
            self._wanted.popitem()[1].taken(None)

    def _spawn(self, plan: CameraPlan, generation: int) -> Child:
        return Child(plan.camera, generation, camera_body, (plan,), self._inbox)

    def _announce_settings(self, host: CameraHost) -> None:
        self.announcer.settings(
            host.name, enabled=host.is_enabled, sensitivity=host.plan.sampler.sensitivity
        )

    def _log_change(self, host: CameraHost, status: CameraStatus) -> None:
        """One line when the state changes; repeated trouble of the same kind is not repeated."""
        if (status.state, status.error) == (host.status.state, host.status.error):
            return
        if not host.is_enabled:
            return
        if status.error:
            log.warning("%s: %s: %s", host.name, status.state, status.error)
        else:
            log.info("%s: %s", host.name, status.state)

    def _settings(self, camera: str) -> Mapping[str, object]:
        """What was set over MQTT in this or an earlier run."""
        try:
            return self._store.load_state(f"camera:{camera}") or {}
        except StoreError as error:
            log.warning("%s: what was set over MQTT is not known: %s", camera, error)
            return {}

    def _keep(self, camera: str, **changes: object) -> None:
        try:
            self._store.save_state(f"camera:{camera}", {**self._settings(camera), **changes})
        except StoreError as error:
            log.warning("%s: what was set over MQTT is lost at the next start: %s", camera, error)


def _with_sensitivity(plan: CameraPlan, sensitivity: object) -> CameraPlan:
    if not isinstance(sensitivity, int | float) or not 0 <= sensitivity <= 1:
        return plan
    return replace(plan, sampler=replace(plan.sampler, sensitivity=float(sensitivity)))
