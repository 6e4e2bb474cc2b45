"""Which of the rules that would be asked about a keyframe are, when there is time for few. Pure.

The one that has waited longest goes first, where a more severe rule's waiting counts for more: it
is asked oftener, and none is forgotten. Rules that look at the same part of the picture come with
it, because they cost little more.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from edge.rules.rule import Rule

MAX_QUESTIONS = 4
WEIGHTS = (1.0, 3.0, 9.0)  # of a second's waiting, by severity


def choose_few(
    rules: Sequence[Rule], last_asked_mono_s: Mapping[str, float], now_mono_s: float
) -> list[Rule]:
    """At most MAX_QUESTIONS of `rules` that share a look, in their order; one at least."""

    def waited(rule: Rule) -> tuple[float, int]:
        last = last_asked_mono_s.get(rule.name)
        weighed = math.inf if last is None else (now_mono_s - last) * WEIGHTS[rule.severity]
        return weighed, rule.severity

    ranked = sorted(rules, key=waited, reverse=True)
    zones = sorted(ranked[0].zones)
    chosen = [rule for rule in ranked if sorted(rule.zones) == zones][:MAX_QUESTIONS]
    return [rule for rule in rules if rule in chosen]
