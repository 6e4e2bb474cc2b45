"""RuleState: whether a rule is on, off or unknown on one camera, and how verdicts move it.

    unknown --clear x no--> off --confirm x yes, held for `for_s`--> on --clear x no--> off

From unknown the way to on is the same as from off; the wait for it is called pending. An unsure
verdict moves nothing and breaks no series: an unreadable keyframe is no evidence. A single no ends
a wait for on, a single yes a wait for off.

Pure functions over frozen values. Durations are measured on the monotonic clock, so that a change
of the wall clock neither fires nor delays anything; `since` is wall time, for people.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from edge.findings import StateWord, VerdictWord
from edge.rules.rule import Rule


@dataclass(frozen=True, slots=True)
class Moment:
    """One point in time on both clocks. Raises ValueError for a naive or impossible time."""

    mono_s: float
    utc: datetime

    def __post_init__(self) -> None:
        if self.utc.utcoffset() != timedelta(0) or not math.isfinite(self.mono_s):
            raise ValueError(f"a moment needs a finite mono_s and a UTC time, not {self}")


@dataclass(frozen=True, slots=True)
class RuleState:
    """The state of one rule on one camera.

    `since` is when the state was entered (None while unknown). `num_yes` and `num_no` count the
    answers of the running series, towards on and towards off; `holds_since` is the first yes of
    that series. `alerted_mono_s` is the last alert, `judged_mono_s` the newest keyframe judged.
    Raises ValueError where these contradict each other.
    """

    word: StateWord = "unknown"
    since: datetime | None = None
    num_yes: int = 0
    num_no: int = 0
    holds_since: Moment | None = None
    alerted_mono_s: float | None = None
    judged_mono_s: float | None = None

    def __post_init__(self) -> None:
        sound = (
            (self.word == "unknown") == (self.since is None)
            and min(self.num_yes, self.num_no) == 0
            and (self.num_yes > 0) == (self.holds_since is not None)
            and not (self.word == "on" and self.num_yes)
            and not (self.word == "off" and self.num_no)
        )
        if not sound:
            raise ValueError(f"a rule's state contradicts itself: {self}")

    @property
    def pending_since(self) -> datetime | None:
        """Since when the condition holds without the state being on yet, if it does."""
        return None if self.holds_since is None else self.holds_since.utc


@dataclass(frozen=True, slots=True)
class Transition:
    """A state was entered. `alert`: it went on, and the cooldown allows telling."""

    before: StateWord
    after: StateWord
    at: Moment
    alert: bool

    @property
    def is_news(self) -> bool:
        """False for unknown -> off: nothing happened, it was only looked at for the first time."""
        return self.before == "on" or self.after == "on"


def advance(
    rule: Rule, state: RuleState, word: VerdictWord, at: Moment
) -> tuple[RuleState, Transition | None]:
    """The state after the verdict on the keyframe taken `at`, and the transition if it moved.

    A keyframe that is not newer than the last one judged changes nothing: verdicts may arrive out
    of order or twice.
    """
    if state.judged_mono_s is not None and at.mono_s <= state.judged_mono_s:
        return state, None
    state = replace(state, judged_mono_s=at.mono_s)
    if rule.condition is None or word == "unsure":
        return state, None
    if word == "no":
        return _advance_no(rule, state, at)
    if state.word == "on":
        return replace(state, num_no=0), None
    pending = replace(
        state,
        num_yes=min(state.num_yes + 1, rule.confirm),
        num_no=0,
        holds_since=state.holds_since or at,
    )
    return tick(rule, pending, at)


def _advance_no(rule: Rule, state: RuleState, at: Moment) -> tuple[RuleState, Transition | None]:
    num_no = 0 if state.word == "off" else state.num_no + 1
    state = replace(state, num_yes=0, holds_since=None, num_no=num_no)
    if num_no < rule.clear or state.word == "off":
        return state, None
    off = replace(state, word="off", since=at.utc, num_no=0)
    return off, Transition(state.word, "off", at, alert=False)


def tick(rule: Rule, state: RuleState, at: Moment) -> tuple[RuleState, Transition | None]:
    """The state once time has come to `at`: on, if it is confirmed and has held for `for_s`."""
    if state.holds_since is None or state.num_yes < rule.confirm:
        return state, None
    if at.mono_s - state.holds_since.mono_s < rule.for_s:
        return state, None
    alert = state.alerted_mono_s is None or at.mono_s - state.alerted_mono_s >= rule.cooldown_s
    on = replace(
        state,
        word="on",
        since=at.utc,
        num_yes=0,
        holds_since=None,
        alerted_mono_s=at.mono_s if alert else state.alerted_mono_s,
    )
    return on, Transition(state.word, "on", at, alert)


def without_pending(state: RuleState) -> RuleState:
    """The state with its running series dropped, as at the end of the rule's schedule.

    What is on stays on and what is off stays off until the rule is asked again: nobody has looked,
    so nothing is known to have changed.
    """
    return replace(state, num_yes=0, num_no=0, holds_since=None)
