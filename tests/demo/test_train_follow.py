"""Rules against the story: which changes count as right, and the bundled model's own."""

from __future__ import annotations

import pytest

from edge.demo.story import Story
from edge.demo.train.follow import LATE_S, follow, follow_story, merged, true_spans
from edge.replay.judge import StateChange


def change(t_s: float, state: str) -> StateChange:
    return StateChange(t_s, "person", state, alert=False)


def test_what_follows_the_story_is_right():
    on = [(10.0, 20.0), (40.0, 50.0)]
    made = [change(3, "off"), change(10.4, "on"), change(22, "off"), change(44.9, "on")]
    found = follow([*made, change(50.1, "off")], on, 100)
    assert (found.expected, found.right, found.missed, found.wrong) == (4, 4, (), ())
    assert found.share == 1
    assert max(found.delays_s) == pytest.approx(4.9)


@pytest.mark.parametrize(
    ("made", "missed", "wrong"),
    [
        pytest.param([], [(10, "on"), (20, "off")], [], id="nothing"),
        pytest.param(
            [(10 + LATE_S + 0.1, "on"), (20, "off")], [(10, "on")], [(15.1, "on")], id="late"
        ),
        pytest.param([(9, "on"), (20, "off")], [(10, "on")], [(9, "on")], id="before it was there"),
        pytest.param(
            [(10, "on"), (13, "off"), (14, "on"), (20, "off")],
            [],
            [(13, "off"), (14, "on")],
            id="flutter",
        ),
        pytest.param([(10, "on"), (20, "off"), (60, "on")], [], [(60, "on")], id="false alarm"),
        pytest.param(
            [(10, "off"), (20, "on")],
            [(10, "on"), (20, "off")],
            [(10, "off"), (20, "on")],
            id="reversed",
        ),
    ],
)
def test_what_does_not_is_wrong(made, missed, wrong):
    found = follow([change(*one) for one in made], [(10.0, 20.0)], 100)
    assert list(found.missed) == missed
    assert list(found.wrong) == wrong
    assert found.share < 1


def test_what_is_due_at_the_very_end_need_not_have_come():
    assert follow([], [(97.0, 100.0)], 100).expected == 0


def test_short_gaps_and_short_visits_do_not_count():
    assert merged([(1, 5), (6, 9), (20, 21), (30, 40)]) == [(1, 9), (30, 40)]


def test_the_story_brings_a_parcel_to_the_doorstep():
    (parcel,) = true_spans(Story(seed=7), "parcel", 60)
    (person, *_) = true_spans(Story(seed=7), "person", 60)
    assert person[0] < parcel[0] < person[1], "somebody put it there"


@pytest.mark.timeout(600)
def test_the_bundled_model_follows_the_story():
    found = follow_story("demo", "demo:yard?seed=7", Story(seed=7), 155.0)
    due = sum(one.expected + len(one.wrong) for one in found.values())
    right = sum(one.right for one in found.values())
    assert right / due >= 0.75, found
