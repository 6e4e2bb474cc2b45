"""Figures for `edge eval`: what settings one rule should have, and what they would bring. Pure.

What is fitted to labels and tested on the same labels flatters. So every figure about a suggested
setting is cross-validated: the labels are parted by picture, and each part is judged with what was
fitted to the others.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from edge.calibration import Fit, Ints, fit_temperature, tempered
from edge.cli.eval_scores import Answers, Bools, Scores
from edge.rules.verdict import judge

MAX_LEAVE_ONE_OUT = 50  # pictures; above it the labels are parted in NUM_FOLDS
NUM_FOLDS = 10
MIN_DECIDED = 5  # verdicts; fewer say nothing about a threshold
THRESHOLDS = tuple(percent / 100 for percent in range(50, 101))
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What a threshold makes of the labels: how many verdicts are yes or no, and right."""

    num: int
    num_decided: int
    num_right: int

    @property
    def precision(self) -> float | None:
        """The share of the yes and no verdicts that are right; None if all are unsure."""
        return self.num_right / self.num_decided if self.num_decided else None

    @property
    def unsure_share(self) -> float:
        """The share of the verdicts that are unsure."""
        return 1 - self.num_decided / self.num

    def __add__(self, other: Verdicts) -> Verdicts:
        return Verdicts(
            self.num + other.num,
            self.num_decided + other.num_decided,
            self.num_right + other.num_right,
        )


def count_verdicts(answers: Answers, min_confidence: float) -> Verdicts:
    """The verdicts of a rule with a condition at that threshold, as the daemon judges."""
    probabilities, happened = answers.event
    words = [judge(p, min_confidence) for p in probabilities.tolist()]
    wanted = ["yes" if so else "no" for so in happened.tolist()]
    return Verdicts(
        num=len(words),
        num_decided=sum(word != "unsure" for word in words),
        num_right=sum(word == true for word, true in zip(words, wanted, strict=True)),
    )


def find_threshold(answers: Answers, precision: float) -> float | None:
    """The smallest threshold, in steps of 0.01, at which the verdicts reach `precision`.

    None if none does with at least MIN_DECIDED verdicts that are not unsure.
    """
    for threshold in THRESHOLDS:
        verdicts = count_verdicts(answers, threshold)
        if verdicts.num_decided < MIN_DECIDED:
            return None  # and so for every higher one
        if verdicts.num_right >= precision * verdicts.num_decided - _ROUNDING:
            return threshold
    return None


@dataclass(frozen=True, slots=True)
class CrossValidated:
    """The same labels, each judged with what was fitted to other pictures.

    `fitted` are the answers at the temperatures found; `verdicts` those with thresholds for the
    wanted precision at those temperatures, `untempered_verdicts` at the model's own probabilities.
    A part whose other labels give no threshold counts as unsure.
    """

    num_folds: int
    fitted: Answers
    verdicts: Verdicts | None
    untempered_verdicts: Verdicts | None


