"""Timeline, FrameGrid, DelayLine and LagMeter: what capture makes of a stream's timestamps.

Pure: all times come with the calls, in seconds. Knows nothing of FFmpeg. Used by whatever in
capture puts packets or pictures in time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

# Repeated and slightly swapped timestamps are everyday faults of cheap cameras; further back is a
# wrap or a restarted clock.
SMALL_STEP_BACK_S = 0.5
NUDGE_S = 0.001
LONGEST_STEP_S = 10.0
LONGEST_RECORDED_STEP_S = 24 * 3600.0  # a recording may pause for hours; more is damage

LAG_LIMIT_S = 2.0
# How fast the least delay seen is forgotten, so that a camera's slow clock is not taken for lag:
# crystals are within 100 ppm.
CLOCK_SKEW = 200e-6


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a picture stands on the timeline; `gap` is true where the stream's time broke."""

    pts_s: float
    gap: bool


class Timeline:
    """Turns a stream's timestamps, which may be missing, jump or run back, into growing ones.

    Starts at 0 (live) or at the distance from `start_s`, where a recording begins. `interval_s` is
    the usual distance between pictures. A live stream's jumps are replaced by the time that really
    passed; a recording keeps a pause of up to a day.
    """

    def __init__(self, interval_s: float, *, live: bool, start_s: float | None = None) -> None:
        self._interval_s = interval_s
        self._live = live
        self._offset_s = None if live or start_s is None else -start_s
        self._last: Placed | None = None
        self._last_mono_s = 0.0
        self._usual_step_s = interval_s
        self._restarted = False

    def restart(self) -> None:
        """A looped file begins again: the next picture follows the last one, after a gap."""
        self._offset_s = None
        self._restarted = True

    def foresee(self, raw_s: float) -> float | None:
        """Where a picture stamped `raw_s` will be placed if nothing breaks; None if unknown."""
        return None if self._offset_s is None else raw_s + self._offset_s

    def place(self, raw_s: float | None, mono_s: float) -> Placed:
        """The place of the next picture, stamped `raw_s` (None: no stamp), received at `mono_s`."""
        placed = self._first(raw_s) if self._last is None else self._next(raw_s, mono_s, self._last)
        self._last = placed
        self._last_mono_s = mono_s
        self._restarted = False
        return placed

    def _first(self, raw_s: float | None) -> Placed:
        pts_s = 0.0
        if raw_s is not None:
            if self._offset_s is not None:
                pts_s = max(0.0, raw_s + self._offset_s)
            self._offset_s = pts_s - raw_s
        return Placed(pts_s, gap=False)

    def _next(self, raw_s: float | None, mono_s: float, last: Placed) -> Placed:
        if raw_s is None:
            return Placed(last.pts_s + self._interval_s, gap=self._restarted)
        if self._offset_s is None:
            pts_s = last.pts_s + self._interval_s
            self._offset_s = pts_s - raw_s
            return Placed(pts_s, gap=self._restarted)
        step_s = raw_s + self._offset_s - last.pts_s
        if -SMALL_STEP_BACK_S <= step_s <= 0.0:
            return Placed(last.pts_s + NUDGE_S, gap=False)
        elapsed_s = max(0.0, mono_s - self._last_mono_s)
        if 0.0 < step_s <= max(LONGEST_STEP_S, 4.0 * self._usual_step_s):
            self._usual_step_s = step_s
            return Placed(last.pts_s + step_s, gap=False)
        longest_s = elapsed_s + LONGEST_STEP_S if self._live else LONGEST_RECORDED_STEP_S
        if not 0.0 < step_s <= longest_s:
            step_s = max(self._interval_s, elapsed_s if self._live else 0.0)
            self._offset_s = last.pts_s + step_s - raw_s
        self._usual_step_s = max(self._interval_s, min(step_s, longest_s))
        return Placed(last.pts_s + step_s, gap=True)


