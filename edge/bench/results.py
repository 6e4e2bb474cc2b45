"""What a bench found, and the figures that follow from it.

Pure. A ratio is the median of the rounds' ratios, not the ratio of medians: each is between two
runs that followed each other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edge.bench.cases import Case, Plan
from edge.bench.endurance import Watched
from edge.bench.figures import Memory, Sample, Spread, Start
from edge.bench.limit import Limit
from edge.bench.machine import Machine
from edge.bench.probes import Rates
from edge.bench.rounds import Measured, Samples
from edge.questions import ModelInfo

LEAST_S = 1e-3  # a difference of two times on a machine that is not alone may be none at all
FOLLOW_UPS = {
    "follow_up": "yes/no question on an open session",
    "follow_up_text": "text question on an open session, first token",
}


@dataclass(frozen=True, slots=True)
class Bench:
    """Everything that one bench found."""

    machine: Machine
    model: ModelInfo
    model_dir: str
    plan: Plan
    rates: Rates
    limit: Limit
    cold: Start
    warm: Start
    measured: Measured
    memory: Memory
    genai_start: Start | None = None
    genai_memory: Memory | None = None
    watched: tuple[Watched, ...] = ()
    notes: tuple[str, ...] = ()
    load_at_end: float = 0.0


@dataclass(frozen=True, slots=True)
class Pair:
    """Both sides of one task; `ratio` is theirs over ours."""

    task: str
    ours_s: Spread
    theirs_s: Spread
    ratio: Spread


def num_rounds(bench: Bench) -> int:
    """Rounds measured: fewer than planned where the bench was stopped."""
    return len(next(iter(bench.measured.engine.values())))


def verdict_s(samples: Samples, case: Case) -> Spread:
    """The time of a case."""
    return Spread.of([sample.total_s for sample in samples[case]])


def outside_share(samples: Samples, case: Case) -> Spread | None:
    """The share of the time spent outside inference calls; None where no call was seen."""
    shares = [1 - s.infer_s / s.total_s for s in samples[case] if s.num_infers]
    return Spread.of(shares) if shares else None


def description_s(samples: Samples, case: Case) -> list[float]:
    """For each round, what a description adds to the verdicts on the same picture; LEAST_S where
    the verdicts alone took as long, as on a machine that has other work.
    """
    plain = samples[Case("verdict", case.width_px, case.height_px, case.num_rules)]
    return [
        max(LEAST_S, with_text.total_s - without.total_s)
        for with_text, without in zip(samples[case], plain, strict=True)
    ]


def prefill_rate(samples: Samples) -> float:
    """Tokens a second: how much longer a long question takes to read than a short one."""
    short, long = (by_kind(samples, kind) for kind in ("text", "long_text"))
    tokens = long[0].prompt_tokens - short[0].prompt_tokens
    longer_s = median_of(long, lambda s: s.prefill_s) - median_of(short, lambda s: s.prefill_s)
    return tokens / max(longer_s, 1e-9)


def decode_rate(samples: Samples) -> float:
    """Tokens a second of free text."""
    return median_of(by_kind(samples, "text"), lambda s: s.output_tokens / max(s.decode_s, 1e-9))


def pairs(bench: Bench) -> list[Pair]:
    """Every task that both sides did, and two across pictures that a user would compare."""
    ours, theirs = bench.measured.engine, bench.measured.genai
    verdicts = [case for case in theirs if case.kind == "verdict"]
    found = [
        _pair(f"{case.num_rules} rules, {case.size}", _totals(ours[case]), _totals(theirs[case]))
        for case in verdicts
    ]
    if len(verdicts) > 1:
        small, large = verdicts[0], verdicts[-1]
        task = f"{small.num_rules} rules, ours on {small.size}, theirs on {large.size}"
        found.append(_pair(task, _totals(ours[small]), _totals(theirs[large])))
    for case in (case for case in theirs if case.kind == "describe"):
        task = f"description, {case.size}"
        found.append(_pair(task, description_s(ours, case), _totals(theirs[case])))
    for case in (case for case in theirs if case.kind in FOLLOW_UPS):
        task = f"{FOLLOW_UPS[case.kind]}, {case.size}"
        found.append(_pair(task, _totals(ours[case]), _totals(theirs[case])))
    return found


def by_kind(samples: Samples, kind: str) -> list[Sample]:
    """The samples of the first case of a kind."""
    return next(found for case, found in samples.items() if case.kind == kind)


def median_of(samples: Sequence[Sample], of: Callable[[Sample], float]) -> float:
    """The median over the rounds of one figure of a sample."""
    return Spread.of([of(sample) for sample in samples]).median


def _pair(task: str, ours: Sequence[float], theirs: Sequence[float]) -> Pair:
    ratios = [their_s / our_s for our_s, their_s in zip(ours, theirs, strict=True)]
    return Pair(task, Spread.of(ours), Spread.of(theirs), Spread.of(ratios))


def _totals(samples: Sequence[Sample]) -> list[float]:
    return [sample.total_s for sample in samples]
