"""Notices that the box does not keep up with its keyframes, and says so for the log.

Pure: counts and time are arguments. A burst that leaves a few keyframes out is what the scheduler
is for; this speaks when most of them go unseen. Upkeep asks it each minute.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from edge.findings import KeyframeCounts

LEAST_S = 60.0  # a shorter stretch says little
WINDOW_S = 600.0
TOLD_AGAIN_S = 600.0
LEAST_MISSED = 10
MOST_MISSED_FRAC = 0.5

REMEDY = (
    "Lighten its work: fewer rules, or `cameras` and `zones` for them; a lower "
    "`motion.sensitivity`, or masks (`edge tune CAMERA` suggests both); `describe: never`; "
    "smaller pictures (`vlm.pixels: small`); or give cameras to another box"
)


@dataclass(frozen=True, slots=True)
class _Look:
    """The box's counts since its start at one look, and whether the model was up."""

    counts: KeyframeCounts
    mono_s: float
    is_up: bool


@dataclass(frozen=True, slots=True)
class _Slice:
    """What happened between two looks."""

    lasted_s: float
    looked: int
    superseded: int
    stale: int


class OverloadWatch:
    """Compares what was looked at with what was missed, over the last ten minutes."""

    def __init__(self) -> None:
        self._last: _Look | None = None
        self._slices: deque[_Slice] = deque()
        self._told_mono_s = float("-inf")

    def line(
        self, counts: KeyframeCounts, now_mono_s: float, median_ms: float | None, *, is_up: bool
    ) -> str:
        """The warning for the log, at most one in ten minutes; "" where there is none.

        `counts` are the whole box's since its start. While the model is not up, from one look to
        the next, nothing is looked at for another reason, told elsewhere: that time does not count.
        A model that is too slow is replaced at its deadline, so a single look without one does.
        """
        before, self._last = self._last, _Look(counts, now_mono_s, is_up)
        if before is not None and (before.is_up or is_up):
            self._slices.append(_slice(before, self._last))
        while sum(one.lasted_s for one in self._slices) > WINDOW_S:
            self._slices.popleft()
        lasted_s = sum(one.lasted_s for one in self._slices)
        looked = sum(one.looked for one in self._slices)
        superseded = sum(one.superseded for one in self._slices)
        stale = sum(one.stale for one in self._slices)
        missed = superseded + stale
        is_much = missed >= LEAST_MISSED and missed > MOST_MISSED_FRAC * (missed + looked)
        if not is_much or lasted_s < LEAST_S or now_mono_s - self._told_mono_s < TOLD_AGAIN_S:
            return ""
        self._told_mono_s = now_mono_s
        pace = "" if median_ms is None else f" One takes {median_ms / 1000:.1f} s here."
        return (
            f"overload: the model does not keep up with the cameras. In the last "
            f"{lasted_s / 60:.0f} min it looked at {looked} of {missed + looked} keyframes; "
            f"{superseded} gave way to newer ones, {stale} waited for too long.{pace} {REMEDY}"
        )


def _slice(before: _Look, now: _Look) -> _Slice:
    old, new = before.counts, now.counts
    return _Slice(
        now.mono_s - before.mono_s,
        new.analysed + new.reused - old.analysed - old.reused,
        new.superseded - old.superseded,
        new.stale - old.stale,
    )
