"""Typed answers from the tokens that a server tells."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import QuestionError
from edge.questions import Question, choice, count, rating, yes_no
from edge.vlm.remote.chances import Place, TokenChance, Unreadable, read_chances, read_written

YES_NO = yes_no("q", "Is it?")


def place(chances: Mapping[str, float], chosen: str = "") -> Place:
    best = chosen or max(chances, key=lambda token: chances[token])
    others = tuple(TokenChance(token, chance) for token, chance in chances.items())
    return Place(TokenChance(best, chances[best]), others)


def read(question: Question, *places: Mapping[str, float]) -> dict[str, float]:
    answer = read_chances(question, [place(chances) for chances in places])
    assert answer.probability == max(answer.probabilities.values())
    assert answer.probabilities[answer.value] == answer.probability
    assert math.isclose(sum(answer.probabilities.values()), 1.0)
    return {option: round(share, 3) for option, share in answer.probabilities.items()}


TABLE = {
    "both told": (YES_NO, [{"yes": 0.6, "no": 0.2}], {"yes": 0.75, "no": 0.25}),
    "ways of writing are pooled": (
        YES_NO,
        [{"Yes": 0.3, " yes": 0.2, "YES": 0.1, "No": 0.15, " no": 0.05}],
        {"yes": 0.75, "no": 0.25},
    ),
    "marks and ends": (
        YES_NO,
        [{'"Yes': 0.3, "**No": 0.1, "no,": 0.1, "Now": 0.2}],
        {"yes": 0.6, "no": 0.4},
    ),
    "a mark before": (
        YES_NO,
        [{"**": 0.9, "no": 0.1}, {"Yes": 0.8, "No": 0.2}],
        {"yes": 0.8, "no": 0.2},
    ),
    "one that is not told has the least of those told at most": (
        YES_NO,
        [{"yes": 0.5, "maybe": 0.1, "perhaps": 0.05}],
        {"yes": 0.909, "no": 0.091},
    ),
    "and no more than is left": (
        YES_NO,
        [{"yes": 0.97, "maybe": 0.02}],
        {"yes": 0.99, "no": 0.01},
    ),
    "what is left is shared by those not told": (
        choice("q", "Which?", ("a", "b", "c")),
        [{"a": 0.9}],
        {"a": 0.9, "b": 0.05, "c": 0.05},
    ),
    "the beginning of several is divided further on": (
        choice("q", "Which?", ("car", "car park", "street")),
        [{"car": 0.6, "street": 0.4}, {" park": 0.75, ".": 0.25}],
        {"car": 0.15, "car park": 0.45, "street": 0.4},
    ),
    "divided by an end token": (
        choice("q", "Which?", ("car", "car park", "street")),
        [{"Car": 0.6, "street": 0.4}, {"<|im_end|>": 0.75, " park": 0.25}],
        {"car": 0.45, "car park": 0.15, "street": 0.4},
    ),
    "not divided where it ends untold": (
        choice("q", "Which?", ("car", "car park", "street")),
        [{"car": 0.6, "street": 0.4}],
        {"car": 0.3, "car park": 0.3, "street": 0.4},
    ),
    "pieces of a word count only where the word is in pieces": (
        choice("q", "Which?", ("inside", "out")),
        [{"in": 0.4, "inside": 0.3, "out": 0.1, "o": 0.1}],
        {"inside": 0.75, "out": 0.25},
    ),
    "options in pieces": (
        choice("q", "Which?", ("standing", "stand by")),
        [{"stand": 1.0}, {"ing": 0.8, " by": 0.2}],
        {"standing": 0.8, "stand by": 0.2},
    ),
    "digits": (
        count("q", "How many?", 3),
        [{"2": 0.5, " 3": 0.3, "1": 0.15, "0": 0.05}],
        {"0": 0.05, "1": 0.15, "2": 0.5, "3": 0.3},
    ),
    "a digit of a number is not that digit": (
        rating("q", "How good?", 2),
        [{"1": 0.5, "12": 0.3, "2": 0.1}],
        {"1": 0.833, "2": 0.167},
    ),
}


@pytest.mark.parametrize(("question", "places", "shares"), TABLE.values(), ids=list(TABLE))
def test_shares(question: Question, places: list, shares: dict[str, float]) -> None:
    assert read(question, *places) == shares


@pytest.mark.parametrize(
    "places",
    [
        [],
        [{"\n": 1.0}],
        [{"<think>": 0.99, "yes": 1e-7}],
        [{"There": 0.9, "It": 0.1}],
        [{"not": 0.9, "Now": 0.1}],
    ],
    ids=["nothing", "blank", "thoughts", "prose", "other words"],
)
def test_what_is_no_answer_is_not_read_as_one(places: list) -> None:
    with pytest.raises(Unreadable):
        read(YES_NO, *places)


def test_equal_options_are_the_models_choice() -> None:
    question = choice("q", "Which?", ("car park", "car"))
    answer = read_chances(question, [place({"car": 1.0})])
    assert (answer.value, answer.probability) == ("car", 0.5)


def test_options_that_are_the_same_to_us_are_refused() -> None:
    with pytest.raises(QuestionError, match="twice"):
        read(choice("q", "Which?", ("a  b", "a b")), {"a": 1.0})


@pytest.mark.parametrize(
    ("question", "text", "value"),
    [
        (YES_NO, "Yes", "yes"),
        (YES_NO, " **No.**\n", "no"),
        (choice("q", "Which?", ("Car park", "car")), "car  PARK", "Car park"),
        (count("q", "How many?"), "12", "9"),
        (count("q", "How many?"), "3", "3"),
    ],
)
def test_written_answers(question: Question, text: str, value: str) -> None:
    answer = read_written(question, text)
    assert (answer.value, answer.probability) == (value, 1.0)
    assert sum(answer.probabilities.values()) == 1.0


@pytest.mark.parametrize("text", ["", "yes, I think", "yes no", "-1", "maybe"])
def test_written_answers_are_read_strictly(text: str) -> None:
    with pytest.raises(Unreadable):
        read_written(YES_NO, text)


TOKENS = st.dictionaries(
    st.sampled_from(["yes", " Yes", "no", "No", "n", "y", " ", "maybe", "\n", "nope", "", "ye"]),
    st.floats(1e-6, 1.0),
    min_size=1,
)


@given(st.lists(TOKENS, min_size=1, max_size=4))
def test_whatever_is_told_the_shares_are_shares(told: list[dict[str, float]]) -> None:
    places = [place({t: c / sum(chances.values()) for t, c in chances.items()}) for chances in told]
    try:
        answer = read_chances(YES_NO, places)
    except Unreadable:
        return
    assert math.isclose(sum(answer.probabilities.values()), 1.0)
    assert all(0 <= share <= 1 for share in answer.probabilities.values())


@given(
    st.lists(st.floats(0.001, 1.0), min_size=3, max_size=3),
    st.integers(1, 3),
)
def test_the_best_is_never_told_too_sure(weights: list[float], num_told: int) -> None:
    """What is cut off by the server can only lower the best option's probability."""
    options = ("a", "b", "c")
    whole = sum(weights) * 1.25  # a fifth goes to other tokens
    chances = dict(
        sorted(zip(options, (w / whole for w in weights), strict=True), key=lambda i: -i[1])
    )
    question = choice("q", "Which?", options)
    exact = max(chances.values()) / sum(chances.values())
    told = dict(list(chances.items())[:num_told])
    answer = read_chances(question, [place(told)])
    assert answer.probability <= exact + 1e-9
