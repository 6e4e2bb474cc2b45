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
    """Run the plan; warm-ups are run and not kept. Raises what a side raises."""
    measured = Measured()
    for index in range(-plan.warm_ups, plan.rounds):
        progress(f"round {index + 1} of {plan.rounds}" if index >= 0 else "warming up")
        for case in plan.cases:
            sides = [(engine, measured.engine)]
            if genai is not None and case in plan.against:
                sides.append((genai, measured.genai))
            if index % 2:  # each side goes first in half of the rounds
                sides.reverse()
            for side, samples in sides:
                sample = side.run(case, index)
                if index >= 0:
                    samples.setdefault(case, []).append(sample)
    return measured
