"""Energy: the processor's own counters where the kernel offers them, else a model of it.

RAPL (Running Average Power Limit) counts the joules of a whole processor package; Linux shows it
under /sys/class/powercap, to root alone since 5.10 (CVE-2020-8694), and not in virtual machines.
Without it joules are processor seconds times stated watts; reports call such figures a model.
Source: https://docs.kernel.org/power/powercap/powercap.html
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

POWERCAP = Path("/sys/class/powercap")
WATTS_PER_CORE = 2.0  # above idle: a 6 W processor of the N100's kind, three of four cores busy
IDLE_W = 5.0  # at the wall, a small box with an SSD
SETTLE_S = 1.0  # before the idle power is read


@dataclass(frozen=True, slots=True)
class Spent:
    """What some work took: `wall_s`, `cpu_s` (user and system), `joules` above idle."""

    wall_s: float = 0.0
    cpu_s: float = 0.0
    joules: float = 0.0

    def __add__(self, other: Spent) -> Spent:
        return Spent(
            self.wall_s + other.wall_s, self.cpu_s + other.cpu_s, self.joules + other.joules
        )

    def over(self, times: int) -> Spent:
        """The mean of so many."""
        return Spent(self.wall_s / times, self.cpu_s / times, self.joules / times)


class Meter(Protocol):
    """Tells joules. `is_measured` is false for a model; `source` says what it is, for people."""

    idle_w: float
    is_measured: bool
    source: str

    def joules(self, wall_s: float, cpu_s: float, counted: float) -> float:
        """Above idle, of work that took so long while the counter rose by `counted` joules."""

    def counter(self) -> float:
        """Joules since the meter was made; only differences mean anything."""


@dataclass
class Measured:
    """Span of `watch`, filled at its end."""

    spent: Spent = field(default_factory=Spent)


@contextmanager
def watch(meter: Meter) -> Iterator[Measured]:
    """Measure what is done inside."""
    done = Measured()
    wall_s, cpu_s, counted = time.monotonic(), time.process_time(), meter.counter()
    yield done
    wall_s, cpu_s = time.monotonic() - wall_s, time.process_time() - cpu_s
    joules = meter.joules(wall_s, cpu_s, meter.counter() - counted)
    done.spent = Spent(wall_s, cpu_s, joules)


class Modelled:
    """Watts for each busy core, as stated by the user or above."""

    is_measured = False

    def __init__(self, watts_per_core: float = WATTS_PER_CORE, idle_w: float = IDLE_W) -> None:
        self.idle_w = idle_w
        self._watts_per_core = watts_per_core
        self.source = f"a model: {watts_per_core:g} W for each busy core, {idle_w:g} W idle"

    def counter(self) -> float:
        """Always 0: there is none."""
        return 0.0

    def joules(self, wall_s: float, cpu_s: float, counted: float) -> float:
        """Processor seconds times watts."""
        del wall_s, counted
        return cpu_s * self._watts_per_core


class Rapl:
    """The counters of all processor packages together. Raises PermissionError or OSError where
    they cannot be read; `find_rapl` tries that.
    """

    is_measured = True

    def __init__(self, packages: tuple[Path, ...]) -> None:
        self.idle_w = 0.0
        self._packages = packages
        self._ranges_uj = [_number(one / "max_energy_range_uj") for one in packages]
        self._last_uj = [_number(one / "energy_uj") for one in packages]
        self._joules = 0.0
        limits = ", ".join(f"{limit:g} W" for limit in self.limits_w()) or "not told"
        self.source = f"RAPL, {len(packages)} processor package(s), long-term limit {limits}"

    def limits_w(self) -> list[float]:
        """Each package's long-term power limit, where the kernel tells it."""
        found = []
        for package in self._packages:
            for name in sorted(package.glob("constraint_*_name")):
                if name.read_text().strip() == "long_term":
                    limit = name.with_name(name.name.replace("_name", "_power_limit_uw"))
                    found.append(_number(limit) / 1e6)
        return found

    def counter(self) -> float:
        """Joules so far. A counter that has come round is taken to have done so once."""
        for index, package in enumerate(self._packages):
            now_uj = _number(package / "energy_uj")
            rise_uj = now_uj - self._last_uj[index]
            if rise_uj < 0:
                rise_uj += self._ranges_uj[index]
            self._joules += rise_uj / 1e6
            self._last_uj[index] = now_uj
        return self._joules

    def joules(self, wall_s: float, cpu_s: float, counted: float) -> float:
        """What the counter rose beyond what idling would have taken."""
        del cpu_s
        return max(0.0, counted - self.idle_w * wall_s)

    def settle(self, for_s: float, sleep: Callable[[float], None] = time.sleep) -> None:
        """Read the idle power over `for_s`; nothing else should run."""
        sleep(min(SETTLE_S, for_s))
        before, started_s = self.counter(), time.monotonic()
        sleep(for_s)
        self.idle_w = (self.counter() - before) / max(time.monotonic() - started_s, 1e-9)


def find_rapl(folder: Path = POWERCAP) -> Rapl | str:
    """The packages' counters, or why there are none."""
    try:
        packages = tuple(
            one
            for one in sorted(folder.glob("*-rapl:*"))
            if one.name.count(":") == 1 and (one / "name").read_text().startswith("package")
        )
        if not packages:
            return f"no RAPL counters under {folder}"
        return Rapl(packages)
    except PermissionError as error:
        return f"{error.filename}: only root may read it"
    except (OSError, ValueError) as error:
        return f"{folder}: {error}"


def _number(file: Path) -> int:
    return int(file.read_text())
