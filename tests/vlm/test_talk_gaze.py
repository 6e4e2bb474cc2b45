"""What answers of a conversation looked at: equal to the same asked at once, by picture."""

from __future__ import annotations

import numpy as np
import pytest

from edge import questions
from edge.conversation import Message, Picture, Turn, Writing
from edge.errors import QuestionError
from edge.geometry import FULL, Box
from edge.vlm.engine import Engine

GATE = questions.yes_no("gate", "Is the gate open?")
NEAR = questions.text("near", "What is to be seen near the gate?", 12)
COUNT = questions.count("count", "How many people are there?")


def show(*images, words=(), region=None):
    return (Message("user", (*(Picture(image, region) for image in images), *words)),)


@pytest.fixture(autouse=True)
def no_sessions(demo_engine: Engine):
    yield
    sessions = demo_engine._loaded.talker.sessions
    for name in list(sessions._open):
        sessions.close(name)


def difference(ours, theirs):
    """Largest, in parts of an even map's cell."""
    return max(
        np.abs(a.cells - b.cells).max() * a.cells.size for a, b in zip(ours, theirs, strict=True)
    )


def test_a_map_for_each_answer_changes_nothing_else(demo_engine, noise):
    asked = (GATE, NEAR, COUNT)
    plain = demo_engine.talk(Turn("t", "a", True, show(noise(256, 192)), asked))
    found = demo_engine.talk(Turn("t", "b", True, show(noise(256, 192)), asked, heatmap=True))
    assert plain.attention == ()
    assert [m.question_id for m in found.attention] == ["gate", "near", "count"]
    assert all(m.cells.shape == (6, 8) and m.box == FULL for m in found.attention)
    assert [a.value for a in found.answers] == [a.value for a in plain.answers]
    following = questions.choice("c", "Which one?", ("red", "blue"))
    told = [demo_engine.talk(Turn("u", name, questions=(following,))) for name in "ab"]
    first, second = (t.answers[0].probabilities["red"] for t in told)
    assert first == pytest.approx(second, abs=1e-4)


def test_a_follow_up_has_the_map_of_the_conversation_given_whole(demo_engine, noise):
    first = Turn("1", "a", True, show(noise(256, 192)), (GATE,), heatmap=True)
    answer = demo_engine.talk(first).answers[0]
    found = demo_engine.talk(Turn("2", "a", questions=(COUNT,), heatmap=True))
    assert found.views == ()
    whole = (
        *show(noise(256, 192), words=(f"{GATE.text} (yes or no)",)),
        Message("assistant", (answer.value,)),
        Message("user", ("How many people are there? (a digit from 0 to 9, 9 also for more)",)),
    )
    demo_engine.close_session("a")
    writing = Writing(max_tokens=1)
    other = demo_engine.talk(Turn("3", messages=whole, reply=True, writing=writing, heatmap=True))
    assert other.attention[0].question_id == ""
    assert difference(found.attention, other.attention) < 0.02
    assert found.attention[0].picture_frac == pytest.approx(
        other.attention[0].picture_frac, abs=1e-4
    )


def test_each_picture_has_its_own_map(demo_engine, noise):
    region = Box(0.25, 0.25, 0.75, 0.75)
    opened = Turn("1", "a", True, show(noise(1280, 720), region=region), (GATE,))
    (view,) = demo_engine.talk(opened).views
    turn = Turn("2", "a", False, show(noise(192, 256, 1)), (COUNT, NEAR), heatmap=True)
    found = demo_engine.talk(turn).attention
    named = [(m.question_id, m.picture) for m in found]
    assert named == [("count", 0), ("count", 1), ("near", 0), ("near", 1)]
    assert found[0].box == view.box != FULL
    assert found[0].cells.shape == (view.height_px // 32, view.width_px // 32)
    assert found[1].box == FULL
    assert found[1].cells.shape == (8, 6)
    assert 0 < found[0].picture_frac + found[1].picture_frac < 1


def test_a_description_has_a_map(demo_engine, noise):
    turn = Turn("1", messages=show(noise(64, 64)), describe=True, heatmap=True, deadline_s=5.0)
    result = demo_engine.talk(turn)
    assert result.description is not None
    assert [m.question_id for m in result.attention] == [""]


def test_a_turn_that_was_called_off_has_none(demo_engine, noise):
    turn = Turn("1", messages=show(noise(64, 64)), questions=(NEAR,), heatmap=True)
    assert demo_engine.talk(turn, is_cancelled=lambda: True).attention == ()


def test_without_a_picture_or_a_question_there_is_no_map(demo_engine, noise):
    with pytest.raises(QuestionError, match="no picture"):
        demo_engine.talk(Turn("1", messages=show(words=("Hello",)), reply=True, heatmap=True))
    with pytest.raises(QuestionError, match="nothing is asked"):
        Turn("1", "a", True, show(noise(64, 64)), heatmap=True)
