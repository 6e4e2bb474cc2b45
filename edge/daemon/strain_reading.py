"""What the kernel tells of heat and of memory pressure, read once.

Every file may be missing: virtual machines tell nothing of heat, only Intel counts throttling,
pressure needs a kernel with PSI. Knows no limits; strain.py and the doctor judge.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HOT_BELOW_TRIP_C = 3.0  # the kernel begins to slow down at a zone's passive trip point
_SWAP_FIELDS = ("pswpin", "pswpout")


@dataclass(frozen=True, slots=True)
class StrainReading:
    """One look. None where the kernel does not tell.

    `throttle_count` is the sum over cores and packages since the machine was started. Frequencies
    are the highest of all cores, in kHz. `is_hot`: a thermal zone is at its passive trip point.
    """

    throttle_count: int | None = None
    frequency_khz: int | None = None
    frequency_limit_khz: int | None = None
    frequency_max_khz: int | None = None
    is_hot: bool = False
    swapped_in_bytes: int | None = None  # since the machine was started
    swapped_out_bytes: int | None = None
    memory_pressure: float | None = None  # 0..1, over the last minute


def read_strain(root: Path = Path("/")) -> StrainReading:
    """Look now; `root` is where /proc and /sys are found. Takes about a millisecond."""
    cpus = root / "sys/devices/system/cpu"
    swapped = _swapped(root)
    return StrainReading(
        throttle_count=_throttle_count(cpus),
        frequency_khz=_highest(cpus, "scaling_cur_freq"),
        frequency_limit_khz=_highest(cpus, "scaling_max_freq"),
        frequency_max_khz=_highest(cpus, "cpuinfo_max_freq"),
        is_hot=any(_hot_zones(root / "sys/class/thermal")),
        swapped_in_bytes=swapped.get("pswpin"),
        swapped_out_bytes=swapped.get("pswpout"),
        memory_pressure=_memory_pressure(root),
    )


def _throttle_count(cpus: Path) -> int | None:
    """Cores' counts added up; a package's count stands at each of its cores and is taken once."""
    cores: dict[tuple[str, str], int] = {}
    packages: dict[str, int] = {}
    for folder in cpus.glob("cpu[0-9]*/thermal_throttle"):
        topology = folder.parent / "topology"
        package = _text(topology / "physical_package_id") or "0"
        core = _text(topology / "core_id") or folder.parent.name
        count = _number(folder / "core_throttle_count")
        if count is not None:  # the threads of a core tell the same
            cores[package, core] = max(count, cores.get((package, core), 0))
        count = _number(folder / "package_throttle_count")
        if count is not None:
            packages[package] = max(count, packages.get(package, 0))
    if not cores and not packages:
        return None
    return sum(cores.values()) + sum(packages.values())


def _highest(cpus: Path, name: str) -> int | None:
    found = (_number(path) for path in cpus.glob(f"cpu[0-9]*/cpufreq/{name}"))
    return max((value for value in found if value is not None), default=None)


def _hot_zones(zones: Path) -> Iterator[bool]:
    for zone in zones.glob("thermal_zone*"):
        temperature = _number(zone / "temp")
        for kind in zone.glob("trip_point_*_type"):
            if _text(kind) != "passive":
                continue
            trip = _number(kind.with_name(kind.name.replace("_type", "_temp")))
            if temperature is not None and trip is not None and trip > 0:
                yield temperature >= trip - 1000 * HOT_BELOW_TRIP_C


def _swapped(root: Path) -> dict[str, int]:
    """Bytes by /proc/vmstat's names."""
    fields = (line.split() for line in _text(root / "proc/vmstat").splitlines())
    page_bytes = os.sysconf("SC_PAGE_SIZE")
    return {
        field[0]: int(field[1]) * page_bytes
        for field in fields
        if len(field) == 2 and field[0] in _SWAP_FIELDS and field[1].isdecimal()
    }


def _memory_pressure(root: Path) -> float | None:
    """The `some` line's avg60 of /proc/pressure/memory, which is in percent."""
    for line in _text(root / "proc/pressure/memory").splitlines():
        words = line.split()
        if words[:1] == ["some"]:
            for word in words[1:]:
                name, _, value = word.partition("=")
                if name == "avg60":
                    with contextlib.suppress(ValueError):
                        return min(1.0, max(0.0, float(value) / 100))
    return None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _number(path: Path) -> int | None:
    text = _text(path)
    try:
        return int(text)
    except ValueError:
        return None
