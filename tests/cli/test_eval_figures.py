"""The figures of `edge eval`, against ones worked out by hand and known truths."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edge.calibration import tempered
from edge.cli.eval_figures import (
    THRESHOLDS,
    Evaluation,
    count_verdicts,
    cross_validate,
    evaluate,
    find_threshold,
    wilson_interval,
)
from edge.cli.eval_scores import Answers, Scores


def yes_no(p_yes: list[float], true: str, pictures: list[int] | None = None) -> Answers:
    """Answers to a yes/no rule; `true` has a y or an n for each."""
    column = np.array(p_yes)
    return Answers(
        probabilities=np.stack([column, 1 - column], axis=1),
        truths=np.array(["yn".index(letter) for letter in true]),
        pictures=np.arange(len(true)) if pictures is None else np.array(pictures),
        accepted=np.array([True, False]),
    )


def synthetic(temperature: float, number: int, seed: int = 1, options: int = 2) -> Answers:
    """A model that would be honest at `temperature`."""
    rng = np.random.default_rng(seed)
    honest = np.exp(rng.normal(0, 1.5, (number, options)))
    honest /= honest.sum(axis=1, keepdims=True)
    truths = (rng.random((number, 1)) > honest.cumsum(axis=1)).sum(axis=1).astype(np.intp)
    accepted = np.arange(options) == 0
    return Answers(tempered(honest, 1 / temperature), truths, np.arange(number), accepted)


def evaluated(answers: Answers, precision: float = 0.9, temperature: float = 1.0) -> Evaluation:
    return evaluate(
        answers, precision=precision, present_temperature=temperature, present_confidence=0.6
    )


def test_scores_by_hand() -> None:
    scores = Scores.of(yes_no([0.8, 0.6, 0.25], "yny"))
    assert scores.log_loss == pytest.approx(-math.log(0.8 * 0.4 * 0.25) / 3)
    assert scores.brier == pytest.approx((0.2**2 + 0.6**2 + 0.75**2) / 3)
    assert scores.ece == pytest.approx((0.2 + 0.6 + 0.75) / 3)
    filled = {
        round(b.low, 1): (b.num, b.mean_probability, b.share_true) for b in scores.reliability
    }
    assert len(filled) == 10
    assert filled[0.8] == (1, pytest.approx(0.8), 1.0)
    assert filled[0.6] == (1, pytest.approx(0.6), 0.0)
    assert filled[0.2] == (1, pytest.approx(0.25), 1.0)
    assert filled[0.0] == (0, None, None)


def test_answers_in_one_bin_are_averaged() -> None:
    scores = Scores.of(yes_no([0.72, 0.74, 0.76, 0.78], "yyyn"))
    assert scores.ece == pytest.approx(0.0)
    assert sum(b.num for b in scores.reliability) == 4


def test_certainty_is_in_the_last_bin_and_a_certain_error_has_a_finite_loss() -> None:
    scores = Scores.of(yes_no([1.0, 0.0], "ny"))
    assert (scores.reliability[9].num, scores.reliability[0].num) == (1, 1)
    assert scores.log_loss == pytest.approx(-math.log(1e-15))
    assert scores.brier == 1.0


def test_without_a_condition_the_event_is_being_right() -> None:
    shares = np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]])
    answers = Answers(shares, np.array([0, 1]), np.arange(2), None)
    probabilities, happened = answers.event
    assert probabilities.tolist() == [0.5, 0.7]
    assert happened.tolist() == [True, False]
    found = evaluated(answers)
    assert (found.verdicts, found.min_confidence, found.expected) == (None, None, None)


def test_options_that_fulfil_the_condition_are_added_up() -> None:
    shares = np.array([[0.2, 0.35, 0.45]])
    answers = Answers(shares, np.array([1]), np.arange(1), np.array([False, True, True]))
    probabilities, happened = answers.event
    assert probabilities == pytest.approx([0.8])
    assert happened.tolist() == [True]


def test_verdicts_are_the_daemons() -> None:
    answers = yes_no([0.9, 0.7, 0.6, 0.5, 0.2, 0.1], "ynyyny")
    verdicts = count_verdicts(answers, 0.7)
    assert (verdicts.num, verdicts.num_decided, verdicts.num_right) == (6, 4, 2)
    assert verdicts.precision == 0.5
    assert verdicts.unsure_share == pytest.approx(1 / 3)
    none = count_verdicts(answers, 0.95)
    assert (none.precision, none.unsure_share) == (None, 1.0)


def test_the_smallest_sufficient_threshold_is_found() -> None:
    shares = [0.95, 0.92, 0.91, 0.9, 0.9, 0.85, 0.75, 0.7, 0.65, 0.6]
    answers = yes_no(shares, "yyyyyynynn")  # wrong at 0.75, 0.65 and 0.6
    assert find_threshold(answers, 0.7) == 0.5
    assert find_threshold(answers, 0.75) == 0.61  # 9 decided, 7 right
    assert find_threshold(answers, 0.85) == 0.66  # 8 decided, 7 right
    assert find_threshold(answers, 0.95) == 0.76
    for precision in (0.7, 0.8, 0.9, 0.99):
        found = find_threshold(answers, precision)
        assert found is not None
        assert (count_verdicts(answers, found).precision or 0) >= precision
        lower = [t for t in THRESHOLDS if t < found]
        assert all((count_verdicts(answers, t).precision or 0) < precision for t in lower)


def test_a_threshold_with_hardly_a_verdict_is_none() -> None:
    assert find_threshold(yes_no([0.99] * 4 + [0.8] * 4, "yyyynnnn"), 0.9) is None
    assert find_threshold(yes_no([0.99] * 5 + [0.8] * 4, "yyyyynnnn"), 0.9) == 0.81


def test_each_label_is_judged_with_what_others_gave() -> None:
    """A picture's own labels must not matter for its own temperature."""
    answers = yes_no([0.9, 0.8, 0.7, 0.6, 0.3, 0.2], "ynynyn", pictures=[0, 1, 1, 2, 3, 4])
    crossed = cross_validate(answers, 0.9)
    assert crossed is not None
    assert crossed.num_folds == 5
    turned = yes_no([0.9, 0.8, 0.7, 0.6, 0.3, 0.2], "yynnyn", pictures=[0, 1, 1, 2, 3, 4])
    again = cross_validate(turned, 0.9)
    assert again is not None
    first, second = crossed.fitted.probabilities, again.fitted.probabilities
    assert first[1:3] == pytest.approx(second[1:3])  # only picture 1's own labels changed
    assert first[0] != pytest.approx(second[0])


