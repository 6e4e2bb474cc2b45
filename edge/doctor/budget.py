"""The budget: whether the model keeps up with what the configuration asks of it.

What it takes is read from the latest findings in the store, which carry the time of their analysis;
what is asked for certainly are the keyframes that come by the clock.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edge.config.models import Config
from edge.daemon.overload import REMEDY
from edge.daemon.wiring import sampler_settings
from edge.doctor.case import Case, Check
from edge.doctor.diagnosis import Diagnosis, fault, ok, warning
from edge.findings import Finding
from edge.store.archive import read_latest
from edge.store.database import DATABASE_NAME

CHECK = "budget"
LIMIT_S = 20.0
LOOKED_AT = 200  # findings
LEAST_MEASURED = 5  # analyses; the first of a start are slower
BUSY_FRAC = 0.7  # what comes by the clock leaves this little for what moves
MISSED_FRAC = 0.5


@dataclass(frozen=True, slots=True)
class Lately:
    """The latest keyframes: `spent_ms` of each that the model looked at, and counts.

    `missed` gave way to newer ones or waited for too long; `looked` were analysed or reused.
    """

    spent_ms: tuple[float, ...]
    looked: int
    missed: int


def budget_checks(case: Case) -> Iterator[Check]:
    """One for the box."""
    yield Check(CHECK, lambda: check_budget(case), LIMIT_S)


def check_budget(case: Case) -> Iterator[Diagnosis]:
    """Compare what is asked with what was measured."""
    yield judge_budget(clocked_per_hour(case.config), summarise(_latest_findings(case.config)))


def judge_budget(clocked: float, lately: Lately) -> Diagnosis:
    """`clocked` keyframes an hour come whatever happens. Pure."""
    if len(lately.spent_ms) < LEAST_MEASURED:
        return ok(
            CHECK,
            f"{clocked:.0f} keyframes an hour come by the clock; what this box can take is not "
            "measured yet (it is once the daemon has run for a while)",
        )
    median_ms = statistics.median(lately.spent_ms)
    capacity = 3_600_000 / median_ms
    shown = (
        f"the box can take {capacity:.0f} keyframes an hour ({median_ms / 1000:.1f} s each), "
        f"{clocked:.0f} come by the clock alone"
    )
    remedy = f"{REMEDY}. Longer `every` and `periodic` times help the most."
    if clocked > capacity:
        return fault(CHECK, shown, "Keyframes are left out all the time; most go unseen.", remedy)
    seen = lately.looked + lately.missed
    if lately.missed > MISSED_FRAC * seen:
        return warning(
            CHECK,
            f"{shown}; of the last {seen} keyframes {lately.missed} were left out",
            "Much of what moves is not looked at.",
            remedy,
        )
    if clocked > BUSY_FRAC * capacity:
        return warning(
            CHECK, shown, "Little is left for what moves; answers come late when it does.", remedy
        )
    return ok(CHECK, shown)


def clocked_per_hour(config: Config) -> float:
    """Keyframes an hour that the enabled cameras take by `periodic` and `every`. Pure."""
    periods = [
        sampler_settings(config, name).periodic_s
        for name, camera in config.cameras.items()
        if camera.enabled
    ]
    return sum(3600.0 / period_s for period_s in periods if period_s is not None)


def summarise(findings: Sequence[Finding]) -> Lately:
    """Pure. What is not final yet counts as nothing."""
    analysed = [one for one in findings if one.status == "ok" and one.timing.total_ms > 0]
    spent_ms = tuple(one.timing.total_ms for one in analysed if not one.reused)
    missed = sum(one.status == "stale" or one.superseded is not None for one in findings)
    return Lately(spent_ms, len(analysed), missed)


def _latest_findings(config: Config) -> tuple[Finding, ...]:
    """From the store, which a running daemon may hold; none where there is no store yet."""
    database = config.store.folder / DATABASE_NAME
    return read_latest(database, LOOKED_AT) if database.is_file() else ()
