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
    """Yes, no or unsure, and the probability 0..1 that the rule's condition holds.

    `answer` is the answer that was judged: the model's at the rule's calibration.
    """

    word: VerdictWord
    probability: float
    answer: Answer


def read_verdict(rule: Rule, answer: Answer) -> Verdict:
    """The verdict of `answer`, as the model gave it, for `rule`; unsure without a condition."""
    if rule.calibration is not None:
        answer = rule.calibration.apply_to(answer)
    if rule.condition is None:
        return Verdict("unsure", answer.probability, answer)
    probability = rule.condition.probability(answer)
    return Verdict(judge(probability, rule.min_confidence), probability, answer)


def judge(probability: float, min_confidence: float) -> VerdictWord:
    """Yes if the condition's probability reaches `min_confidence`, no if that of its opposite does.

    Else unsure: also for an exact tie, and for a probability that is not a number.
    """
    needed = min_confidence - _ROUNDING
    if probability >= needed and probability > 0.5:
        return "yes"
    if 1 - probability >= needed and probability < 0.5:
        return "no"
    return "unsure"
