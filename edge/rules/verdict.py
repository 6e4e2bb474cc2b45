"""Verdict: what one answer says about a rule, in three values.

Pure; knows nothing of what was answered before.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge.findings import VerdictWord
from edge.questions import Answer
from edge.rules.rule import Rule

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Verdict:
    """Yes, no or unsure, and the probability 0..1 that the rule's condition holds."""

    word: VerdictWord
    probability: float


def read_verdict(rule: Rule, answer: Answer) -> Verdict:
    """The verdict of `answer` for `rule`.

    Yes if the condition's probability reaches `min_confidence`, no if that of its opposite does,
    else unsure: also for an exact tie, for a probability that is not a number, and for a rule
    without a condition.
    """
    if rule.condition is None:
        return Verdict("unsure", answer.probability)
    probability = rule.condition.probability(answer)
    needed = rule.min_confidence - _ROUNDING
    if probability >= needed and probability > 0.5:
        return Verdict("yes", probability)
    if 1 - probability >= needed and probability < 0.5:
        return Verdict("no", probability)
    return Verdict("unsure", probability)