class FrameGrid:
    """Picks the frames to hand on: those nearest to a grid of `fps` points a second.

    Works for any and for varying rates: a stream slower than the grid passes whole, and jitter of
    less than half a frame neither loses a frame nor adds one.
    """

    def __init__(self, fps: float) -> None:
        self._period_s = 1.0 / fps
        self._origin_s: float | None = None
        self._due_s = 0.0
        self._last_s = 0.0

    def restart(self) -> None:
        """Begin the grid anew: the next frame is due, whatever its time."""
        self._origin_s = None

    def distance_s(self, pts_s: float) -> float:
        """From the nearest point of the grid; 0 before there is one."""
        if self._origin_s is None:
            return 0.0
        behind_s = (pts_s - self._origin_s) % self._period_s
        return min(behind_s, self._period_s - behind_s)

    def pass_by(self, pts_s: float) -> None:
        """The frame at `pts_s` cannot be had; in order with those asked for."""
        self._last_s = max(self._last_s, pts_s)

    def is_due(self, pts_s: float) -> bool:
        """Whether the frame at `pts_s` is to be handed on; call once for each frame, in order."""
        if self._origin_s is None:
            self._origin_s = self._last_s = pts_s
            self._due_s = pts_s + self._period_s
            return True
        # Half the distance to the frame before: the next frame would be further from the point.
        tolerance_s = min(pts_s - self._last_s, self._period_s) / 2.0
        self._last_s = pts_s
        if pts_s + tolerance_s < self._due_s - 1e-9:
            return False
        point = math.floor((pts_s + tolerance_s - self._origin_s) / self._period_s + 1e-6) + 1
        self._due_s = self._origin_s + point * self._period_s
        return True


class DelayLine:
    """The least delay between a picture's timestamp and its receipt: what maps one to the other.

    Two streams of one camera run on one clock but count from different zeros. `pts_s + least_s` is
    when a picture was taken, by the receive clock and but for the network's least delay, which both
    streams share: comparable between them to within some milliseconds.
    """

    def __init__(self) -> None:
        self.least_s = math.inf
        self._last_mono_s = 0.0

    def note(self, pts_s: float, mono_s: float) -> None:
        """A picture stamped `pts_s` was received at `mono_s`."""
        delay_s = mono_s - pts_s
        if abs(delay_s - self.least_s) > LONGEST_STEP_S:  # the first one, or the clock was set
            self.least_s = delay_s
        else:
            forgotten_s = CLOCK_SKEW * max(0.0, mono_s - self._last_mono_s)
            self.least_s = min(delay_s, self.least_s + forgotten_s)
        self._last_mono_s = mono_s


class LagMeter:
    """How far behind the camera a live stream is read.

    Compares the receive clock with the packets' timestamps: the least delay seen counts as none.
    """

    def __init__(self) -> None:
        self._base_s = 0.0
        self._last_raw_s: float | None = None
        self._last_mono_s = 0.0

    def restart(self) -> None:
        """Take the present delay for none."""
        self._last_raw_s = None

    def lag_s(self, raw_s: float | None, mono_s: float) -> float:
        """Seconds that the packet stamped `raw_s` came late, 0 or more; 0 without a stamp."""
        if raw_s is None:
            return 0.0
        delay_s = mono_s - raw_s
        if self._last_raw_s is None or self._is_jump(raw_s - self._last_raw_s, mono_s):
            self._base_s = delay_s
        else:
            forgotten_s = CLOCK_SKEW * (mono_s - self._last_mono_s)
            self._base_s = min(delay_s, self._base_s + forgotten_s)
        self._last_raw_s, self._last_mono_s = raw_s, mono_s
        return delay_s - self._base_s

    def _is_jump(self, step_s: float, mono_s: float) -> bool:
        elapsed_s = mono_s - self._last_mono_s
        return step_s < -SMALL_STEP_BACK_S or step_s > elapsed_s + LONGEST_STEP_S
