"""Notices that heat slows the machine down or that it swaps, and says so when it begins and ends.

Pure: readings and times are arguments. Upkeep brings a reading each minute; statistics and the info
document show what is found.
"""

from __future__ import annotations

from edge.daemon.strain_reading import StrainReading
from edge.health import StrainStats, Trouble

QUIET_LOOKS = 3  # looks without a sign before a state ends: what comes each minute is one state
SWAP_BYTES_S = 1_000_000.0  # read back over a minute; a page now and then is no trouble
PRESSURE_FRAC = 0.10  # of the last minute, with pages read back at all
LEAST_S = 5.0  # a shorter stretch says little

_BEGINS: dict[Trouble, str] = {
    "throttled": "heat slows the processor down; analyses take longer. Give the box air, move it "
    "out of the sun, clean its fins, or lighten its work",
    "swapping": "memory is short: pages are read back from swap, and analyses take many times "
    "longer. Stop other programs, take a smaller model, or add memory",
}
_ENDS: dict[Trouble, str] = {
    "throttled": "heat does not slow the processor down any more",
    "swapping": "there is memory again, nothing is read back from swap",
}


class StrainWatch:
    """Compares each reading with the one before."""

    def __init__(self) -> None:
        self.stats: StrainStats | None = None  # None before the first look
        self._first: StrainReading | None = None
        self._last: tuple[StrainReading, float] | None = None
        self._quiet_looks: dict[Trouble, int] = {}  # of the troubles that are on

    @property
    def troubles(self) -> tuple[Trouble, ...]:
        """What is on."""
        return tuple(self._quiet_looks)

    def look(self, reading: StrainReading, now_mono_s: float) -> list[str]:
        """Take a reading over; the lines for the log, one for each state that begins or ends."""
        if self._first is None or self._last is None:
            self._first, self._last = reading, (reading, now_mono_s)
            self.stats = self._stats(reading, None, None)
            return []
        before, before_mono_s = self._last
        lasted_s = now_mono_s - before_mono_s
        if lasted_s < LEAST_S:
            return []
        self._last = (reading, now_mono_s)
        swap_in = _rate(before.swapped_in_bytes, reading.swapped_in_bytes, lasted_s)
        swap_out = _rate(before.swapped_out_bytes, reading.swapped_out_bytes, lasted_s)
        lines = [
            *self._turn("throttled", is_seen=_is_throttled(before, reading)),
            *self._turn("swapping", is_seen=_is_swapping(reading, swap_in)),
        ]
        self.stats = self._stats(reading, swap_in, swap_out)
        return lines

    def _turn(self, trouble: Trouble, *, is_seen: bool) -> list[str]:
        if is_seen:
            begins = trouble not in self._quiet_looks
            self._quiet_looks[trouble] = 0
            return [_BEGINS[trouble]] if begins else []
        if trouble not in self._quiet_looks:
            return []
        self._quiet_looks[trouble] += 1
        if self._quiet_looks[trouble] < QUIET_LOOKS:
            return []
        del self._quiet_looks[trouble]
        return [_ENDS[trouble]]

    def _stats(
        self, reading: StrainReading, swap_in: float | None, swap_out: float | None
    ) -> StrainStats:
        first = reading if self._first is None else self._first
        return StrainStats(
            throttled="throttled" in self._quiet_looks,
            throttle_events=_grown(first.throttle_count, reading.throttle_count),
            frequency_mhz=_mhz(reading.frequency_khz),
            frequency_limit_mhz=_mhz(reading.frequency_limit_khz),
            frequency_max_mhz=_mhz(reading.frequency_max_khz),
            swapping="swapping" in self._quiet_looks,
            swap_in_bytes_s=None if swap_in is None else round(swap_in, 1),
            swap_out_bytes_s=None if swap_out is None else round(swap_out, 1),
            memory_pressure=reading.memory_pressure,
        )


def _is_throttled(before: StrainReading, now: StrainReading) -> bool:
    """The processor's own count rose; where it has none, the kernel took the cores' limit down
    while a zone is at the temperature at which it does so.
    """
    if now.throttle_count is not None:
        return bool(_grown(before.throttle_count, now.throttle_count))
    if now.frequency_limit_khz is None or now.frequency_max_khz is None:
        return False
    return now.is_hot and now.frequency_limit_khz < now.frequency_max_khz


def _is_swapping(now: StrainReading, swap_in: float | None) -> bool:
    """Pages that are read back were needed; those written out may just have been idle."""
    if not swap_in:
        return False
    return swap_in >= SWAP_BYTES_S or (now.memory_pressure or 0.0) >= PRESSURE_FRAC


def _grown(before: int | None, now: int | None) -> int | None:
    return None if before is None or now is None else max(0, now - before)


def _rate(before: int | None, now: int | None, lasted_s: float) -> float | None:
    grown = _grown(before, now)
    return None if grown is None else grown / lasted_s


def _mhz(khz: int | None) -> float | None:
    return None if khz is None else round(khz / 1000, 1)
