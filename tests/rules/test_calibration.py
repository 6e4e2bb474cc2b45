"""Calibration: what a temperature does to probabilities, and how it is fitted."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.calibration import (
    MAX_TEMPERATURE,
    MIN_TEMPERATURE,
    Calibration,
    Floats,
    Ints,
    fit_temperature,
    tempered,
)
from edge.questions import Answer

temperatures = st.floats(MIN_TEMPERATURE, MAX_TEMPERATURE)
mild_temperatures = st.floats(0.5, 2.0)


@st.composite
def answers(draw: st.DrawFn) -> dict[str, float]:
    weights = draw(st.lists(st.floats(1e-6, 1.0), min_size=2, max_size=10))
    return {f"option {n}": weight / sum(weights) for n, weight in enumerate(weights)}


@given(answers())
def test_temperature_1_changes_nothing(probabilities: dict[str, float]) -> None:
    assert Calibration(1.0).apply(probabilities) == probabilities


@given(answers(), temperatures)
def test_order_is_kept_and_the_sum_is_1(
    probabilities: dict[str, float], temperature: float
) -> None:
    shares = Calibration(temperature).apply(probabilities)
    assert list(shares) == list(probabilities)
    assert math.fsum(shares.values()) == pytest.approx(1.0)
    ranked = sorted(probabilities, key=lambda option: probabilities[option])
    assert all(shares[a] <= shares[b] for a, b in pairwise(ranked))


@given(answers(), temperatures, temperatures)
def test_the_higher_the_temperature_the_less_sure(
    probabilities: dict[str, float], one: float, other: float
) -> None:
    cool, warm = (Calibration(t).apply(probabilities) for t in sorted((one, other)))
    assert max(cool.values()) >= max(warm.values()) - 1e-12
    assert min(cool.values()) <= min(warm.values()) + 1e-12


@given(answers(), mild_temperatures, mild_temperatures)
def test_one_after_the_other_is_their_product(
    probabilities: dict[str, float], one: float, other: float
) -> None:
    twice = Calibration(other).apply(Calibration(one).apply(probabilities))
    assert twice == pytest.approx(Calibration(one * other).apply(probabilities), abs=1e-9)


def test_known_figures() -> None:
    shares = Calibration(2.0).apply({"yes": 0.9, "no": 0.1})
    assert shares == pytest.approx({"yes": 0.75, "no": 0.25})  # odds 9 become 3


def test_certainty_stays_finite() -> None:
    shares = Calibration(MAX_TEMPERATURE).apply({"yes": 1.0, "no": 0.0})
    assert shares == pytest.approx({"yes": 1.0, "no": 1e-3}, rel=1e-2)
    assert Calibration(MIN_TEMPERATURE).apply({"a": 0.6, "b": 0.4, "c": 0.0})["c"] < 1e-200


@pytest.mark.parametrize(
    "probabilities",
    [{}, {"yes": math.nan, "no": 0.1}, {"yes": math.inf, "no": 0.1}, {"yes": 0.0, "no": 0.0}],
    ids=str,
)
def test_what_is_no_probability_stays_as_it_is(probabilities: dict[str, float]) -> None:
    assert str(Calibration(2.0).apply(probabilities)) == str(probabilities)


def test_an_answer_keeps_its_value_and_a_text_all() -> None:
    typed = Answer("q", "yes_no", "yes", 0.9, {"yes": 0.9, "no": 0.1})
    calibrated = Calibration(2.0).apply_to(typed)
    assert (calibrated.value, calibrated.question_id) == ("yes", "q")
    assert calibrated.probability == calibrated.probabilities["yes"] == pytest.approx(0.75)
    text = Answer("q", "text", "a stop sign", 0.8)
    assert Calibration(2.0).apply_to(text) is text


@pytest.mark.parametrize("temperature", [0.0, 0.09, 10.1, -1.0, math.nan, math.inf])
def test_refuses_other_temperatures(temperature: float) -> None:
    with pytest.raises(ValueError, match=r"temperature must be within 0\.1 to 10\.0"):
        Calibration(temperature)


def synthetic(
    temperature: float, seed: int, number: int = 4000, num_options: int = 2
) -> tuple[Floats, Ints]:
    """Answers that are right as often as they say once they are at `temperature`."""
    rng = np.random.default_rng(seed)
    honest = np.exp(rng.normal(0, 1.5, (number, num_options)))
    honest /= honest.sum(axis=1, keepdims=True)
    truths = (rng.random((number, 1)) > honest.cumsum(axis=1)).sum(axis=1)
    return tempered(honest, 1 / temperature), truths.astype(np.intp)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.4, 4.0), st.integers(0, 1000), st.sampled_from([2, 3, 10]))
def test_a_known_temperature_is_found(temperature: float, seed: int, num_options: int) -> None:
    fit = fit_temperature(*synthetic(temperature, seed, num_options=num_options))
    assert fit.temperature == pytest.approx(temperature, rel=0.2)  # 4 standard errors
    assert not fit.is_held_back


def test_nothing_near_it_is_better() -> None:
    probabilities, truths = synthetic(2.0, 1)

    def log_loss(temperature: float) -> float:
        shares = tempered(probabilities, temperature)
        return float(-np.log(shares[np.arange(len(truths)), truths]).mean())

    best = fit_temperature(probabilities, truths).from_labels_alone
    assert log_loss(best) < min(log_loss(best * 1.02), log_loss(best / 1.02), log_loss(1.0))


def test_few_answers_that_are_all_right_are_not_taken_for_certainty() -> None:
    probabilities = np.array([[0.8, 0.2], [0.3, 0.7], [0.1, 0.9]])
    fit = fit_temperature(probabilities, np.array([0, 1, 1]))
    assert fit.from_labels_alone == pytest.approx(MIN_TEMPERATURE)
    assert 0.7 < fit.temperature < 1
    assert fit.is_held_back


def test_answers_that_are_all_wrong_are_held_too() -> None:
    probabilities = np.array([[0.8, 0.2], [0.3, 0.7]])
    fit = fit_temperature(probabilities, np.array([1, 0]))
    assert fit.from_labels_alone == pytest.approx(MAX_TEMPERATURE)
    assert 1 < fit.temperature < 2


def test_without_labels_there_is_nothing_to_fit() -> None:
    with pytest.raises(ValueError, match="no labels"):
        fit_temperature(np.empty((0, 2)), np.empty(0, np.intp))
