"""Pursuit: what moves is followed, from the first sighting to its rest, and its best moments shown.

A movement gives a `peak` for each window of time in which something new was best seen, and an
`after` once it has come to rest; what looks like a keyframe that was just given is dropped. Knows
nothing of light, cuts or tamper: the sampler calls it for views in which only things have moved.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from edge.frames import Frame, Image, Keyframe
from edge.geometry import Box, union_of
from edge.sampler.choose import Candidate, Window
from edge.sampler.motion import MotionDetector
from edge.sampler.movement import Movement
from edge.sampler.pacing import Pacing
from edge.sampler.quiet import QuietPicture
from edge.sampler.regions import Region
from edge.sampler.settings import SamplerSettings
from edge.sampler.settling import Settling
from edge.sampler.shot import Shot, make_keyframe
from edge.sampler.signature import SAME_SHARE, Signatures
from edge.sampler.trace import Drop, Observer, Reason
from edge.sampler.view import View

_NUM_SIGHTINGS = 4  # frames held back before a movement is sure; each is a decoded picture
_SIGHTED_S = 2.0  # how long they are held
_LITTLE = 0.1  # of the moved area: less change than this may be what the fit of light has left


class Pursuit:
    """Follows one movement after the other.

    `movement` is the present one, `score` (0..1) how much moves in the last view. Teaches `motion`
    what is no background, shares `signatures` of the last keyframes with the sampler, and tells
    `observer` what did not become a keyframe.
    """

    def __init__(
        self,
        settings: SamplerSettings,
        motion: MotionDetector,
        signatures: Signatures,
        observer: Observer | None = None,
    ) -> None:
        self._settings = settings
        self._motion = motion
        self._signatures = signatures
        self._observer = observer
        self._quiet = QuietPicture(is_wanted=settings.keep_before)
        self._forget()

    @property
    def is_idle(self) -> bool:
        """Whether nothing moves and nothing was sighted."""
        return not (self.movement.tracks or self._sightings or self.movement.is_moving)

    def start_anew(self) -> None:
        """What is seen from now on has nothing to do with what was seen before."""
        self._forget()
        self._quiet.clear()

    def _forget(self) -> None:
        self.movement = Movement()
        self.score = 0.0
        self._window: Window | None = None
        self._sightings: deque[Candidate] = deque(maxlen=_NUM_SIGHTINGS)
        self._pacing = Pacing()
        self._settling = Settling()
        self._before: Image | None = None
        self._touched: tuple[Box, ...] = ()
        self._path: Box | None = None

    def flush(self) -> list[Keyframe]:
        """No frame follows: hand out what was still waited for."""
        if not self.movement.is_moving:
            return []
        frame, view = self._latest
        if frame.pts_s > self.movement.last_hit_s:
            return self._come_to_rest(frame, view)
        chosen = self._close_window()
        self._forget()
        return chosen

    def step(self, frame: Frame, view: View, regions: Sequence[Region]) -> list[Keyframe]:
        """Follow what moves into the next frame; the keyframes that this completes."""
        now_s = frame.pts_s
        movement = self.movement
        present = [region for region in regions if not region.is_vacated]
        tracks = movement.step(present, now_s)
        self._tell_lost()
        for track in movement.travellers:
            self._motion.unlearn(track.path or track.box)
        self.score = 0.0
        seen = Candidate(frame, view, tuple(present), tuple(tracks)) if present else None
        if seen is not None:
            self.score = _score(seen.area_frac)
        if movement.has_ended:
            return self._come_to_rest(frame, view)
        if not movement.is_moving:
            self._wait(frame, seen, now_s)
            return []
        self._latest = (frame, view)
        self._settling.hold(frame, view)
        if seen is None:
            self._settling.expect()
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

    def _wait(self, frame: Frame, seen: Candidate | None, now_s: float) -> None:
        while self._sightings and now_s - self._sightings[0].frame.pts_s > _SIGHTED_S:
            self._sightings.popleft()
        if seen is None:
            self._quiet.offer(frame)
            return
        self._sightings.append(seen)
        likely = [t.first_s for t in seen.tracks if t.num_hits > 1 and not t.is_restless]
        if likely:
            self._expect(min(likely))

    def _expect(self, started_s: float) -> None:
        """What has begun may be a movement: its first picture will then be wanted."""
        frame = self._quiet.frame_before(started_s)
        if frame is None:
            frame = next(s.frame for s in self._sightings if s.frame.pts_s >= started_s - 1e-6)
        frame.expect()

    def _start(self, now_s: float) -> None:
        started_s = self.movement.started_s
        first = self._sightings[0].frame.pts_s if self._sightings else now_s
        opened_s = max(started_s, first)
        self._window = Window(opened_s + self._settings.max_window_s)
        before = self._quiet.frame_before(started_s)
        self._before = None if before is None else before.image()  # first: decoded in order
        for one in self._sightings:
            if one.frame.pts_s >= started_s - 1e-6:
                self._window.offer(one)
        self._sightings.clear()

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
        return [self._make(replace(shot, novelty=novelty, value=best.value))]

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
            chosen.append(self._make(shot))
        else:
            self._drop(still_frame.pts_s, "unchanged", boxes)
        self._forget()
        self._quiet.clear()
        self._quiet.offer(frame)
        return chosen

    def _tell_lost(self) -> None:
        for track in self.movement.lost:
            self._drop(track.last_s, "restless" if track.is_restless else "flicker", (track.box,))

    def _drop(self, pts_s: float, reason: Reason, boxes: tuple[Box, ...]) -> None:
        if self._observer is not None:
            self._observer.dropped(Drop(pts_s, reason, boxes))

    def _make(self, shot: Shot) -> Keyframe:
        """The keyframe of a shot of the present movement."""
        shot = replace(shot, started_s=self.movement.started_s, before=self._before)
        return make_keyframe(shot, self._settings)


def _after_boxes(changed: tuple[Box, ...], touched: tuple[Box, ...]) -> tuple[Box, ...]:
    """Where to look once it is still: what has changed, and, if that is little, where it moved."""
    if sum(box.area for box in changed) >= _LITTLE * sum(box.area for box in touched):
        return changed or touched
    return tuple(sorted(changed + touched, key=lambda box: -box.area))


def _score(area_frac: float) -> float:
    """0..1: root of the share of the frame that moves; a quarter of the frame is 1."""
    return min(1.0, 2.0 * math.sqrt(area_frac))
