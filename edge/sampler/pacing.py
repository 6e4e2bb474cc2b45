"""How often one movement gives another peak: at once for what is new, ever less for the same.

Decides on times, tracks and ratings; knows no pixels. The sampler makes one for each movement.
"""

from __future__ import annotations

import math

from edge.sampler.choose import Candidate
from edge.sampler.movement import Track

_SPACING_S = 2.5  # between peaks of one movement, at first
_GROWTH = 1.5
_MAX_SPACING_S = 10.0  # a street that is never empty gives 360 peaks an hour
_NEWCOMER_SPACING_S = 0.6
_SIDE_SPACING_S = 0.9
_RETRY_S = 0.4  # after a near-duplicate
_STIRRING = 0.2  # of what is seen must move: else it comes to rest, or is only an arm
_WORTH = 0.3  # of the last peak's rating, for another peak of the same things


class Pacing:
    """When the next peak of a movement may be looked for."""

    def __init__(self) -> None:
        self._untold: list[Track] = []
        self._num_peaks = 0
        self._spacing_s = _SPACING_S
        self._next_s = -math.inf
        self._last_s = -math.inf
        self._last_value = 0.0

    def add_newcomers(self, tracks: list[Track]) -> None:
        """These things have come, or set off after standing still."""
        self._untold += tracks

    def is_untold(self, track: Track) -> bool:
        """Whether no peak has shown it yet."""
        return track in self._untold

    def wants(self, seen: Candidate, now_s: float) -> bool:
        """Whether to look for another peak, now that `seen` moves."""
        if any(track in self._untold for track in seen.tracks):
            return now_s - self._last_s >= _NEWCOMER_SPACING_S
        if any(track.shows_another_side for track in seen.tracks):
            return now_s - self._last_s >= _SIDE_SPACING_S
        if self._num_peaks and seen.moved_share < _STIRRING:
            return False
        return now_s >= self._next_s and seen.value >= _WORTH * self._last_value

    def note_repeated(self, best: Candidate) -> None:
        """The best picture of a window was a near-duplicate."""
        self._tell(best)
        self._next_s = best.frame.pts_s + _RETRY_S

    def note_chosen(self, best: Candidate) -> None:
        """The best picture of a window became a keyframe."""
        if self._tell(best):
            self._spacing_s = _SPACING_S
        elif self._num_peaks > 1:
            self._spacing_s = min(self._spacing_s * _GROWTH, _MAX_SPACING_S)
        self._num_peaks += 1
        self._last_s, self._last_value = best.frame.pts_s, best.value
        self._next_s = best.frame.pts_s + self._spacing_s

    def _tell(self, best: Candidate) -> bool:
        """Take what the picture shows off the list; whether it showed anything new."""
        for region, track in zip(best.regions, best.tracks, strict=True):  # not where it is now
            track.told, track.is_told_cut = region.box, region.touches_border
        num_untold = len(self._untold)
        self._untold = [track for track in self._untold if track not in best.tracks]
        return len(self._untold) < num_untold
