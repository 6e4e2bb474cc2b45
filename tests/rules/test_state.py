"""The state machine, by tables: one letter an event, one a second unless spaced out.

    y n u   a verdict yes, no, unsure        .   a tick

Expected is the state after each event, + on, - off, ? unknown; and `!` for each alert.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from edge.findings import VerdictWord
from edge.rules.rule import Rule
from edge.rules.state import Moment, RuleState, Transition, advance, tick, without_pending
from tests.support.rules import MONO_S, START, make_rule, moment

WORDS: dict[str, VerdictWord] = {"y": "yes", "n": "no", "u": "unsure"}
SIGNS = {"on": "+", "off": "-", "unknown": "?"}


def play(
    rule: Rule, events: str, state: RuleState | None = None, step_s: float = 1.0
) -> tuple[str, str, RuleState]:
    """The signs after each event, `!` for each alert, and the last state."""
    state = state or RuleState()
    signs = alerts = ""
    for number, event in enumerate(events):
        at = moment(number * step_s)
        before = state
        if event == ".":
            state, transition = tick(rule, state, at)
        else:
            state, transition = advance(rule, state, WORDS[event], at)
        _check_transition(before, state, transition, at)
        signs += SIGNS[state.word]
        alerts += "!" if transition is not None and transition.alert else " "
    return signs, alerts.rstrip(), state


def _check_transition(
    before: RuleState, after: RuleState, transition: Transition | None, at: Moment
) -> None:
    if transition is None:
        assert (before.word, before.since) == (after.word, after.since)
        return
    assert (transition.before, transition.after) == (before.word, after.word)
    assert transition.before != transition.after
    assert after.since == transition.at.utc == at.utc


@pytest.mark.parametrize(
    ("changes", "events", "expected"),
    [
        pytest.param({}, "y", "+", id="one yes turns it on"),
        pytest.param({}, "n", "-", id="one no turns it off"),
        pytest.param({}, "u", "?", id="unsure leaves it unknown"),
        pytest.param({}, "yuny", "++-+", id="unsure keeps it on"),
        pytest.param({}, "nuy", "--+", id="unsure keeps it off"),
        pytest.param({"confirm": 3}, "yyy", "??+", id="confirm from unknown"),
        pytest.param({"confirm": 3}, "nyyy", "---+", id="confirm from off"),
        pytest.param({"confirm": 3}, "nyynyyy", "------+", id="a no breaks the confirm series"),
        pytest.param({"confirm": 2}, "nyuy", "---+", id="unsure does not break confirm"),
        pytest.param({"confirm": 2}, "nyu", "---", id="unsure does not count for confirm"),
        pytest.param({"confirm": 2}, "ny...", "-----", id="ticks do not confirm"),
        pytest.param({"clear": 3}, "ynnn", "+++-", id="clear from on"),
        pytest.param({"clear": 3}, "nnn", "??-", id="clear from unknown"),
        pytest.param({"clear": 3}, "nnynnn", "??+++-", id="a yes breaks the clear series"),
        pytest.param({"clear": 2}, "ynun", "+++-", id="unsure does not break clear"),
        pytest.param({"clear": 2}, "ynu", "+++", id="unsure does not count for clear"),
        pytest.param({"clear": 2}, "ynyn", "++++", id="clear must be in a row"),
        pytest.param(
            {"confirm": 2, "clear": 2}, "ynynyn", "??????", id="flicker leaves it unknown"
        ),
        pytest.param({"confirm": 2, "clear": 2}, "nynyyn", "????++", id="flicker, then on"),
        pytest.param({"alert": None}, "ynyn", "????", id="no condition, no state"),
        pytest.param({"for_s": 3.0}, "nyyyy", "----+", id="held for 3 s by keyframes"),
        pytest.param({"for_s": 3.0}, "ny...", "----+", id="held for 3 s by time alone"),
        pytest.param({"for_s": 3.0}, "ny..n...", "--------", id="a no ends the wait"),
        pytest.param({"for_s": 3.0}, "nyynyy.", "-------", id="the wait begins anew"),
        pytest.param({"for_s": 3.0}, "nyynyy...", "-------++", id="the new wait ends"),
        pytest.param({"for_s": 3.0}, "nyu.u", "-----", id="unsure does not fire by itself"),
        pytest.param({"for_s": 3.0}, "nyu..", "----+", id="unsure neither fires nor stops it"),
        pytest.param({"for_s": 3.0}, "y...", "???+", id="the wait from unknown"),
        pytest.param({"for_s": 3.0, "confirm": 3}, "ny....", "------", id="held but not confirmed"),
        pytest.param({"for_s": 3.0, "confirm": 3}, "ny...yy", "------+", id="confirmed late"),
        pytest.param({"for_s": 3.0, "confirm": 2}, "nyy..", "----+", id="confirmed early"),
        pytest.param({"for_s": 3.0}, "y...n", "???+-", id="going off takes no time"),
        pytest.param({"for_s": 3.0}, "....", "????", id="ticks alone do nothing"),
    ],
)
def test_series(changes: dict[str, object], events: str, expected: str) -> None:
    assert play(make_rule(**changes), events)[0] == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("cooldown_s", "events", "alerts"),
    [
        pytest.param(0.0, "ynyny", "! ! !", id="no cooldown"),
        pytest.param(4.0, "ynyny", "!   !", id="again as soon as it is over"),
        pytest.param(5.0, "ynyny", "!", id="within it nothing"),
        pytest.param(3.0, "ynynnnyny", "!     !", id="counted from the last alert"),
        pytest.param(3.0, "yyyyyy", "!", id="staying on does not alert"),
        pytest.param(3.0, "ynyyyyyyy", "!", id="an alert held back is not made up for"),
        pytest.param(9.0, "nny", "  !", id="the first alert is never held back"),
    ],
)
def test_cooldown(cooldown_s: float, events: str, alerts: str) -> None:
    rule = make_rule(cooldown_s=cooldown_s)
    signs, told, _ = play(rule, events)
    assert told == alerts
    assert signs == play(make_rule(), events)[0]  # the state itself knows no cooldown


def test_only_going_on_alerts() -> None:
    _, transition = advance(make_rule(), RuleState(), "no", moment(0))
    assert transition == Transition("unknown", "off", moment(0), alert=False)


@pytest.mark.parametrize(
    ("before", "after", "is_news"),
    [
        ("unknown", "off", False),
        ("unknown", "on", True),
        ("off", "on", True),
        ("on", "off", True),
    ],
)
def test_is_news(before: str, after: str, is_news: bool) -> None:
    assert Transition(before, after, moment(0), alert=False).is_news is is_news  # type: ignore[arg-type]


def test_pending_since_is_the_first_yes_and_since_is_when_it_went_on() -> None:
    rule = make_rule(for_s=3.0)
    _, _, waiting = play(rule, "nyuy")
    assert waiting.pending_since == START + timedelta(seconds=1)
    _, _, on = play(rule, "nyuy.")
    assert (on.word, on.since) == ("on", START + timedelta(seconds=4))
    assert on.pending_since is None


def test_an_older_keyframe_changes_nothing() -> None:
    rule = make_rule()
    on, _ = advance(rule, RuleState(), "yes", moment(10))
    assert advance(rule, on, "no", moment(9)) == (on, None)


def test_the_same_keyframe_counts_once() -> None:
    rule = make_rule(confirm=2)
    once, _ = advance(rule, RuleState(), "yes", moment(10))
    assert advance(rule, once, "yes", moment(10)) == (once, None)


def test_a_tick_does_not_make_the_next_keyframe_old() -> None:
    rule = make_rule(for_s=3.0)
    state, _ = advance(rule, RuleState(), "yes", moment(0))
    state, _ = tick(rule, state, moment(5))
    assert state.word == "on"
    state, transition = advance(rule, state, "no", moment(4))
    assert transition is not None
    assert state.word == "off"


@pytest.mark.parametrize("jump", [timedelta(days=400), timedelta(days=-400)], ids=["on", "back"])
def test_a_jump_of_the_wall_clock_moves_no_duration(jump: timedelta) -> None:
    rule = make_rule(for_s=60.0, cooldown_s=60.0)
    state, _ = advance(rule, RuleState(), "yes", Moment(MONO_S, START))
    state, moved = tick(rule, state, Moment(MONO_S + 59, START + jump))
    assert moved is None
    state, moved = tick(rule, state, Moment(MONO_S + 60, START + jump))
    assert moved is not None
    assert (moved.alert, state.since) == (True, START + jump)


def test_end_of_schedule_drops_the_wait_and_keeps_the_state() -> None:
    rule = make_rule(confirm=2, clear=3)
    _, _, on = play(rule, "yynn")
    dropped = without_pending(on)
    assert (dropped.word, dropped.since, dropped.num_no) == ("on", on.since, 0)
    _, _, waiting = play(rule, "nnny")
    assert waiting.pending_since is not None
    dropped = without_pending(waiting)
    assert (dropped.word, dropped.pending_since, dropped.num_yes) == ("off", None, 0)
    assert dropped.judged_mono_s == waiting.judged_mono_s


@pytest.mark.parametrize(
    "fields",
    [
        {"word": "on"},
        {"since": START},
        {"num_yes": 1},
        {"holds_since": moment(0)},
        {"num_yes": 1, "num_no": 1, "holds_since": moment(0)},
        {"num_no": -1},
        {"num_yes": -1, "num_no": 0},
        {"word": "on", "since": START, "num_yes": 1, "holds_since": moment(0)},
        {"word": "off", "since": START, "num_no": 1},
    ],
    ids=str,
)
def test_a_state_that_contradicts_itself_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="contradicts itself"):
        RuleState(**fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("mono_s", "utc"),
    [
        (0.0, datetime(2025, 6, 2)),  # noqa: DTZ001
        (0.0, datetime(2025, 6, 2, tzinfo=timezone(timedelta(hours=2)))),
        (float("nan"), datetime(2025, 6, 2, tzinfo=UTC)),
        (float("inf"), datetime(2025, 6, 2, tzinfo=UTC)),
    ],
    ids=["naive", "local", "nan", "inf"],
)
def test_a_moment_that_is_none_is_refused(mono_s: float, utc: datetime) -> None:
    with pytest.raises(ValueError, match="UTC time"):
        Moment(mono_s, utc)
