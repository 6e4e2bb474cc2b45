"""Scores for `edge eval`: answers with known truths, how honest their probabilities are. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.calibration import Floats, Ints

NUM_BINS = 10
_LEAST_PROBABILITY = 1e-15  # of the true option: log loss must stay finite

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Answers:
    """The model's answers to one rule and the true ones, for N labels.

    `probabilities` is (N, options), `truths` (N,) option indexes, `pictures` (N,) a number for each
    picture. `accepted` (options,) are the options that fulfil the rule's condition; None for a rule
    that has none.
    """

    probabilities: Floats
    truths: Ints
    pictures: Ints
    accepted: Bools | None

    def at(self, probabilities: Floats) -> Answers:
        """The same with other probabilities."""
        return Answers(probabilities, self.truths, self.pictures, self.accepted)

    def only(self, chosen: Bools) -> Answers:
        """Those labels that are chosen (N,)."""
        return Answers(
            self.probabilities[chosen], self.truths[chosen], self.pictures[chosen], self.accepted
        )

    @property
    def right(self) -> Bools:
        """(N,) whether the most probable option is the true one."""
        found: Bools = self.probabilities.argmax(axis=1) == self.truths
        return found

    @property
    def event(self) -> tuple[Floats, Bools]:
        """(N,) the probability of what matters, and (N,) whether it was so.

        That is the rule's condition; without one, the most probable option being the true one.
        """
        if self.accepted is None:
            highest: Floats = self.probabilities.max(axis=1)
            return highest, self.right
        return self.probabilities[:, self.accepted].sum(axis=1), self.accepted[self.truths]


@dataclass(frozen=True, slots=True)
class Bin:
    """One row of a reliability table: what was said, and what was so; no figures if empty."""

    low: float
    high: float
    num: int
    mean_probability: float | None
    share_true: float | None


@dataclass(frozen=True, slots=True)
class Scores:
    """How honest probabilities are; 0 is best for each.

    `log_loss` in nats for the true option; `brier` half the sum over the options of (probability -
    truth) squared, so that for two options it is the usual 0..1; `ece`, the expected calibration
    error, the mean distance of what was said and what was so in the reliability table's bins.
    """

    log_loss: float
    brier: float
    ece: float
    reliability: tuple[Bin, ...]

    @classmethod
    def of(cls, answers: Answers) -> Scores:
        """The scores of at least one answer."""
        index = np.arange(len(answers.truths))
        true_shares = np.maximum(answers.probabilities[index, answers.truths], _LEAST_PROBABILITY)
        errors = answers.probabilities.copy()
        errors[index, answers.truths] -= 1
        bins = tuple(_bins(*answers.event))
        gaps = (
            bin_.num * abs(bin_.mean_probability - bin_.share_true)
            for bin_ in bins
            if bin_.mean_probability is not None and bin_.share_true is not None
        )
        return cls(
            log_loss=float(-np.log(true_shares).mean()),
            brier=float((errors**2).sum(axis=1).mean() / 2),
            ece=sum(gaps) / len(index),
            reliability=bins,
        )


def _bins(probabilities: Floats, happened: Bools) -> Iterator[Bin]:
    """Equal parts of 0..1; a probability on a border is in the higher part."""
    numbers = np.clip((probabilities * NUM_BINS).astype(np.intp), 0, NUM_BINS - 1)
    for number in range(NUM_BINS):
        inside = numbers == number
        num = int(inside.sum())
        yield Bin(
            low=number / NUM_BINS,
            high=(number + 1) / NUM_BINS,
            num=num,
            mean_probability=float(probabilities[inside].mean()) if num else None,
            share_true=float(happened[inside].mean()) if num else None,
        )
