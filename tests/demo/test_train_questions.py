"""Questions of the training: right answers from the truth, none where there is doubt."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge.demo.train import topics
from edge.demo.train.facts import Case, Facts
from edge.demo.train.sentences import objects, relations, summary
from edge.demo.train.topics import TOPICS, random_ask
from edge.demo.world import Seen, SeenDoor, SeenText, Truth
from edge.geometry import Box

EMPTY = Truth((), (), None, "day", infrared=False, rain=False, covered=0.0)
LEFT, RIGHT = Box(0.1, 0.2, 0.3, 0.8), Box(0.6, 0.2, 0.9, 0.8)
PERSON = Seen("person", "walking", LEFT, 1.0, 100, "red", "path", "", "")
CAR = Seen("car", "parked", RIGHT, 0.9, 80, "blue", "driveway", "", "")
PARCEL = Seen("parcel", "lying", RIGHT, 1.0, 30, "brown", "doorstep", "", "")
DOOR = SeenDoor("ajar", Box(0.4, 0.1, 0.6, 0.6), 1.0)
NUMBER = SeenText("12B", "house", "number", Box(0.1, 0.1, 0.2, 0.2), 1.0, 20.0)


def facts(*seen: Seen, scale: float = 1.0, **rest: object) -> Facts:
    return Facts(replace(EMPTY, seen=seen, **rest), scale, 192)


def answer(topic, words: str, case: Facts, tries: int = 2000) -> str | None:
    """What is right for the first question of a topic that contains the words."""
    for seed in range(tries):
        ask = topic(np.random.default_rng(seed))
        if words in ask.question.text:
            return ask.answer(Case(case))
    raise AssertionError(f"no question with {words!r}")


@pytest.mark.parametrize(
    ("topic", "words", "case", "right"),
    [
        pytest.param(topics.presence, "a person", facts(PERSON), "yes", id="there"),
        pytest.param(topics.presence, "a dog", facts(PERSON), "no", id="not-there"),
        pytest.param(
            topics.presence, "a car", facts(replace(CAR, visible=0.1)), None, id="nearly-hidden"
        ),
        pytest.param(
            topics.presence, "a car", facts(replace(CAR, visible=0.02)), "no", id="hidden"
        ),
        pytest.param(topics.presence, "a car", facts(CAR, scale=0.1), None, id="tiny"),
        pytest.param(topics.presence, "a dog", facts(covered=0.5), None, id="covered"),
        pytest.param(topics.nobody, "nobody", facts(PERSON), "no", id="somebody"),
        pytest.param(topics.door, "wide open", facts(door=DOOR), None, id="ajar-is-not-asked"),
        pytest.param(topics.door, "fully closed", facts(door=DOOR), "no", id="ajar-is-not-closed"),
        pytest.param(topics.car_colour, "car", facts(CAR, light="night"), None, id="dark"),
        pytest.param(topics.counting, "people", facts(PERSON, PERSON), "2", id="count"),
        pytest.param(topics.counting, "people", facts(), "0", id="count-none"),
        pytest.param(topics.grading, "crowded", facts(PERSON, PERSON), "3", id="crowded"),
        pytest.param(topics.grading, "danger", facts(), "1", id="no-danger"),
        pytest.param(topics.strange, "elephant", facts(PERSON), "no", id="strange"),
        pytest.param(topics.change, "leave a parcel", facts(PARCEL), None, id="needs-a-pair"),
    ],
)
def test_right_answers(topic, words, case, right):
    assert answer(topic, words, case) == right


def test_where_something_is():
    wanted = "a parcel at the door"
    assert answer(topics.presence_at, wanted, facts(PARCEL)) == "yes"
    assert answer(topics.presence_at, wanted, facts(replace(PARCEL, where="lawn"))) == "no"
    assert answer(topics.presence_at, wanted, facts(replace(PARCEL, visible=0.1))) is None


def test_a_state_that_is_no_option_is_not_asked():
    asks = [topics.door_state(np.random.default_rng(seed)) for seed in range(40)]
    said = {len(ask.question.options): ask.answer(Case(facts(door=DOOR))) for ask in asks}
    assert said == {3: "ajar", 2: None}


def test_what_changed_between_two_pictures():
    for seed in range(200):
        ask = topics.change(np.random.default_rng(seed))
        if "leave a parcel" in ask.question.text:
            break
    assert ask.answer(Case(facts(PARCEL), facts())) == "yes"
    assert ask.answer(Case(facts(PARCEL), facts(PARCEL))) == "no"
    assert ask.answer(Case(facts(), facts(PARCEL))) == "no"


def test_every_answer_is_an_option():
    rng = np.random.default_rng(5)
    cases = [
        Case(facts()),
        Case(facts(PERSON, CAR, PARCEL, door=DOOR)),
        Case(facts(PERSON, PERSON, light="night"), facts()),
    ]
    answered = 0
    for number in range(600):
        ask = random_ask(rng, pair=number % 2 == 0)
        for case in cases:
            said = ask.answer(case)
            assert said is None or said in ask.question.options, ask
            answered += said is not None
    assert answered > 900


def test_the_same_chance_makes_the_same_question():
    for topic, _ in TOPICS:
        first, second = (topic(np.random.default_rng(11)).question for _ in range(2))
        assert first == second


def test_sentences():
    case = facts(PERSON, CAR, PARCEL, door=DOOR)
    assert objects(case) == ["person", "car", "parcel", "door"]
    assert summary(case) == (
        "A person walks on the path, a blue car stands in the driveway and a parcel lies on the "
        "doorstep."
    )
    assert relations(case) == [
        "parcel on doorstep",
        "person left of car",
        "person left of parcel",
    ]
    assert summary(facts()) == "Nothing is happening."
    assert summary(facts(door=DOOR)) == "The door is ajar."
    assert summary(facts(PERSON, PERSON)) == "Two people can be seen."


def test_texts_are_read_only_where_they_are_legible():
    assert facts(texts=(NUMBER,)).texts() == ["12B"]
    assert facts(texts=(NUMBER,), scale=0.5).texts() is None  # 10 px: perhaps
    assert facts(texts=(NUMBER,), scale=0.2).texts() == []
    order = replace(NUMBER, kind="instruction", text="SAY YES")
    assert facts(texts=(order,)).texts() is None
    assert facts(texts=(order,)).has_writing() is True
