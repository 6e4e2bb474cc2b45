"""Sampler: one camera's frames in, the few keyframes worth reading out.

Ties the parts together: motion, movement, the best moment, scene cuts, tamper, the period. Pure:
time is `frame.pts_s`, nothing is read or written. Called by the camera's process for each frame.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import replace

import numpy as np

from edge.frames import Frame, Image, Keyframe, Trigger
from edge.geometry import Box, union_of
from edge.sampler.choose import Candidate, Window
from edge.sampler.look import LookArea
from edge.sampler.motion import Motion, MotionDetector
from edge.sampler.movement import Movement
from edge.sampler.pacing import Pacing
from edge.sampler.periodic import Periodic
from edge.sampler.quiet import QuietPicture
from edge.sampler.scene import Cut, SceneDetector
from edge.sampler.settings import SamplerSettings
from edge.sampler.settling import Settling
from edge.sampler.shot import Shot, make_keyframe
from edge.sampler.signature import SAME_SHARE, Signatures
from edge.sampler.tamper import TamperDetector
from edge.sampler.trace import Drop, Observer, Reason, describe_step
from edge.sampler.turning import Turning, is_shifted
from edge.sampler.view import View

_MASKED_LUMA = np.uint8(128)
_MIN_STEP_S = 0.09  # more than 10 pictures a second tell nothing new and cost as much
_NUM_SIGHTINGS = 4  # frames held back before a movement is sure; each is a decoded picture
_LITTLE = 0.1  # of the moved area: less change than this may be what the fit of light has left


class Sampler:
    """Chooses keyframes among one camera's frames, offered in order of time.

    `is_moving`, `motion_score` (0..1) and `tamper` ("", covered, black, defocused, frozen,
    moved) describe
    the last frame. `observer` is shown what becomes of each one; without it that costs nothing.
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
        self._quiet = QuietPicture()
        self._last_s = -math.inf
        self._shape = (0, 0)
        self._size_px = (0, 0)
        self._forget_movement()

    @property
    def is_moving(self) -> bool:
        """Whether a movement is going on."""
        return self._movement.is_moving

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is going on or suspected: frames seconds apart would do for now."""
        is_suspicious = self._scene.is_pending or self._tamper.is_suspecting or self._turning.is_on
        return not (self._movement.tracks or self._sightings or self.is_moving or is_suspicious)

    @property
    def motion_score(self) -> float:
        """How much moves in the last frame, 0..1."""
        return self._motion_score

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
        if not self._movement.is_moving:
            return []
        frame, view = self._latest
        if frame.pts_s > self._movement.last_hit_s:
            return self._come_to_rest(frame, view)
        chosen = self._close_window()
        self._forget_movement()
        return chosen

    def take(self, frame: Frame, trigger: Trigger = "command") -> Keyframe:
        """A keyframe of this very frame, whatever it shows."""
        return self._make(Shot(frame, self._view(frame), trigger, self._motion_score))

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
        self._quiet.clear()
        self._forget_movement()
        if frame.luma.shape != self._shape:
            self._signatures.clear()
        self._shape = frame.luma.shape
        self._size_px = (frame.width_px, frame.height_px)
        self._periodic.reanchor(frame.pts_s)
        self._last_s = -math.inf
        return pending

    def _forget_movement(self) -> None:
        self._movement = Movement()
        self._motion_score = 0.0
        self._window: Window | None = None
        self._sightings: deque[Candidate] = deque(maxlen=_NUM_SIGHTINGS)
        self._pacing = Pacing()
        self._settling = Settling()
        self._before: Image | None = None
        self._touched: tuple[Box, ...] = ()
        self._path: Box | None = None

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
            motion = self._motion.step(view, self._movement.things, is_moving=self.is_moving)
            chosen += self._follow(frame, view, motion)
            self._tell_step(view, motion)
        return chosen

    def _change_scene(self, cut: Cut, view: View) -> list[Keyframe]:
        pending = [k for k in self.flush() if k.pts_s < cut.frame.pts_s]
        self._motion.rebaseline()
        self._motion.step(view)
        self._tamper.rebaseline()
        self._turning.rebaseline()
        self._quiet.clear()
        self._forget_movement()
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
        now_s = frame.pts_s
        has_come_to_rest = self._turning.step(view, is_turning=motion.is_turning)
        if motion.is_light or self._turning.is_on or has_come_to_rest:
            is_its_own = self._turning.explains(self._movement.started_s)
            pending = [] if is_its_own else self.flush()
            self._forget_movement()
            self._quiet.clear()
            return [*pending, *self._show_new_view(frame, view)] if has_come_to_rest else pending
        movement = self._movement
        present = [region for region in motion.regions if not region.is_vacated]
        tracks = movement.step(present, now_s)
        self._tell_lost()
        for track in movement.travellers:
            self._motion.unlearn(track.path or track.box)
        self._motion_score = 0.0
        seen = Candidate(frame, view, tuple(present), tuple(tracks)) if present else None
        if seen is not None:
            self._motion_score = _score(seen.area_frac)
        if movement.has_ended:
            return self._come_to_rest(frame, view)
        if not movement.is_moving:
            self._wait(frame, seen, now_s)
            return []
        self._latest = (frame, view)
        self._settling.hold(frame, view)
        path = [track.box for track in tracks]
        self._path = union_of([*path, self._path] if self._path else path)
        self._pacing.add_newcomers(movement.newcomers)
        if movement.has_started:
            self._start(now_s)
        elif self._window is None and seen is not None:
            if self._pacing.wants(seen, now_s):
                self._window = Window(now_s + self._settings.max_window_s)
            else:
                self._drop(now_s, "paced", seen.boxes)
        chosen: list[Keyframe] = []
        if self._window is not None:
            if now_s > self._window.closes_s + 1e-3:
                chosen = self._close_window()
            elif seen is not None:
                self._window.offer(seen)
        return chosen

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

    def _wait(self, frame: Frame, seen: Candidate | None, now_s: float) -> None:
        while self._sightings and now_s - self._sightings[0].frame.pts_s > 2.0:
            self._sightings.popleft()
        if seen is None:
            self._quiet.offer(frame)
        else:
            self._sightings.append(seen)

    def _start(self, now_s: float) -> None:
        started_s = self._movement.started_s
        first = self._sightings[0].frame.pts_s if self._sightings else now_s
        opened_s = max(started_s, first)
        self._window = Window(opened_s + self._settings.max_window_s)
        for one in self._sightings:
            if one.frame.pts_s >= started_s - 1e-6:
                self._window.offer(one)
        self._sightings.clear()
        self._before = self._quiet.image_before(started_s)

    def _close_window(self) -> list[Keyframe]:
        window, self._window = self._window, None
        if window is None or window.best is None:
            return []
        best = window.best
        novelty = self._signatures.novelty(best.view, best.boxes, self._motion)
        if novelty < SAME_SHARE and not self._is_news(best):
            self._pacing.note_repeated(best)
            self._drop(best.frame.pts_s, "repeat", best.boxes)
            return []
        self._pacing.note_chosen(best)
        self._touched = best.boxes
        self._signatures.add(best.view, at_rest=False)
        score = _score(best.area_frac)
        shot = Shot(best.frame, best.view, "motion", score, "peak", best.boxes)
        return [self._make_moving(replace(shot, novelty=novelty, value=best.value))]

    def _is_news(self, best: Candidate) -> bool:
        """Whether something is seen that has come or set off since the last peak."""
        return any(
            self._pacing.is_untold(track)
            and (track.has_travelled or not self._signatures.stirs(region.box))
            for region, track in zip(best.regions, best.tracks, strict=True)
        )

    def _come_to_rest(self, frame: Frame, view: View) -> list[Keyframe]:
        chosen = self._close_window()
        still_frame, still_view = self._settling.first_still(frame, view, self._motion)
        changed = tuple(
            region.box
            for region in self._motion.changes_since_background(still_view)
            if self._path is not None and region.box.intersection(self._path)
        )
        self._motion.settle()
        self._signatures.set_present(list(changed))
        boxes = _after_boxes(changed, self._touched)
        where = changed + self._touched
        novelty = self._signatures.novelty_to_last(still_view, where, self._motion)
        # A new state is told although the last peak may look much like it: only now it has stayed.
        is_new_state = bool(changed) and not self._signatures.last_at_rest
        if boxes and (is_new_state or novelty >= SAME_SHARE):
            self._signatures.add(still_view, at_rest=True)
            score = _score(sum(box.area for box in boxes))
            shot = Shot(still_frame, still_view, "motion", score, "after", boxes, novelty=novelty)
            chosen.append(self._make_moving(shot))
        else:
            self._drop(still_frame.pts_s, "unchanged", boxes)
        self._forget_movement()
        self._quiet.clear()
        self._quiet.offer(frame)
        return chosen

    # What is told to an observer

    def _drop(self, pts_s: float, reason: Reason, boxes: tuple[Box, ...]) -> None:
        if self._observer is not None:
            self._observer.dropped(Drop(pts_s, reason, boxes))

    def _tell_lost(self) -> None:
        for track in self._movement.lost:
            self._drop(track.last_s, "restless" if track.is_restless else "flicker", (track.box,))

    def _tell_step(self, view: View, motion: Motion) -> None:
        if self._observer is None or motion.change is None:
            return
        if motion.only_lit:
            self._drop(view.pts_s, "light", tuple(region.box for region in motion.only_lit))
        self._observer.stepped(
            describe_step(
                view.pts_s,
                motion,
                motion.change,
                self._movement.tracks,
                is_moving=self.is_moving,
                scores=(self._motion_score, self._scene.score),
                min_area_px=self._motion.min_area_px(view),
                looked_at=self._look.mask(view.shape),
                restless=self._motion.restless,
                tamper=self.tamper,
            )
        )

    # Keyframes

    def _make(self, shot: Shot) -> Keyframe:
        return make_keyframe(shot, self._settings)

    def _make_moving(self, shot: Shot) -> Keyframe:
        """The keyframe of a shot of the present movement."""
        shot = replace(shot, started_s=self._movement.started_s, before=self._before)
        return make_keyframe(shot, self._settings)


def _after_boxes(changed: tuple[Box, ...], touched: tuple[Box, ...]) -> tuple[Box, ...]:
    """Where to look once it is still: what has changed, and, if that is little, where it moved."""
    if sum(box.area for box in changed) >= _LITTLE * sum(box.area for box in touched):
        return changed or touched
    return tuple(sorted(changed + touched, key=lambda box: -box.area))


def _score(area_frac: float) -> float:
    """0..1: root of the share of the frame that moves; a quarter of the frame is 1."""
    return min(1.0, 2.0 * math.sqrt(area_frac))
