"""Heat and swap: whether the machine was slowed down since its start, or is short of memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from edge.daemon.strain import PRESSURE_FRAC
from edge.daemon.strain_reading import StrainReading, read_strain
from edge.doctor.case import Case, Check
from edge.doctor.diagnosis import Diagnosis, ok, warning

LIMIT_S = 5.0
SWAPPED_BYTES_S: Final = 20_000.0  # read back on the average since the start: 1.7 GB a day


def strain_checks(_case: Case) -> Iterator[Check]:
    """Heat and swap."""
    yield Check("heat", lambda: iter([judge_heat(read_strain(), uptime_s())]), LIMIT_S)
    yield Check("swap", lambda: iter([judge_swap(read_strain(), uptime_s())]), LIMIT_S)


def judge_heat(reading: StrainReading, up_s: float) -> Diagnosis:
    """Pure; `up_s` is for how long the machine has run."""
    count, hours = reading.throttle_count, up_s / 3600
    if count is None:
        word = "at its limit" if reading.is_hot else "below its limit"
        return ok("heat", f"{word}; how often heat slowed the processor down, it does not count")
    if not count:
        return ok("heat", f"not slowed down in {hours:.0f} hours")
    return warning(
        "heat",
        f"heat slowed the processor down {count} times in {hours:.0f} hours",
        "While that lasts analyses take longer, and keyframes may be missed.",
        "Give the box air, move it out of the sun, clean its fins; or lighten its work. `stats` "
        "and `/metrics` of the daemon tell when it happens.",
    )


def judge_swap(reading: StrainReading, up_s: float) -> Diagnosis:
    """Pure; `up_s` is for how long the machine has run."""
    read_back = reading.swapped_in_bytes
    if read_back is None:
        return ok("swap", "the kernel does not tell")
    pressed = (reading.memory_pressure or 0.0) >= PRESSURE_FRAC
    shown = f"{read_back / 1e6:.0f} MB read back from swap in {up_s / 3600:.0f} hours"
    if not pressed and read_back < SWAPPED_BYTES_S * up_s:
        return ok("swap", shown)
    return warning(
        "swap",
        shown + (", and memory is short right now" if pressed else ""),
        "An analysis whose weights or heap were swapped out takes many times as long.",
        "Stop other programs, take a smaller model, or add memory: `ps aux --sort -rss | head`.",
    )


def uptime_s() -> float:
    """For how long the machine has run."""
    return float(Path("/proc/uptime").read_text(encoding="utf-8").split()[0])