@pytest.mark.parametrize(("number", "folds"), [(2, 2), (50, 50), (51, 10), (400, 10)])
def test_few_pictures_are_left_out_one_by_one(number: int, folds: int) -> None:
    crossed = cross_validate(synthetic(1.0, number), 0.9)
    assert crossed is not None
    assert crossed.num_folds == folds
    assert crossed.verdicts is not None
    assert crossed.verdicts.num == number  # each judged once


def test_an_overconfident_model_is_mended() -> None:
    found = evaluated(synthetic(2.5, 1500))
    assert found.temperature == pytest.approx(2.5, rel=0.15)
    assert found.after is not None
    assert found.after.log_loss < found.raw.log_loss
    assert found.after.brier < found.raw.brier
    assert found.after.ece < 0.4 * found.raw.ece
    assert found.min_confidence is not None
    assert found.expected is not None
    assert found.expected.precision == pytest.approx(0.9, abs=0.03)
    assert 0 < found.expected.unsure_share < 1


def test_many_options_too() -> None:
    found = evaluated(synthetic(0.5, 1500, options=10))
    assert found.temperature == pytest.approx(0.5, rel=0.15)
    assert sum(map(sum, found.confusion)) == 1500
    assert sum(row[n] for n, row in enumerate(found.confusion)) == found.num_right


def test_an_honest_model_is_left_alone() -> None:
    found = evaluated(synthetic(1.0, 300, seed=3))
    assert found.temperature == pytest.approx(1.0, abs=0.15)
    assert found.after is not None
    assert found.after.log_loss == pytest.approx(found.raw.log_loss, abs=0.01)


def test_a_present_calibration_is_judged_too() -> None:
    found = evaluated(synthetic(2.0, 500), temperature=2.0)
    assert found.configured is not None
    assert found.configured.log_loss < found.raw.log_loss
    assert evaluated(synthetic(2.0, 50)).configured is None


def test_one_answer_only_gives_no_suggestion() -> None:
    found = evaluated(yes_no([0.9, 0.8, 0.85, 0.7, 0.95, 0.9], "yyyyyy"))
    assert found.num_answers_seen == 1
    assert (found.temperature, found.min_confidence, found.expected) == (1.0, None, None)


def test_one_picture_gives_no_suggested_temperature() -> None:
    found = evaluated(yes_no([0.9, 0.2, 0.7], "yny", pictures=[0, 0, 0]))
    assert found.after is None
    assert found.num_folds == 0
    assert found.temperature == 1.0


def test_one_label() -> None:
    found = evaluated(yes_no([0.9], "y"))
    assert (found.num_labels, found.accuracy) == (1, 1.0)


@pytest.mark.parametrize(
    ("right", "number", "low", "high"),
    [(8, 10, 0.490, 0.943), (0, 10, 0.0, 0.278), (10, 10, 0.722, 1.0), (1, 1, 0.207, 1.0)],
)
def test_wilson(right: int, number: int, low: float, high: float) -> None:
    assert wilson_interval(right, number) == pytest.approx((low, high), abs=1e-3)
