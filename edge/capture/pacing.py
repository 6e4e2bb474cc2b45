"""Pace: plays a recording at its own speed. Knows times alone. Used by `decoding`."""

from __future__ import annotations

from edge.capture.clock import Arrival, Clock

LIMIT_S = 5.0  # a recording's pause is not waited for, a slow reader is not chased


class Pace:
    """Waits until each frame is due; without `realtime`, not at all."""

    def __init__(self, clock: Clock, *, realtime: bool) -> None:
        self._clock = clock
        self._realtime = realtime
        self._offset_s: float | None = None

    def wait(self, pts_s: float) -> Arrival:
        """Wait until the frame at `pts_s` is due, and take that for the time it was received."""
        if self._realtime:
            now_s = self._clock.mono_s()
            wait_s = 0.0 if self._offset_s is None else pts_s + self._offset_s - now_s
            if self._offset_s is None or abs(wait_s) > LIMIT_S:
                self._offset_s = now_s - pts_s
            elif wait_s > 0.0:
                self._clock.sleep(wait_s)
        return Arrival(self._clock.mono_s(), self._clock.utc())
