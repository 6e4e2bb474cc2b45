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
from edge.errors import AnalysisFailed

Samples = dict[Case, list[Sample]]


@dataclass(frozen=True, slots=True)
class Measured:
    """Samples of each side by case, in the order of the rounds.

    `genai_failures` tells why a case has none of openvino-genai's; it is not asked again for it.
    """

    engine: Samples = field(default_factory=dict)
    genai: Samples = field(default_factory=dict)
    genai_failures: dict[Case, str] = field(default_factory=dict)


def run_rounds(
    plan: Plan,
    engine: SideProcess,
    genai: SideProcess | None,
    progress: Callable[[str], None],
) -> Measured:
    """Run the plan; warm-ups are run and not kept. Raises what the engine raises.

    A case in which openvino-genai fails goes on without it. Ctrl-C ends it after the rounds that
    are complete, if there is one.
    """
    measured = Measured()
    for index in range(-plan.warm_ups, plan.rounds):
        progress(f"round {index + 1} of {plan.rounds}" if index >= 0 else "warming up")
        try:
            found = _run_round(plan, engine, genai, index, measured.genai_failures)
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
    for case in measured.genai_failures:
        measured.genai.pop(case, None)  # a ratio needs both sides of every round
    return measured


def _run_round(
    plan: Plan,
    engine: SideProcess,
    genai: SideProcess | None,
    index: int,
    genai_failures: dict[Case, str],
) -> Measured:
    """One round; `genai_failures` grows by the cases in which openvino-genai fails."""
    found = Measured()
    for case in plan.cases:
        sides = [(engine, found.engine)]
        if genai is not None and case in plan.against and case not in genai_failures:
            sides.append((genai, found.genai))
        if index % 2:  # each side goes first in half of the rounds
            sides.reverse()
        for side, samples in sides:
            try:
                samples[case] = [side.run(case, index)]
            except AnalysisFailed as error:
                if side is engine:
                    raise
                genai_failures[case] = str(error)
    return found
