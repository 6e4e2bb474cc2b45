"""What the box can take and what its rules cost, as JSON. Pure; told by the routes to look."""

from __future__ import annotations

from edge.present import Present
from edge.web.reply import Reply

HOUR_S = 3600.0


class RuleCostReply(Reply):
    """What a rule took of the analyzer's time."""

    rule: str
    keyframes: int
    """Keyframes about which it was asked."""
    spent_ms: float
    """Its even share of the passes in which it was asked, and of the descriptions it wanted."""
    share: float
    """Of all that was spent on rules, 0..1."""


class BudgetReply(Reply):
    """What the box can take, and what it spent on rules in the last hour."""

    keyframes_per_hour: int | None
    """How many it can analyse at its measured speed; null before the first."""
    waiting: int
    window_s: float
    """The hour, or less shortly after the start."""
    load: float
    """Share of this time in which the analyzer was busy with rules, 0..1."""
    rules: list[RuleCostReply]
    """The dearest first."""


def budget_reply(present: Present) -> BudgetReply:
    """What the box can take, as it is now."""
    stats = present.stats
    spent_ms = sum(cost.spent_ms for cost in present.costs)
    window_s = min(HOUR_S, max(1.0, stats.uptime_s))
    return BudgetReply(
        keyframes_per_hour=stats.keyframes_per_hour_budget,
        waiting=stats.counts.waiting,
        window_s=window_s,
        load=round(min(1.0, spent_ms / (window_s * 1000)), 4),
        rules=[
            RuleCostReply(
                rule=cost.rule,
                keyframes=cost.keyframes,
                spent_ms=round(cost.spent_ms, 1),
                share=round(cost.spent_ms / spent_ms, 4) if spent_ms else 0.0,
            )
            for cost in present.costs
        ],
    )
