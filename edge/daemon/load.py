"""Load: how much of the model's time the latest keyframes need, at each step of effort. Pure.

Those that were missed count as well as those that were looked at, at what one takes. That is
measured at the step in force alone, since a box may become slower or faster; of the others it is
reckoned by how much less a step took than the one before when it was last taken.
Upkeep notes the counts each second, the analyst what each keyframe took.
"""

from __future__ import annotations

import statistics
from collections import deque
from dataclasses import dataclass
from itertools import pairwise

from edge.effort import EFFORTS, EffortWord
from edge.findings import KeyframeCounts

WINDOW_S = 60.0
MIN_LASTED_FRAC = 0.9  # of the window; a shorter stretch says little
MAX_KEPT = 5  # latest keyframes, whose median counts
NUM_LEARNT = 3  # keyframes after which a step's ratio to the one before is known
LIGHTER_RATIO = 0.5  # until it is
MIN_RATIO = 0.2  # a box that became faster at the same moment must not spoil it
ASKING = EFFORTS[:-1]


@dataclass(frozen=True, slots=True)
class _Look:
    """The box's totals since its start at one moment, and whether the model was up."""

    wanted: int
    other_ms: float
    mono_s: float
    is_up: bool


@dataclass(frozen=True, slots=True)
class _Slice:
    """What came between two looks."""

    lasted_s: float
    wanted: int
    other_ms: float


class LoadMeter:
    """Counts for the daemon's main thread; the load is that of the last `window_s`."""

    def __init__(self, window_s: float = WINDOW_S) -> None:
        self.window_s = window_s
        self._last: _Look | None = None
        self._slices: deque[_Slice] = deque()
        self._effort: EffortWord = "full"
        self._took_ms: deque[float] = deque(maxlen=MAX_KEPT)  # at that step
        self._before_ms: float | None = None  # at the one before, until its ratio is known
        self._ratios: dict[EffortWord, float] = {}  # of a step's time to that of the one before
        self._other_ms = 0.0

    def count_keyframe(self, effort: EffortWord, spent_ms: float) -> None:
        """A keyframe took this at the step in force, its descriptions included, or failed after it.

        ValueError for motion, at which none is analysed.
        """
        if effort != self._effort:
            is_next = ASKING.index(effort) == ASKING.index(self._effort) + 1
            known = is_next and bool(self._took_ms)
            self._before_ms = statistics.median(self._took_ms) if known else None
            self._effort = effort
            self._took_ms.clear()
        self._took_ms.append(spent_ms)
        if self._before_ms and len(self._took_ms) == NUM_LEARNT:
            ratio = statistics.median(self._took_ms) / self._before_ms
            self._ratios[effort] = min(1.0, max(MIN_RATIO, ratio))

    def count_person(self, spent_ms: float) -> None:
        """What somebody asked took this."""
        self._other_ms += spent_ms

    def note(self, counts: KeyframeCounts, now_mono_s: float, *, is_up: bool) -> None:
        """Look at the box's counts since its start; to be called again and again.

        While the model is not up, from one look to the next, nothing is looked at for another
        reason: that time does not count. A model that is too slow is replaced at its deadline, so a
        stretch that begins or ends with it up does.
        """
        wanted = (
            counts.analysed + counts.superseded + counts.stale + counts.failed + counts.left_out
        )
        before = self._last
        self._last = now = _Look(wanted, self._other_ms, now_mono_s, is_up)
        if before is None or not (before.is_up or is_up):
            return
        self._slices.append(
            _Slice(
                now.mono_s - before.mono_s,
                now.wanted - before.wanted,
                now.other_ms - before.other_ms,
            )
        )
        while self._lasted_s() - self._slices[0].lasted_s >= self.window_s:
            self._slices.popleft()

    def loads(self, num_places: int) -> dict[EffortWord, float] | None:
        """The load at each step with so many keyframes at once; None where too little is known."""
        lasted_s = self._lasted_s()
        costs_ms = self._costs_ms()
        if lasted_s < MIN_LASTED_FRAC * self.window_s or costs_ms is None:
            return None
        wanted = sum(one.wanted for one in self._slices)
        other_ms = sum(one.other_ms for one in self._slices)
        there_is_ms = lasted_s * 1000 * max(1, num_places)  # a pool may have none for a moment
        return {word: (wanted * ms + other_ms) / there_is_ms for word, ms in costs_ms.items()}

    def _costs_ms(self) -> dict[EffortWord, float] | None:
        """What a keyframe takes at each step; None before the first."""
        if not self._took_ms:
            return None
        shares: dict[EffortWord, float] = {"full": 1.0}  # of the time at full effort
        for heavier, lighter in pairwise(ASKING):
            shares[lighter] = shares[heavier] * self._ratios.get(lighter, LIGHTER_RATIO)
        at_full_ms = statistics.median(self._took_ms) / shares[self._effort]
        return {**{word: at_full_ms * share for word, share in shares.items()}, "motion": 0.0}

    def _lasted_s(self) -> float:
        return sum(one.lasted_s for one in self._slices)
