"""Costs: what the rules took of the analyzer's time in the last hour. Pure; time is an argument.

Rules are answered together in one pass, so that what a single one costs cannot be measured: the
time of a pass is divided evenly among those that were asked in it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from edge.present import RuleCost

WINDOW_S = 3600.0
STEP_S = 60.0  # what is counted within the same minute is forgotten together


@dataclass(slots=True)
class _Step:
    began_mono_s: float
    keyframes: dict[str, int] = field(default_factory=dict)
    spent_ms: dict[str, float] = field(default_factory=dict)


class Costs:
    """Counts for the daemon's main thread."""

    def __init__(self) -> None:
        self._steps: deque[_Step] = deque()

    def count_keyframe(self, rules: Sequence[str], spent_ms: float, now_mono_s: float) -> None:
        """A keyframe's questions were answered in this time."""
        step = self._spend(rules, spent_ms, now_mono_s)
        for rule in rules:
            step.keyframes[rule] = step.keyframes.get(rule, 0) + 1

    def count_description(self, rules: Sequence[str], spent_ms: float, now_mono_s: float) -> None:
        """A description that these rules wanted was written in this time."""
        self._spend(rules, spent_ms, now_mono_s)

    def last_hour(self, rules: Iterable[str], now_mono_s: float) -> tuple[RuleCost, ...]:
        """What each of `rules` cost, the dearest first; those that were not asked cost nothing."""
        self._forget(now_mono_s)
        costs = [
            RuleCost(
                rule=rule,
                keyframes=sum(step.keyframes.get(rule, 0) for step in self._steps),
                spent_ms=sum(step.spent_ms.get(rule, 0.0) for step in self._steps),
            )
            for rule in rules
        ]
        return tuple(sorted(costs, key=lambda cost: -cost.spent_ms))

    def _spend(self, rules: Sequence[str], spent_ms: float, now_mono_s: float) -> _Step:
        self._forget(now_mono_s)
        if not self._steps or now_mono_s - self._steps[-1].began_mono_s >= STEP_S:
            self._steps.append(_Step(now_mono_s))
        step = self._steps[-1]
        for rule in rules:
            step.spent_ms[rule] = step.spent_ms.get(rule, 0.0) + spent_ms / len(rules)
        return step

    def _forget(self, now_mono_s: float) -> None:
        while self._steps and now_mono_s - self._steps[0].began_mono_s >= WINDOW_S:
            self._steps.popleft()
