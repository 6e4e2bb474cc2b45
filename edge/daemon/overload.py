"""Notices that the box does not keep up with its keyframes, and says so for the log.

Pure: counts and time are arguments. A burst that leaves a few keyframes out is what the scheduler
is for; this speaks when most of them go unseen. Upkeep asks it each minute.
"""

from __future__ import annotations

from edge.findings import KeyframeCounts

LEAST_S = 60.0  # a shorter stretch says little
TOLD_AGAIN_S = 600.0
LEAST_MISSED = 10
MOST_MISSED_FRAC = 0.5

REMEDY = (
    "Lighten its work: fewer rules, or `cameras` and `zones` for them; a lower "
    "`motion.sensitivity`, or masks (`edge tune CAMERA` suggests both); `describe: never`; "
    "smaller pictures (`vlm.pixels: small`); or give cameras to another box"
)


class OverloadWatch:
    """Compares what was looked at with what was missed, in stretches of up to ten minutes."""

    def __init__(self) -> None:
        self._since_mono_s = 0.0
        self._before: KeyframeCounts | None = None  # None: a stretch begins at the next look
        self._told_mono_s = float("-inf")

    def line(
        self, counts: KeyframeCounts, now_mono_s: float, median_ms: float | None, *, is_up: bool
    ) -> str:
        """The warning for the log, at most one in ten minutes; "" where there is none.

        `counts` are the whole box's since its start. While the model is not up nothing is looked
        at for another reason, which is told elsewhere; that time does not count.
        """
        if not is_up or self._before is None:
            self._begin(counts if is_up else None, now_mono_s)
            return ""
        lasted_s = now_mono_s - self._since_mono_s
        if lasted_s < LEAST_S:
            return ""
        looked = _looked(counts) - _looked(self._before)
        superseded = counts.superseded - self._before.superseded
        stale = counts.stale - self._before.stale
        missed = superseded + stale
        if missed < LEAST_MISSED or missed <= MOST_MISSED_FRAC * (missed + looked):
            if lasted_s >= TOLD_AGAIN_S:
                self._begin(counts, now_mono_s)
            return ""
        if now_mono_s - self._told_mono_s < TOLD_AGAIN_S:
            return ""
        self._told_mono_s = now_mono_s
        self._begin(counts, now_mono_s)
        pace = "" if median_ms is None else f" One takes {median_ms / 1000:.1f} s here."
        return (
            f"overload: the model does not keep up with the cameras. In the last "
            f"{lasted_s / 60:.0f} min it looked at {looked} of {missed + looked} keyframes; "
            f"{superseded} gave way to newer ones, {stale} waited for too long.{pace} {REMEDY}"
        )

    def _begin(self, counts: KeyframeCounts | None, now_mono_s: float) -> None:
        self._before, self._since_mono_s = counts, now_mono_s


def _looked(counts: KeyframeCounts) -> int:
    return counts.analysed + counts.reused
