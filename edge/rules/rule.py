"""Rule: a question, where and when it is asked, and how its answers become a state.

The configuration builds rules, names resolved and durations in seconds; the rest of this folder
reads them. A rule applies to each of its cameras on its own: every camera has its own state.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from edge.calibration import Calibration
from edge.condition import Condition
from edge.frames import Trigger
from edge.questions import Question
from edge.schedule import Schedule

Describe = Literal["never", "on_change", "always"]

DEFAULT_TRIGGERS: Final[frozenset[Trigger]] = frozenset({"motion", "scene", "command"})
MAX_SEVERITY = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule, as resolved from the configuration.

    `question.id` is the rule's name. Without a `condition` the rule only reports what was answered
    and its state stays unknown. `zones` narrow both when it is asked (movement touched one of them)
    and what is looked at. It is asked on keyframes whose trigger is in `triggers`, and on any but a
    tampered one when `every_s` have passed since it was last asked.

    `confirm` and `clear` are the answers in a row that turn it on and off, `min_confidence`
    (0.5..1) what an answer needs to count, after `calibration` where there is one, `for_s` how long
    the condition must hold before the state goes on, `cooldown_s` the least time between two
    alerts. `describe` asks for a description in words: with every keyframe, or when this keyframe
    turned the state on, or off again; `describe_as` is its JSON Schema, None for the built-in one.
    Raises ValueError for values outside these bounds.
    """

    name: str
    question: Question
    condition: Condition | None
    cameras: tuple[str, ...]
    zones: tuple[str, ...] = ()
    triggers: frozenset[Trigger] = DEFAULT_TRIGGERS
    every_s: float | None = None
    confirm: int = 1
    clear: int = 1
    min_confidence: float = 0.6
    calibration: Calibration | None = None
    for_s: float = 0.0
    cooldown_s: float = 0.0
    schedule: Schedule | None = None
    severity: int = 1
    describe: Describe = "on_change"
    describe_as: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        faults = {
            "has no name": not self.name,
            "has no camera": not self.cameras,
            f"asks the question {self.question.id!r}, which must bear the rule's name": (
                self.question.id != self.name
            ),
            "has a condition for another question": self.condition is not None
            and not self._fits(self.condition),
            "is never asked: it has neither a trigger nor `every`": (
                not self.triggers and self.every_s is None
            ),
            f"must have `every` above 0 s, not {self.every_s}": (
                self.every_s is not None and not 0 < self.every_s < math.inf
            ),
            f"must have `confirm` and `clear` of at least 1, not {self.confirm}, {self.clear}": (
                min(self.confirm, self.clear) < 1
            ),
            f"must have `min_confidence` within 0.5 to 1, not {self.min_confidence}": (
                not 0.5 <= self.min_confidence <= 1
            ),
            f"must have a `for` of at least 0 s, not {self.for_s}": not 0 <= self.for_s < math.inf,
            f"must have a `cooldown` of at least 0 s, not {self.cooldown_s}": (
                not 0 <= self.cooldown_s < math.inf
            ),
            f"must have a severity of 0 to {MAX_SEVERITY}, not {self.severity}": (
                not 0 <= self.severity <= MAX_SEVERITY
            ),
        }
        for fault, is_there in faults.items():
            if is_there:
                raise ValueError(f"rule {self.name!r} {fault}")

    def _fits(self, condition: Condition) -> bool:
        return condition.kind == self.question.kind and set(condition.accepted) <= set(
            self.question.options
        )

    @property
    def meaning(self) -> str:
        """A digest of what the rule's state says: its question, its condition and its zones.

        While it stays the same, a state keeps its meaning through a reload or a restart, whatever
        else about the rule changes.
        """
        condition = self.condition
        patterns = [] if condition is None else [[p.pattern, p.flags] for p in condition.patterns]
        accepted = None if condition is None else condition.accepted
        asked = [self.question.kind, self.question.text, self.question.options]
        words = json.dumps([asked, accepted, patterns, sorted(self.zones)])
        return hashlib.sha256(words.encode()).hexdigest()
