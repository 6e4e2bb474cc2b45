"""Present: what the box is doing at this moment, as told to those who look at it from outside.

The daemon builds it in its main thread; whoever shows it may keep it in another. Plain values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from edge.findings import ConfigReport, RuleAttributes, Stats, VerdictWord
from edge.geometry import Box, Polygon
from edge.pace import Needs
from edge.questions import Answer, ModelInfo, Question


@dataclass(frozen=True, slots=True)
class CameraNow:
    """What is set for a camera and seen by it; its figures are in `Stats.cameras`."""

    name: str
    enabled: bool
    moving: bool
    sensitivity: float  # 0..1
    zones: Mapping[str, Polygon]
    mask: tuple[Polygon, ...] = ()  # never looked at


@dataclass(frozen=True, slots=True)
class Judgement:
    """What an answer says about a rule. `answer` is the model's at the rule's calibration."""

    verdict: VerdictWord
    probability: float
    answer: Answer


@dataclass(frozen=True, slots=True)
class RuleTally:
    """What came of asking a rule at one camera since the daemon started."""

    camera: str
    yes: int
    no: int
    unsure: int
    alerts: int


@dataclass(frozen=True, slots=True)
class RuleNow:
    """A rule and its state on each of its cameras.

    `regions` is the part of the picture that it looks at, by camera; None where it looks wherever
    something moved. `judge` may be called in any thread.
    """

    name: str
    question: Question
    severity: int
    schedule: str
    zones: tuple[str, ...]
    regions: Mapping[str, Box | None]
    states: tuple[RuleAttributes, ...]
    judge: Callable[[Answer], Judgement]
    tallies: tuple[RuleTally, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleCost:
    """What a rule took of the analyzer's time in the last hour, or since the start if that is less.

    `spent_ms` is its even share of the passes in which it was asked, and of the descriptions that
    it wanted.
    """

    rule: str
    keyframes: int
    spent_ms: float


@dataclass(frozen=True, slots=True)
class Present:
    """Everything at one moment. `model` is None while none is loaded; `costs` the dearest first;
    `needs` is None while the box's pace is not known, or no rule asks anything.
    """

    stats: Stats
    version: str
    model: ModelInfo | None
    cameras: tuple[CameraNow, ...]
    rules: tuple[RuleNow, ...]
    configuration: ConfigReport
    costs: tuple[RuleCost, ...] = ()
    needs: Needs | None = None
