"""Sampler: one camera's frames in, the few keyframes worth reading out.

Ties the parts together: motion and its pursuit, scene cuts, turning, tamper, the period. Pure: time
is `frame.pts_s`, nothing is read or written. Called by the camera's process for each frame.
"""

from __future__ import annotations

import math

import numpy as np

from edge.frames import Frame, Keyframe, Trigger
from edge.sampler.look import LookArea
from edge.sampler.motion import Motion, MotionDetector
from edge.sampler.periodic import Periodic
from edge.sampler.pursuit import Pursuit
from edge.sampler.scene import Cut, SceneDetector
from edge.sampler.settings import SamplerSettings
from edge.sampler.shot import Shot, make_keyframe
from edge.sampler.signature import Signatures
from edge.sampler.tamper import TamperDetector
from edge.sampler.trace import Drop, Observer, describe_step
from edge.sampler.turning import Turning, is_shifted
from edge.sampler.view import View

_MASKED_LUMA = np.uint8(128)
_MIN_STEP_S = 0.09  # more than 10 pictures a second tell nothing new and cost as much


class Sampler:
    """Chooses keyframes among one camera's frames, offered in order of time.

    `is_moving`, `motion_score` (0..1) and `tamper` ("", covered, black, defocused, frozen, moved)
    describe the last frame. `observer` is shown what becomes of each one; without it that costs
    nothing.
    """

    def __init__(self, settings: SamplerSettings, observer: Observer | None = None) -> None:
        self._settings = settings
        self._observer = observer
        self._look = LookArea(settings.mask)
        self._motion = MotionDetector(settings, self._look)
        self._scene = SceneDetector(settings.scene_threshold)
        self._tamper = TamperDetector()
        self._turning = Turning()
        self._periodic = Periodic(settings.periodic_s)
        self._signatures = Signatures()
        self._pursuit = Pursuit(settings, self._motion, self._signatures, observer)
        self._last_s = -math.inf
        self._shape = (0, 0)
        self._size_px = (0, 0)

    @property
    def is_moving(self) -> bool:
        """Whether a movement is going on."""
        return self._pursuit.movement.is_moving

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is going on or suspected: frames seconds apart would do for now."""
        is_suspicious = self._scene.is_pending or self._tamper.is_suspecting or self._turning.is_on
        return self._pursuit.is_idle and not is_suspicious

    @property
    def motion_score(self) -> float:
        """How much moves in the last frame, 0..1."""
        return self._pursuit.score

    @property
    def tamper(self) -> str:
        """ "" or what is wrong: covered, black, defocused, frozen, moved."""
        return self._tamper.state

    def step(self, frame: Frame) -> list[Keyframe]:
        """Look at the next frame; returns the keyframes that it completes, oldest first."""
        chosen: list[Keyframe] = []
        if self._is_break(frame):
            chosen += self._start_anew(frame)
        if frame.pts_s - self._last_s >= _MIN_STEP_S:
            chosen += self._look_at(frame, self._view(frame))
            self._last_s = frame.pts_s
        if self._periodic.is_due(frame.pts_s):
            chosen.append(self.take(frame, "periodic"))
        return chosen

    def flush(self) -> list[Keyframe]:
        """The stream has ended: hand out what was still waited for."""
        return self._pursuit.flush()

    def take(self, frame: Frame, trigger: Trigger = "command") -> Keyframe:
        """A keyframe of this very frame, whatever it shows."""
        return self._make(Shot(frame, self._view(frame), trigger, self.motion_score))

    def _view(self, frame: Frame) -> View:
        luma = frame.luma
        if self._settings.mask:
            luma = np.where(self._look.mask((luma.shape[0], luma.shape[1])), luma, _MASKED_LUMA)
        return View.of_luma(luma, frame.pts_s)

    # Streams that break

    def _is_break(self, frame: Frame) -> bool:
        return (
            frame.after_gap
            or frame.pts_s < self._last_s
            or frame.luma.shape != self._shape
            or (frame.width_px, frame.height_px) != self._size_px
        )

    def _start_anew(self, frame: Frame) -> list[Keyframe]:
        pending = self.flush()
        self._motion.rebaseline()
        self._scene.rebaseline()
        self._tamper.rebaseline()
        self._turning.rebaseline()
        self._pursuit.start_anew()
        if frame.luma.shape != self._shape:
            self._signatures.clear()
        self._shape = frame.luma.shape
        self._size_px = (frame.width_px, frame.height_px)
        self._periodic.reanchor(frame.pts_s)
        self._last_s = -math.inf
        return pending

    # One frame

    def _look_at(self, frame: Frame, view: View) -> list[Keyframe]:
        chosen: list[Keyframe] = []
        has_rest = not self._turning.is_on
        if self._settings.tamper and has_rest and self._tamper.step(frame, view, self.is_moving):
            chosen.append(self._make(Shot(frame, view, "tamper", 1.0, detail=self._tamper.state)))
        if self._settings.scene:
            cut = self._scene.step(frame, view)
            if cut is not None and not self._turning.explains(cut.frame.pts_s):
                return chosen + self._change_scene(cut, view)
        if self._settings.motion:
            motion = self._motion.step(
                view,
                self._pursuit.movement.things,
                self._pursuit.movement.travelled,
                is_moving=self.is_moving,
            )
            chosen += self._follow(frame, view, motion)
            self._tell_step(view, motion)
        return chosen

    def _change_scene(self, cut: Cut, view: View) -> list[Keyframe]:
        pending = [k for k in self.flush() if k.pts_s < cut.frame.pts_s]
        self._motion.rebaseline()
        self._motion.step(view)
        self._tamper.rebaseline()
        self._turning.rebaseline()
        self._pursuit.start_anew()
        self._signatures.clear()
        self._signatures.add(cut.view, at_rest=True)
        trigger: Trigger = "scene"
        if self._settings.tamper and is_shifted(cut.old_view, cut.view):
            self._tamper.note_moved(view.pts_s)
            trigger = "tamper"
        return [
            *pending,
            self._make(Shot(cut.frame, cut.view, trigger, cut.score, detail=self._tamper.state)),
        ]

    def _follow(self, frame: Frame, view: View, motion: Motion) -> list[Keyframe]:
        has_come_to_rest = self._turning.step(view, is_turning=motion.is_turning)
        if motion.is_light or self._turning.is_on or has_come_to_rest:
            is_its_own = self._turning.explains(self._pursuit.movement.started_s)
            pending = [] if is_its_own else self.flush()
            self._pursuit.start_anew()
            return [*pending, *self._show_new_view(frame, view)] if has_come_to_rest else pending
        return self._pursuit.step(frame, view, motion.regions)

    def _show_new_view(self, frame: Frame, view: View) -> list[Keyframe]:
        """The camera has been turned and is at rest: one keyframe of what it sees now."""
        self._motion.rebaseline()
        self._motion.step(view)
        self._scene.rebaseline()
        self._signatures.clear()
        self._signatures.add(view, at_rest=True)
        if self._settings.tamper:
            self._tamper.rebaseline()
            self._tamper.note_moved(view.pts_s)
            return [self._make(Shot(frame, view, "tamper", 1.0, detail=self._tamper.state))]
        return [self._make(Shot(frame, view, "scene", 1.0))] if self._settings.scene else []

    def _tell_step(self, view: View, motion: Motion) -> None:
        if self._observer is None or motion.change is None:
            return
        if motion.only_lit:
            boxes = tuple(region.box for region in motion.only_lit)
            self._observer.dropped(Drop(view.pts_s, "light", boxes))
        self._observer.stepped(
            describe_step(
                view.pts_s,
                motion,
                motion.change,
                self._pursuit.movement.tracks,
                is_moving=self.is_moving,
                scores=(self.motion_score, self._scene.score),
                min_area_px=self._motion.min_area_px(view),
                looked_at=self._look.mask(view.shape),
                restless=self._motion.restless,
                tamper=self.tamper,
            )
        )

    def _make(self, shot: Shot) -> Keyframe:
        return make_keyframe(shot, self._settings)
