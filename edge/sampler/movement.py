"""From regions in single pictures to a movement that starts, goes on and ends.

Follows regions from picture to picture just enough to tell a thing on its way from a flicker, and
one thing from the next. Knows boxes and time, no pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from edge.geometry import Box, Point
from edge.sampler.regions import Region

_REST_S = 0.6  # without a hit; the motion part's lag comes on top, so about 1 s of stillness
_LOST_S = 1.0  # a track not seen for this long is over
_SMALL_SHARE = 0.004  # of the frame; smaller regions must last, and move or last long
_SMALL_MIN_S = 0.35  # one flicker is seen for the lag of 0.4 s, less one picture
_SMALL_STILL_S = 1.5
_TRAVEL = 0.25  # of its own size, to count as having moved
_NEAR_PER_S = 0.3  # of the frame, how far from its track's box a thing may turn up: running pace
_MAX_NEAR = 0.15
_STOOD_S = 3.0  # a thing that stood this long and then leaves its place has set off
_ALIKE_SIZE = 2.5
_ALIKE_SHARE = 0.5  # of all its sightings
_MIN_ALIKE, _MIN_ALIKE_IN_CLUTTER = 2, 4  # pairs of sightings
_CLUTTER_S = 5.0
_MAX_CLUTTER = 5
_TIDY, _CLUTTERED = 0.25, 0.8  # doubtful sightings a picture: rain, snow, glitter
_STIRS_S = 8.0  # what goes on in one place for longer is usual there
_LEFT_PLACE = 0.5  # overlap with the place it stood
_FAR, _FAR_OWN = 0.05, 0.6  # of the frame and of its own size, to have travelled
_STEP_S = 0.4  # legs and arms swing to and fro within that
_MIN_STEPS = 2
_STRAIGHT = 0.6  # net way by all steps together


# How much a single sighting is worth: "full", only "some", or "none" without a way travelled.
Trust = Literal["full", "some", "none"]


@dataclass(slots=True, eq=False)
class Track:
    """One moving thing, as far as boxes tell."""

    box: Box
    area_px: int
    first_s: float
    last_s: float
    origin: Point
    is_newcomer: bool  # did not split off another track
    place: Box
    place_since_s: float
    num_hits: int = 1
    num_alike: int = 0  # sightings that resembled the one before
    is_confirmed: bool = False
    is_restless: bool = False  # where the scene moves by itself
    is_faint: bool = False  # never yet seen clearly
    has_cleared: bool = False  # in this very picture it was seen clearly for the first time
    touches_border: bool = False
    told: Box | None = None  # where the last peak showed it, ...
    is_told_cut: bool = False  # ... cut by the border
    has_travelled: bool = False  # far and straight enough for leaves not to do so
    way: float = 0.0  # all steps of half a second together, as a fraction of the frame
    num_steps: int = 0
    stepped: Box | None = None
    stepped_s: float = 0.0
    first_box: Box | None = None
    path: Box | None = None
    has_set_off: bool = False  # in this very picture

    def hit(self, region: Region, now_s: float, near_frac: float, trust: Trust) -> None:
        """The thing was seen again."""
        self.num_alike += _is_alike(self.box, region.box, near_frac)
        self._move(region.box, now_s, trust)
        self.area_px, self.last_s = region.area_px, now_s
        self.is_restless, self.touches_border = region.is_restless, region.touches_border
        self.num_hits += 1
        self.has_cleared = self.is_faint and not region.is_faint
        self.is_faint = self.is_faint and region.is_faint
        self.has_set_off = False
        if region.box.iou(self.place) < _LEFT_PLACE:
            self.has_set_off = now_s - self.place_since_s >= _STOOD_S
            self.place, self.place_since_s = region.box, now_s
        self.is_confirmed = self.is_confirmed or self.has_lasted(
            region, now_s - self.first_s, trust
        )

    @property
    def shows_another_side(self) -> bool:
        """It was only partly in the picture and now is wholly, or it is about to leave it."""
        return (
            self.told is not None
            and self.has_travelled
            and self.touches_border != self.is_told_cut
            and self.box.iou(self.told) < _LEFT_PLACE
        )

    def _move(self, box: Box, now_s: float, trust: Trust) -> None:
        self.box = box
        self.path = box if self.path is None else self.path.union(box)
        if self.first_box is None or self.stepped is None:
            self.first_box = self.stepped = box
            self.stepped_s = now_s
        if now_s - self.stepped_s < _STEP_S - 1e-3:
            return
        self.way += _side_step(self.stepped, box)
        self.stepped, self.stepped_s = box, now_s
        net = _side_step(self.first_box, box)
        far = max(_FAR, _FAR_OWN * min(box.width, box.height))
        self.num_steps += 1
        least = _MIN_ALIKE_IN_CLUTTER if trust == "none" else _MIN_ALIKE
        is_one = self.num_alike >= max(least, _ALIKE_SHARE * self.num_hits)
        if is_one and self.num_steps >= _MIN_STEPS and net >= far and net >= _STRAIGHT * self.way:
            self.has_travelled = True

    def has_lasted(self, region: Region, seen_s: float, trust: Trust) -> bool:
        """Whether it is a thing, and not only a flicker."""
        if region.is_restless or trust == "none":
            return self.has_travelled
        if region.area_frac >= _SMALL_SHARE:
            return trust == "full" or self.num_alike >= _MIN_ALIKE
        (x0, y0), (x, y) = self.origin, self.box.center
        size = max(self.box.width, self.box.height)
        has_moved = max(abs(x - x0), abs(y - y0)) >= _TRAVEL * size
        least_s = _SMALL_MIN_S if has_moved else _SMALL_STILL_S
        return seen_s >= least_s and self.num_alike >= (1 if trust == "full" else _MIN_ALIKE)


@dataclass(slots=True)
class Movement:
    """All that moves, as one movement with a beginning and an end.

    Call `step` once per picture; then `newcomers` are the tracks confirmed by this very picture
    and those that set off in it after standing still; `has_started` and `has_ended` hold for this
    picture alone. Faint things may start a movement and join one, but do not keep up one that has
    shown anything clear, nor make clear things doubtful: without them all would be the same.
    """

    tracks: list[Track] = field(default_factory=list)
    newcomers: list[Track] = field(default_factory=list)
    travellers: list[Track] = field(default_factory=list)  # found to be on their way just now
    lost: list[Track] = field(default_factory=list)  # given up just now, never sure to be a thing
    is_moving: bool = False
    has_started: bool = False
    has_ended: bool = False
    started_s: float = 0.0
    last_hit_s: float = 0.0
    _is_clear: bool = False  # something clear has moved
    _previous_s: float = 0.0
    _clutter: float = 0.0  # of late, clear sightings in a picture that came to nothing
    _faint_clutter: float = 0.0  # the same, faint ones included

    @property
    def travelled(self) -> tuple[Box, ...]:
        """Where things were last that have come a way, stirring or in doubtful light as well."""
        return tuple(t.box for t in self.tracks if t.is_confirmed and t.has_travelled)

    @property
    def things(self) -> tuple[Box, ...]:
        """Where things are that are on their way, or have come and only stir."""
        return tuple(
            track.box
            for track in self.tracks
            if track.has_travelled
            and not track.is_restless
            and self._previous_s - track.place_since_s < _STIRS_S
        )

    def step(self, regions: list[Region], now_s: float) -> list[Track]:
        """Take in the next picture's regions; returns the track of each, in the same order."""
        gap_s = now_s - self._previous_s  # slow cameras: being lost takes two pictures at least
        self._previous_s = now_s
        lost_s = max(_LOST_S, 1.5 * gap_s)
        self.lost = [t for t in self.tracks if now_s - t.last_s > lost_s and not t.is_confirmed]
        self.tracks = [track for track in self.tracks if now_s - track.last_s <= lost_s]
        confirmed = {id(track) for track in self.tracks if track.is_confirmed}
        travelled = {id(track) for track in self.tracks if track.has_travelled}
        matched = self._match(regions, now_s, min(_MAX_NEAR, _NEAR_PER_S * gap_s))
        doubtful = [r for r, t in zip(regions, matched, strict=True) if not t.is_confirmed]
        share = 1 - math.exp(-min(gap_s, 1.0) / _CLUTTER_S)
        num_clear = sum(not region.is_faint for region in doubtful)
        self._clutter += share * (min(num_clear, _MAX_CLUTTER) - self._clutter)
        self._faint_clutter += share * (min(len(doubtful), _MAX_CLUTTER) - self._faint_clutter)
        self.newcomers = [
            track
            for track in matched
            if track.is_confirmed
            and (
                track.has_set_off
                or (track.is_newcomer and (id(track) not in confirmed or track.has_cleared))
            )
        ]
        self.travellers = [t for t in matched if t.has_travelled and id(t) not in travelled]
        self.has_started = self.has_ended = False
        sure = [(r, t) for r, t in zip(regions, matched, strict=True) if t.is_confirmed]
        is_clear = any(not region.is_faint for region, _ in sure)
        if is_clear or (sure and not self._is_clear):
            self.last_hit_s = now_s
            self._is_clear = is_clear or self._is_clear
            if not self.is_moving:
                self.is_moving = self.has_started = True
                self.started_s = min(track.first_s for _, track in sure)
        elif self.is_moving and now_s - self.last_hit_s >= max(_REST_S, 1.5 * gap_s) - 1e-3:
            self.is_moving, self.has_ended, self._is_clear = False, True, False
            self.tracks = []
        return matched

    def _trust(self, region: Region) -> Trust:
        clutter = self._faint_clutter if region.is_faint else self._clutter
        if clutter < _TIDY:
            return "full"
        return "some" if clutter < _CLUTTERED else "none"

    def _match(self, regions: list[Region], now_s: float, near_frac: float) -> list[Track]:
        free = list(self.tracks)
        matched = []
        for region in regions:  # clear ones first, then large ones: these choose
            near = region.box.expanded(near_frac)
            best = min(free, key=lambda track: _distance(track.box, region.box), default=None)
            if best is not None and near.intersection(best.box):
                free.remove(best)
                best.hit(region, now_s, near_frac, self._trust(region))
            else:
                is_newcomer = not any(
                    near.intersection(track.box)
                    for track in self.tracks
                    if region.is_faint or not track.is_faint
                )
                best = Track(
                    box=region.box,
                    area_px=region.area_px,
                    first_s=now_s,
                    last_s=now_s,
                    origin=region.box.center,
                    is_newcomer=is_newcomer,
                    place=region.box,
                    first_box=region.box,
                    is_faint=region.is_faint,
                    touches_border=region.touches_border,
                    stepped=region.box,
                    stepped_s=now_s,
                    path=region.box,
                    place_since_s=now_s,
                )
                best.is_confirmed = best.has_lasted(region, 0.0, self._trust(region))
                self.tracks.append(best)
            matched.append(best)
        return matched


def _is_alike(before: Box, now: Box, near_frac: float) -> bool:
    """Whether two sightings may be of one thing: about one size, and no further than it walks."""
    ratio = before.area / max(now.area, 1e-9)
    (x0, y0), (x, y) = before.center, now.center
    return (
        1 / _ALIKE_SIZE < ratio < _ALIKE_SIZE
        and abs(x - x0) <= near_frac + max(before.width, now.width)
        and abs(y - y0) <= (near_frac + max(before.height, now.height)) / 2
    )


def _distance(before: Box, now: Box) -> float:
    """Between two boxes' middles, and by how much they differ in size."""
    (x0, y0), (x, y) = before.center, now.center
    size = abs(before.width - now.width) + abs(before.height - now.height)
    return abs(x - x0) + abs(y - y0) + size / 2


def _side_step(a: Box, b: Box) -> float:
    """The way of the side that moved most: something that grows as it comes near moves, too."""
    return max(abs(x - y) for x, y in zip(a.as_tuple(), b.as_tuple(), strict=True))
