"""From regions in single pictures to a movement that starts, goes on and ends.

Follows regions from picture to picture just enough to tell a thing on its way from a flicker, and
one thing from the next. Knows boxes and time, no pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from edge.geometry import Box, Point
from edge.sampler.regions import Region

_REST_S = 0.6  # without a hit; the motion part's lag comes on top, so about 1 s of stillness
_LOST_S = 1.0  # a track not seen for this long is over
_SMALL_SHARE = 0.005  # of the frame; smaller regions must last, and move or last long
_SMALL_MIN_S = 0.35  # one flicker is seen for the lag of 0.4 s, less one picture
_SMALL_STILL_S = 1.5
_TRAVEL = 0.25  # of its own size, to count as having moved
_NEAR_PER_S = 0.15  # of the frame, how far from its track's box a thing may turn up: walking pace
_MAX_NEAR = 0.15
_STOOD_S = 3.0  # a thing that stood this long and then leaves its place has set off
_LEFT_PLACE = 0.5  # overlap with the place it stood


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
    is_confirmed: bool = False
    has_set_off: bool = False  # in this very picture

    def hit(self, region: Region, now_s: float) -> None:
        """The thing was seen again."""
        self.box, self.area_px, self.last_s = region.box, region.area_px, now_s
        self.num_hits += 1
        self.has_set_off = False
        if region.box.iou(self.place) < _LEFT_PLACE:
            self.has_set_off = now_s - self.place_since_s >= _STOOD_S
            self.place, self.place_since_s = region.box, now_s
        self.is_confirmed = self.is_confirmed or self._has_lasted(now_s - self.first_s)

    def _has_lasted(self, seen_s: float) -> bool:
        if self.box.area >= _SMALL_SHARE:
            return True
        (x0, y0), (x, y) = self.origin, self.box.center
        size = max(self.box.width, self.box.height)
        has_moved = max(abs(x - x0), abs(y - y0)) >= _TRAVEL * size
        return seen_s >= (_SMALL_MIN_S if has_moved else _SMALL_STILL_S)


@dataclass(slots=True)
class Movement:
    """All that moves, as one movement with a beginning and an end.

    Call `step` once per picture; then `newcomers` are the tracks confirmed by this very picture
    and those that set off in it after standing still; `has_started` and `has_ended` hold for this
    picture alone.
    """

    tracks: list[Track] = field(default_factory=list)
    newcomers: list[Track] = field(default_factory=list)
    is_moving: bool = False
    has_started: bool = False
    has_ended: bool = False
    started_s: float = 0.0
    last_hit_s: float = 0.0
    _previous_s: float = 0.0

    def step(self, regions: list[Region], now_s: float) -> list[Track]:
        """Take in the next picture's regions; returns the track of each, in the same order."""
        gap_s = now_s - self._previous_s  # slow cameras: being lost takes two pictures at least
        self._previous_s = now_s
        lost_s = max(_LOST_S, 1.5 * gap_s)
        self.tracks = [track for track in self.tracks if now_s - track.last_s <= lost_s]
        confirmed = {id(track) for track in self.tracks if track.is_confirmed}
        matched = self._match(regions, now_s, min(_MAX_NEAR, _NEAR_PER_S * gap_s))
        self.newcomers = [
            track
            for track in matched
            if track.is_confirmed
            and (track.has_set_off or (track.is_newcomer and id(track) not in confirmed))
        ]
        self.has_started = self.has_ended = False
        if any(track.is_confirmed for track in matched):
            self.last_hit_s = now_s
            if not self.is_moving:
                self.is_moving = self.has_started = True
                self.started_s = min(track.first_s for track in matched if track.is_confirmed)
        elif self.is_moving and now_s - self.last_hit_s >= max(_REST_S, 1.5 * gap_s) - 1e-3:
            self.is_moving, self.has_ended = False, True
            self.tracks = []
        return matched

    def _match(self, regions: list[Region], now_s: float, near_frac: float) -> list[Track]:
        free = list(self.tracks)
        matched = []
        for region in regions:  # largest first: the large ones choose
            near = region.box.expanded(near_frac)
            best = max(free, key=lambda t: near.iou(t.box), default=None)
            if best is not None and near.intersection(best.box):
                free.remove(best)
                best.hit(region, now_s)
            else:
                is_newcomer = not any(near.intersection(t.box) for t in self.tracks)
                best = Track(
                    box=region.box,
                    area_px=region.area_px,
                    first_s=now_s,
                    last_s=now_s,
                    origin=region.box.center,
                    is_newcomer=is_newcomer,
                    place=region.box,
                    place_since_s=now_s,
                )
                self.tracks.append(best)
            matched.append(best)
        return matched
