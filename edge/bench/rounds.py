"""The order of a bench: sides take turns case by case, so that noise falls on both alike.

A machine's clock and its other work change over minutes; a ratio is taken only between runs that
followed each other directly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from edge.bench.cases import Case, Plan
from edge.bench.child import SideProcess
from edge.bench.figures import Sample

Samples = dict[Case, list[Sample]]


@dataclass(frozen=True, slots=True)
class Measured:
    """Samples of each side by case, in the order of the rounds."""

    engine: Samples = field(default_factory=dict)
    genai: Samples = field(default_factory=dict)


def run_rounds(
    plan: Plan,
    engine: SideProcess,
    genai: SideProcess | None,
    progress: Callable[[str], None],
) -> Measured:
    """Run the plan; warm-ups are run and not kept. Raises what a side raises.

    Ctrl-C ends it after the rounds that are complete, if there is one.
    """
    measured = Measured()
    for index in range(-plan.warm_ups, plan.rounds):
        progress(f"round {index + 1} of {plan.rounds}" if index >= 0 else "warming up")
        try:
            found = _run_round(plan, engine, genai, index)
        except KeyboardInterrupt:
            if index < 1:
                raise
            progress(f"stopped: the report is of {index} rounds")
            break
        if index >= 0:
            for case, sample in found.engine.items():
                measured.engine.setdefault(case, []).extend(sample)
            for case, sample in found.genai.items():
                measured.genai.setdefault(case, []).extend(sample)
    return measured


def _run_round(plan: Plan, engine: SideProcess, genai: SideProcess | None, index: int) -> Measured:
    found = Measured()
    for case in plan.cases:
        sides = [(engine, found.engine)]
        if genai is not None and case in plan.against:
            sides.append((genai, found.genai))
        if index % 2:  # each side goes first in half of the rounds
            sides.reverse()
        for side, samples in sides:
            samples[case] = [side.run(case, index)]
    return found
