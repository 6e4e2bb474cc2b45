"""What must hold for any rule and any course of events."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from edge.findings import VerdictWord
from edge.rules.book import RuleBook, RuleChange, Settlement
from edge.rules.memory import Memory, export_memory, parse_memory
from edge.rules.rule import Rule
from edge.rules.state import RuleState, Transition, advance, tick, without_pending
from tests.support.rules import MONO_S, ZONES, answer_to, make_keyframe, make_rule, moment

rules = st.builds(
    lambda confirm, clear, for_s, cooldown_s, alert: make_rule(
        confirm=confirm, clear=clear, for_s=for_s, cooldown_s=cooldown_s, alert=alert
    ),
    st.integers(1, 4),
    st.integers(1, 4),
    st.sampled_from([0.0, 1.0, 5.0, 20.0]),
    st.sampled_from([0.0, 1.0, 10.0, 60.0]),
    st.sampled_from(["yes", "no"]),
)
WORDS: tuple[VerdictWord, ...] = ("yes", "no", "unsure")
events = st.lists(
    st.tuples(st.sampled_from([*WORDS, "tick", "end of schedule"]), st.integers(-2, 15)),
    max_size=60,
)


@dataclass(frozen=True)
class Step:
    """One event, its time, and what came of it."""

    event: str
    at_s: float
    before: RuleState
    after: RuleState
    transition: Transition | None


def play(rule: Rule, course: list[tuple[str, int]], state: RuleState | None = None) -> list[Step]:
    """The steps of a course of events; a negative gap is a verdict out of order."""
    state, now, steps = state or RuleState(), 0.0, []
    for event, gap_s in course:
        at_s = now + gap_s if event in WORDS else now + max(0, gap_s)
        now = max(now, at_s)
        before, transition = state, None
        if event == "tick":
            state, transition = tick(rule, state, moment(at_s))
        elif event == "end of schedule":
            state = without_pending(state)
        else:
            state, transition = advance(rule, state, event, moment(at_s))  # type: ignore[arg-type]
        steps.append(Step(event, at_s, before, state, transition))
    return steps


def counted(steps: list[Step]) -> list[Step]:
    """The verdicts that were newer than any before, and the ends of the schedule."""
    newest, kept = float("-inf"), []
    for step in steps:
        if step.event == "end of schedule":
            kept.append(step)
        elif step.event in WORDS and step.at_s > newest:
            newest = step.at_s
            kept.append(step)
    return kept


@given(rules, events)
def test_on_only_after_confirm_yes_in_a_row_held_long_enough(
    rule: Rule, course: list[tuple[str, int]]
) -> None:
    steps = play(rule, course)
    for number, step in enumerate(steps):
        if step.transition is None or step.transition.after != "on":
            continue
        run: list[Step] = []
        for earlier in reversed(counted(steps[: number + 1])):
            if earlier.event in {"no", "end of schedule"}:
                break
            if earlier.event == "yes":
                run.append(earlier)
        assert len(run) >= rule.confirm
        assert step.at_s - run[-1].at_s >= rule.for_s


@given(rules, events)
def test_off_only_after_clear_no_in_a_row(rule: Rule, course: list[tuple[str, int]]) -> None:
    steps = play(rule, course)
    for number, step in enumerate(steps):
        if step.transition is None or step.transition.after != "off":
            continue
        words = [s.event for s in counted(steps[: number + 1]) if s.event in {"yes", "no"}]
        assert words[-rule.clear :] == ["no"] * rule.clear


@given(rules, events)
def test_never_two_alerts_within_a_cooldown(rule: Rule, course: list[tuple[str, int]]) -> None:
    alerts = [s.at_s for s in play(rule, course) if s.transition is not None and s.transition.alert]
    assert all(b - a >= rule.cooldown_s for a, b in pairwise(alerts))


@given(rules, events)
def test_every_alert_is_a_state_that_went_on(rule: Rule, course: list[tuple[str, int]]) -> None:
    for step in play(rule, course):
        assert (step.transition is not None) == (step.before.word != step.after.word)
        if step.transition is not None and step.transition.alert:
            assert step.after.word == "on"


@given(rules, events)
def test_the_cooldown_does_not_touch_the_state(rule: Rule, course: list[tuple[str, int]]) -> None:
    told = [(step.after.word, step.after.since) for step in play(rule, course)]
    untold = play(replace(rule, cooldown_s=0.0), course)
    assert told == [(step.after.word, step.after.since) for step in untold]


@given(rules, events)
def test_more_ticks_change_only_when_it_goes_on(rule: Rule, course: list[tuple[str, int]]) -> None:
    """A tick just before each event never keeps a state from going on later, nor turns one off."""
    state = RuleState()
    for step in play(rule, course):
        state, transition = tick(rule, step.before, moment(step.at_s))
        assert transition is None or transition.after == "on"
        assert state.num_no <= step.before.num_no


@given(rules, events)
def test_export_and_import_keep_everything(rule: Rule, course: list[tuple[str, int]]) -> None:
    for step in play(rule, course):
        memory = Memory(state=replace(step.after, judged_mono_s=None))
        written = json.loads(json.dumps(export_memory(memory)))
        assert parse_memory(written, 0.0, MONO_S + 1e6) == memory


@given(rules, events, events)
def test_a_restart_in_between_changes_nothing(
    rule: Rule, before: list[tuple[str, int]], after: list[tuple[str, int]]
) -> None:
    """Saved, and resumed on another monotonic clock, the course goes on as if nothing had been."""
    first = play(rule, before)
    state = first[-1].after if first else RuleState()
    shift_s = 1000.0
    later = [
        (event, gap_s + 500 if n == 0 else abs(gap_s) + 1) for n, (event, gap_s) in enumerate(after)
    ]
    memory = Memory(state=state)
    resumed = parse_memory(export_memory(memory), shift_s, MONO_S + shift_s + 1e6).state
    plain, shifted, now = state, resumed, 400.0 if not first else first[-1].at_s + 400
    for event, gap_s in later:
        now += gap_s
        at = moment(now)
        moved_at = replace(at, mono_s=at.mono_s + shift_s)
        if event in WORDS:
            plain, one = advance(rule, plain, event, at)  # type: ignore[arg-type]
            shifted, other = advance(rule, shifted, event, moved_at)  # type: ignore[arg-type]
        else:
            plain, one = tick(rule, plain, at)
            shifted, other = tick(rule, shifted, moved_at)
        assert (plain.word, plain.since, plain.num_yes, plain.num_no) == (
            shifted.word,
            shifted.since,
            shifted.num_yes,
            shifted.num_no,
        )
        assert (one and one.alert) == (other and other.alert)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["porch", "yard", "tick"]),
            st.sampled_from(WORDS),
            st.sampled_from(WORDS),
            st.integers(0, 20),
        ),
        max_size=25,
    )
)
def test_a_replay_gives_the_same_and_restoring_changes_nothing(
    course: list[tuple[str, VerdictWord, VerdictWord, int]],
) -> None:
    def make_book() -> RuleBook:
        cameras = ("porch", "yard")
        made = (
            make_rule("a", cameras=cameras, confirm=2, for_s=10.0, cooldown_s=30.0),
            make_rule("b", cameras=cameras, alert="no", clear=2, every_s=15.0),
        )
        return RuleBook(made, ZONES)

    def step(
        book: RuleBook, now: float, event: tuple[str, VerdictWord, VerdictWord, int]
    ) -> Settlement | tuple[RuleChange, ...]:
        camera, a, b, _ = event
        if camera == "tick":
            return book.tick(moment(now))
        asking = book.ask(make_keyframe(now, camera=camera))
        return book.settle(asking, [answer_to("a", a), answer_to("b", b)], f"id-{now}")

    one, two, restored = make_book(), make_book(), make_book()
    now = 0.0
    for event in course:
        now += event[3] + 1
        expected = step(one, now, event)
        assert step(two, now, event) == expected
        assert step(restored, now, event) == expected
        again = make_book()
        again.restore(json.loads(json.dumps(restored.snapshot(moment(now)))), moment(now))
        assert again.attributes() == restored.attributes()
        restored = again
    assert one.attributes() == two.attributes() == restored.attributes()


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(max_size=5), st.lists))
def test_any_json_is_a_memory_or_a_value_error(value: object) -> None:
    good = export_memory(Memory())
    for field in good:
        try:
            memory = parse_memory({**good, field: value}, 0.0, MONO_S)
        except ValueError:
            continue
        assert parse_memory(export_memory(memory), 0.0, MONO_S) == memory


def test_steps_are_spread_over_time() -> None:
    """The courses above do contain verdicts that are out of order."""
    steps = play(make_rule(), [("yes", 5), ("no", -1)])
    assert steps[1].after == steps[1].before
    assert steps[1].at_s < steps[0].at_s
    assert moment(1).utc - moment(0).utc == timedelta(seconds=1)