def cross_validate(answers: Answers, precision: float) -> CrossValidated | None:
    """Fit and judge in turns; None with fewer than two pictures."""
    shares = answers.probabilities.copy()
    tempered_sum = plain_sum = Verdicts(0, 0, 0)
    num_folds = 0
    for held_out in _folds(answers.pictures):
        num_folds += 1
        others, own = answers.only(~held_out), answers.only(held_out)
        temperature = fit_temperature(others.probabilities, others.truths).temperature
        shares[held_out] = tempered(own.probabilities, temperature)
        if answers.accepted is not None:
            others_at = others.at(tempered(others.probabilities, temperature))
            tempered_sum += _judge_others(others_at, own.at(shares[held_out]), precision)
            plain_sum += _judge_others(others, own, precision)
    if not num_folds:
        return None
    has_verdicts = answers.accepted is not None
    return CrossValidated(
        num_folds,
        answers.at(shares),
        tempered_sum if has_verdicts else None,
        plain_sum if has_verdicts else None,
    )


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Everything found about one rule.

    `raw` is the model's own, `configured` at the rule's present calibration, `after` the
    cross-validated one at the fitted temperature; None where there is nothing to tell.
    `temperature` is the one to use: the fit's if it helps on pictures it was not fitted to, else 1.
    `expected` are the cross-validated verdicts at such a threshold. `verdicts` are those at the
    rule's present settings.
    """

    num_labels: int
    num_pictures: int
    num_right: int
    confusion: tuple[tuple[int, ...], ...]  # [true option][answered option]
    raw: Scores
    configured: Scores | None
    after: Scores | None
    num_folds: int
    fit: Fit
    temperature: float
    verdicts: Verdicts | None
    min_confidence: float | None
    expected: Verdicts | None

    @property
    def accuracy(self) -> float:
        """The share of the labels whose most probable option is the true one."""
        return self.num_right / self.num_labels

    @property
    def num_answers_seen(self) -> int:
        """How many different true answers there are."""
        return sum(any(row) for row in self.confusion)


def evaluate(
    answers: Answers, *, precision: float, present_temperature: float, present_confidence: float
) -> Evaluation:
    """All figures about at least one answer; `precision` is what the verdicts are to reach.

    Where all true answers are the same nothing is suggested: no other answer was seen.
    """
    present = answers.at(tempered(answers.probabilities, present_temperature))
    fit = fit_temperature(answers.probabilities, answers.truths)
    raw, crossed = Scores.of(answers), cross_validate(answers, precision)
    after = None if crossed is None else Scores.of(crossed.fitted)
    is_varied = len(np.unique(answers.truths)) > 1
    helps = is_varied and after is not None and after.log_loss < raw.log_loss
    temperature = round(fit.temperature, 2) if helps else 1.0
    threshold = expected = verdicts = None
    if answers.accepted is not None:
        verdicts = count_verdicts(present, present_confidence)
        if len(np.unique(answers.accepted[answers.truths])) > 1:
            suggested = answers.at(tempered(answers.probabilities, temperature))
            threshold = find_threshold(suggested, precision)
            if crossed is not None:
                expected = crossed.verdicts if helps else crossed.untempered_verdicts
    num_options = answers.probabilities.shape[1]
    confusion = np.zeros((num_options, num_options), np.intp)
    np.add.at(confusion, (answers.truths, answers.probabilities.argmax(axis=1)), 1)
    return Evaluation(
        num_labels=len(answers.truths),
        num_pictures=len(np.unique(answers.pictures)),
        num_right=int(answers.right.sum()),
        confusion=tuple(tuple(row) for row in confusion.tolist()),
        raw=raw,
        configured=None if present_temperature == 1.0 else Scores.of(present),
        after=after,
        num_folds=0 if crossed is None else crossed.num_folds,
        fit=fit,
        temperature=temperature,
        verdicts=verdicts,
        min_confidence=threshold,
        expected=expected,
    )


def wilson_interval(num_right: int, num: int) -> tuple[float, float]:
    """The 95 % interval of a share, `num` at least 1 (Wilson 1927, the score interval)."""
    z, share = 1.959964, num_right / num
    spread = z * math.sqrt(share * (1 - share) / num + z * z / (4 * num * num))
    low, high = (
        (share + z * z / (2 * num) + side) / (1 + z * z / num) for side in (-spread, spread)
    )
    return max(0.0, low), min(1.0, high)


def _judge_others(others: Answers, own: Answers, precision: float) -> Verdicts:
    """The verdicts on `own` at the threshold that `others` give."""
    threshold = find_threshold(others, precision)
    if threshold is None:
        return Verdicts(len(own.truths), 0, 0)
    return count_verdicts(own, threshold)


def _folds(pictures: Ints) -> Iterator[Bools]:
    """Which labels are held out, each once; all of a picture together. None for one picture.

    Neighbours in the file go to different parts, so that a file sorted by answer is parted evenly.
    """
    order: Sequence[int] = list(dict.fromkeys(pictures.tolist()))
    if len(order) < 2:
        return
    num_folds = len(order) if len(order) <= MAX_LEAVE_ONE_OUT else NUM_FOLDS
    fold_of = {picture: index % num_folds for index, picture in enumerate(order)}
    folds = np.array([fold_of[picture] for picture in pictures.tolist()])
    for fold in range(num_folds):
        yield folds == fold
