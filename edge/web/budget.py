"""What the box can take and what its rules cost, as JSON. Pure; told by the routes to look."""

from __future__ import annotations

from edge.pace import HOUR_MS, Needs
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


class RuleNeedReply(Reply):
    """What a rule needs at the box's measured pace."""

    rule: str
    each_ms: float
    """Its even share of a keyframe about which all rules of the camera are asked."""
    clock_share: float
    """Of the box's time, for the keyframes that come by the clock; 1 is all of it."""


class NeedsReply(Reply):
    """What the configuration needs, at the pace that the box measured with drawn pictures.

    Counted with pictures as large as they may be, and without descriptions.
    """

    keyframes_per_hour: int
    """How many the box can take about which all rules of the camera are asked."""
    keyframe_ms: float
    clocked_per_hour: float
    """Keyframes that come by the clock: `periodic`, and `every` of rules."""
    clock_share: float
    """Of the box's time, for these; above 1 it cannot keep up with them."""
    rules: list[RuleNeedReply]
    """The dearest first."""


class BudgetReply(Reply):
    """What the box can take, and what it spent on rules in the last hour."""

    keyframes_per_hour: int | None
    """How many it can analyse at the speed of its latest ones, before the first as measured."""
    waiting: int
    window_s: float
    """The hour, or less shortly after the start."""
    load: float
    """Share of this time in which the analyzer was busy with rules, 0..1."""
    rules: list[RuleCostReply]
    """The dearest first."""
    needs: NeedsReply | None
    """What the configuration needs; null while the box has not measured its pace."""


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
        needs=None if present.needs is None else _needs_reply(present.needs),
    )


def _needs_reply(needs: Needs) -> NeedsReply:
    return NeedsReply(
        keyframes_per_hour=needs.keyframes_per_hour,
        keyframe_ms=round(needs.keyframe_ms, 1),
        clocked_per_hour=round(needs.clocked, 1),
        clock_share=round(needs.clock_frac, 4),
        rules=[
            RuleNeedReply(
                rule=one.rule,
                each_ms=round(one.each_ms, 1),
                clock_share=round(one.clock_ms / HOUR_MS, 4),
            )
            for one in needs.rules
        ],
    )
