"""AgeClock: the time by which the store counts ages. Nobody can set it, and it outlives restarts.

The system's clock may be wrong by fifty years and be set right at any moment; what is kept must
neither go at once nor stay for ever because of that. So every row and picture is stamped with a
time of the store's own:

    it begins as the system's clock when the store is made,
    while the store is open it runs with the box's uptime, whatever is done to the system's clock,
    while it was closed it ran as far as the system's clock tells, if that can be believed: not
    backwards (a small correction of the clock is no pause), and not for more than MAX_PAUSE_S. A
    pause that cannot be believed counts as nothing; it is reckoned again as soon as somebody sets
    the clock (a box without a battery for it starts in 1970 and is told the time by the network a
    minute later).

Nothing here touches a file: the store saves and brings the `Mark`.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

_log = logging.getLogger(__name__)

MAX_PAUSE_S = 366 * 86_400.0  # a box that was off for longer counts as not having been off
CLOCK_STEP_S = 60.0  # smaller corrections of the clock are not worth a line

Clock = Callable[[], float]


def uptime_s() -> float:
    """Seconds since the box was started; unlike `time.monotonic` it runs while the box sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True, slots=True)
class Mark:
    """The store's time at a moment, and what the system's clock said then (s since 1970)."""

    store_s: float
    system_s: float


def parse_mark(saved: Mapping[str, object]) -> Mark:
    """The mark whose fields were saved; raises ValueError for anything else."""
    values = [saved.get(name) for name in ("store_s", "system_s")]
    store_s, system_s = (
        float(value) if isinstance(value, int | float) else math.nan for value in values
    )
    if not (math.isfinite(store_s) and math.isfinite(system_s)):
        raise ValueError(f"{dict(saved)!r:.100} is no mark of the store's time")
    return Mark(store_s, system_s)


class AgeClock:
    """The store's time in seconds; comparable with stamps of earlier runs. Any thread may ask.

    `system` is the clock that can be set (s since 1970), `uptime` the one that cannot; `saved` is
    an earlier run's last mark, None in a store that has none.
    """

    def __init__(self, system: Clock, uptime: Clock, saved: Mark | None) -> None:
        self._system = system
        self._uptime = uptime
        self._lock = threading.Lock()
        self._doubted = saved  # the mark whose pause could not be believed
        self._opened_uptime_s = uptime()
        self._opened_store_s = system() if saved is None else saved.store_s
        self._last = (system(), self._opened_uptime_s)
        if saved is not None and not self._believe(saved):
            _log.warning(
                "the system clock says that %.0f days have passed since the store was last used, "
                "which cannot be; what is kept ages on from where it was",
                (system() - saved.system_s) / 86_400,
            )

    def now(self) -> float:
        """The store's time."""
        with self._lock:
            return self._now()

    def mark(self) -> Mark:
        """To be saved now and then, and at the end."""
        with self._lock:
            return Mark(self._now(), self._system())

    def follow(self) -> None:
        """Notice whether the system's clock was set; to be called each minute or so."""
        with self._lock:
            system_s, uptime_s = self._system(), self._uptime()
            last_system_s, last_uptime_s = self._last
            self._last = (system_s, uptime_s)
            step_s = system_s - last_system_s - (uptime_s - last_uptime_s)
            if abs(step_s) < CLOCK_STEP_S:
                return
            _log.warning(
                "the system clock was set by %+.0f s; what is kept ages on as before", step_s
            )
            if self._doubted is not None:
                self._believe(self._doubted)

    def _now(self) -> float:
        return self._opened_store_s + self._uptime() - self._opened_uptime_s

    def _believe(self, saved: Mark) -> bool:
        """Count the time in which the store was closed, if it can be; whether it was."""
        opened_system_s = self._system() - (self._uptime() - self._opened_uptime_s)
        pause_s = opened_system_s - saved.system_s
        if not -CLOCK_STEP_S < pause_s <= MAX_PAUSE_S:
            return False
        self._opened_store_s = saved.store_s + max(0.0, pause_s)
        self._doubted = None
        return True
