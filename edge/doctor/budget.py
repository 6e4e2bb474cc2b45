"""The budget: whether the model keeps up with what the configuration asks of it.

What a keyframe takes is what the box measured by itself; where it has not yet, or the model is
elsewhere, it is read from the latest findings in the store, which carry the time of their analysis.
What is asked for certainly are the keyframes that come by the clock.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edge.config.models import Config
from edge.daemon.effort import REMEDY
from edge.daemon.needs import BUSY_FRAC, clocked_per_hour, estimate_needs
from edge.daemon.pace_known import describe_unmeasured, find_pace
from edge.doctor.case import Case, Check
from edge.doctor.diagnosis import Diagnosis, fault, ok, warning
from edge.findings import Finding
from edge.pace import HOUR_MS, Needs, Pace
from edge.store.archive import read_latest
from edge.store.database import DATABASE_NAME
from edge.vlm.pace_file import Unmeasured

CHECK = "budget"
LIMIT_S = 20.0
LOOKED_AT = 200  # findings
LEAST_MEASURED = 5  # analyses; the first of a start are slower
MOST_SHOWN = 5  # rules
MISSED_FRAC = 0.5


@dataclass(frozen=True, slots=True)
class Lately:
    """The latest keyframes: `spent_ms` of each that the model looked at, and counts.

    `missed` gave way to newer ones, waited for too long or were left out; `looked` were analysed
    or reused.
    """

    spent_ms: tuple[float, ...]
    looked: int
    missed: int


def budget_checks(case: Case) -> Iterator[Check]:
    """One for the box."""
    yield Check(CHECK, lambda: check_budget(case), LIMIT_S)


def check_budget(case: Case) -> Iterator[Diagnosis]:
    """Compare what is asked with what was measured."""
    lately = summarise(_latest_findings(case.config))
    pace = find_pace(case.config)
    needs = estimate_needs(case.config, pace) if isinstance(pace, Pace) else None
    if needs is None:
        unknown = ""
        if isinstance(pace, Unmeasured):
            unknown = describe_unmeasured(pace, case.config, case.path)
        yield judge_budget(clocked_per_hour(case.config), lately, unknown)
    else:
        yield judge_needs(needs, lately)


def judge_needs(needs: Needs, lately: Lately) -> Diagnosis:
    """By the pace that the box measured. Pure."""
    rules = ", ".join(f"{one.rule} {one.each_ms / 1000:.2f} s" for one in needs.rules[:MOST_SHOWN])
    more = len(needs.rules) - MOST_SHOWN
    shown = (
        f"the box can take {needs.keyframes_per_hour} keyframes an hour "
        f"({needs.keyframe_ms / 1000:.1f} s each, whole pictures and all rules of a camera; "
        f"{rules}{f' and {more} more' if more > 0 else ''}), {needs.clocked:.0f} come by the clock "
        f"alone and take {needs.clock_frac:.0%} of its time"
    )
    return _judge(shown, needs.clock_frac, lately)


def judge_budget(clocked: float, lately: Lately, unknown: str = "") -> Diagnosis:
    """By the latest keyframes, where no pace was measured: `unknown` says why, and what to do.
    `clocked` keyframes an hour come whatever happens. Pure.
    """
    if len(lately.spent_ms) < LEAST_MEASURED:
        because = f": {unknown}" if unknown else ""
        return ok(
            CHECK,
            f"{clocked:.0f} keyframes an hour come by the clock; what this box can take is not "
            f"measured yet{because}",
        )
    median_ms = statistics.median(lately.spent_ms)
    capacity = HOUR_MS / median_ms
    shown = (
        f"the box can take {capacity:.0f} keyframes an hour ({median_ms / 1000:.1f} s each), "
        f"{clocked:.0f} come by the clock alone"
    )
    return _judge(shown, clocked / capacity, lately)


def _judge(shown: str, clock_frac: float, lately: Lately) -> Diagnosis:
    """`clock_frac` of the box's time goes to what comes by the clock."""
    remedy = f"{REMEDY}. Longer `every` and `periodic` times help the most."
    if clock_frac > 1:
        return fault(CHECK, shown, "Keyframes are left out all the time; most go unseen.", remedy)
    seen = lately.looked + lately.missed
    if lately.missed > MISSED_FRAC * seen:
        return warning(
            CHECK,
            f"{shown}; of the last {seen} keyframes {lately.missed} were left out",
            "Much of what moves is not looked at.",
            remedy,
        )
    if clock_frac > BUSY_FRAC:
        return warning(
            CHECK, shown, "Little is left for what moves; answers come late when it does.", remedy
        )
    return ok(CHECK, shown)


def summarise(findings: Sequence[Finding]) -> Lately:
    """Pure. What is not final yet counts as nothing."""
    analysed = [one for one in findings if one.status == "ok" and one.timing.total_ms > 0]
    spent_ms = tuple(one.timing.total_ms for one in analysed if not one.reused)
    missed = sum(
        one.status in ("stale", "left_out") or one.superseded is not None for one in findings
    )
    return Lately(spent_ms, len(analysed), missed)


def _latest_findings(config: Config) -> tuple[Finding, ...]:
    """From the store, which a running daemon may hold; none where there is no store yet."""
    database = config.store.folder / DATABASE_NAME
    return read_latest(database, LOOKED_AT) if database.is_file() else ()
