"""Calibration: a temperature that makes a rule's probabilities mean what they say.

A model that says 0.9 and is right seven times in ten is overconfident: a temperature above 1 brings
its probabilities together, one below 1 drives them apart. Which option is the most probable never
changes. Knows nothing of rules or pictures. Rules apply calibrations, `edge eval` fits them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge.questions import Answer

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

MIN_TEMPERATURE = 0.1
MAX_TEMPERATURE = 10.0
MIN_PROBABILITY = 1e-30  # smaller ones count as this: their logarithm must stay finite

# How firmly a fit is held to temperature 1: about as much as ten labels answered with 0.9 would.
PRIOR_WEIGHT = 4.0
NOTABLE_RATIO = 1.1  # of temperatures; a smaller difference is not worth a word
_BISECTIONS = 50


@dataclass(frozen=True, slots=True)
class Calibration:
    """What is done to the probabilities of a rule's answers before they are judged.

    Raises ValueError for a temperature outside MIN_TEMPERATURE to MAX_TEMPERATURE.
    """

    temperature: float

    def __post_init__(self) -> None:
        if not MIN_TEMPERATURE <= self.temperature <= MAX_TEMPERATURE:
            raise ValueError(
                f"the temperature must be within {MIN_TEMPERATURE} to {MAX_TEMPERATURE}, "
                f"not {self.temperature}"
            )

    def apply(self, probabilities: Mapping[str, float]) -> dict[str, float]:
        """The options' probabilities at this temperature, in the same order; they sum to 1.

        Unchanged if there are none, or if they are no probabilities (not finite, or all 0).
        """
        shares = np.array([*probabilities.values()], np.float64)
        if not np.isfinite(shares).all() or not shares.any():
            return dict(probabilities)
        return dict(zip(probabilities, tempered(shares, self.temperature).tolist(), strict=True))

    def apply_to(self, answer: Answer) -> Answer:
        """The answer at this temperature. A text has no options and stays as it is."""
        if answer.value not in answer.probabilities:
            return answer
        shares = self.apply(answer.probabilities)
        return replace(answer, probability=shares[answer.value], probabilities=shares)


def tempered(probabilities: Floats, temperature: float) -> Floats:
    """`probabilities` (..., options) to the power of 1 / temperature, made to sum to 1 again."""
    if temperature == 1.0:
        return probabilities
    logs = _logs(probabilities) / temperature
    weights = np.exp(logs - logs.max(axis=-1, keepdims=True))
    shares: Floats = weights / weights.sum(axis=-1, keepdims=True)
    return shares


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted temperature, and the one that the labels alone would give.

    They part where the labels are few, or say "the higher, the better" (or the lower), as they do
    when every answer was right.
    """

    temperature: float
    from_labels_alone: float

    @property
    def is_held_back(self) -> bool:
        """Whether the fit would be notably different without the pull towards 1."""
        ratio = self.temperature / self.from_labels_alone
        return abs(math.log(ratio)) > math.log(NOTABLE_RATIO)


def fit_temperature(probabilities: Floats, truths: Ints) -> Fit:
    """The temperature at which the true options have the least log loss.

    `probabilities` (N, options) as the model gave them, `truths` (N,) the true options' indexes;
    ValueError without any. In b = 1 / temperature the log loss is convex (a log-sum-exp less a
    linear term), and so is the penalty PRIOR_WEIGHT * (b - 1 - log b), which is 0 at b = 1 and
    keeps b from 0 and infinity; the slope's only zero is found by bisection.
    """
    if not len(truths):
        raise ValueError("there are no labels to fit a temperature to")
    logs = _logs(probabilities)
    true_logs = logs[np.arange(len(truths)), truths]

    def slope(sharpness: float) -> float:
        expected = (tempered(probabilities, 1 / sharpness) * logs).sum(axis=-1)
        return float((expected - true_logs).sum())

    def held_slope(sharpness: float) -> float:
        return slope(sharpness) + PRIOR_WEIGHT * (1 - 1 / sharpness)

    return Fit(1 / _find_zero(held_slope), 1 / _find_zero(slope))


def _find_zero(slope: Callable[[float], float]) -> float:
    """Where a growing function passes zero; the bound of the temperatures if it does not."""
    low, high = 1 / MAX_TEMPERATURE, 1 / MIN_TEMPERATURE
    if slope(low) >= 0:
        return low
    if slope(high) <= 0:
        return high
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if slope(middle) < 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _logs(probabilities: Floats) -> Floats:
    logs: Floats = np.log(np.maximum(probabilities, MIN_PROBABILITY))
    return logs
