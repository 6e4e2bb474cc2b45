"""Pace: how long this box takes for a keyframe, by picture size and number of questions.

Measured with drawn pictures, kept in a file by the engine's room, used by whoever asks whether a
configuration can be kept up with; what one needs at a pace is told as Needs. Knows nothing of
models, files or configurations. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

HOUR_MS = 3_600_000.0


@dataclass(frozen=True, slots=True)
class PacePoint:
    """One look at a picture of `pixels` as fed, with `questions` typed questions, took `ms`.

    Raises ValueError for anything but positive, finite figures.
    """

    pixels: int
    questions: int
    ms: float

    def __post_init__(self) -> None:
        if self.pixels < 1 or self.questions < 1 or not 0 < self.ms < math.inf:
            raise ValueError(f"not a measurement: {self}")


@dataclass(frozen=True, slots=True)
class Pace:
    """What was measured: at least one point. Raises ValueError without any."""

    points: tuple[PacePoint, ...]

    def __post_init__(self) -> None:
        if not self.points:
            raise ValueError("nothing was measured")

    def look_ms(self, pixels: int, questions: int) -> float:
        """The time of one look; at least that of the smallest that was measured.

        Between the measured sizes and numbers of questions along straight lines, beyond them on
        the last line: time grows a little faster than that with very large pictures.
        """
        by_size: dict[int, list[tuple[int, float]]] = {}
        for point in self.points:
            by_size.setdefault(point.pixels, []).append((point.questions, point.ms))
        at_sizes = ((size, _on_lines(of_size, questions)) for size, of_size in by_size.items())
        return _on_lines(at_sizes, pixels)


@dataclass(frozen=True, slots=True)
class RuleNeed:
    """`each_ms` is a rule's even share of a keyframe's looks with all rules of its cameras, the
    highest of them; `clock_ms` what the clock makes it take in an hour.
    """

    rule: str
    each_ms: float
    clock_ms: float


@dataclass(frozen=True, slots=True)
class Needs:
    """`keyframe_ms` is the mean over the cameras of a keyframe about which all rules are asked."""

    keyframe_ms: float
    clocked: float  # keyframes an hour
    clock_ms: float  # in an hour
    rules: tuple[RuleNeed, ...]  # the dearest first

    @property
    def keyframes_per_hour(self) -> int:
        """How many such keyframes the box can take."""
        return int(HOUR_MS / self.keyframe_ms)

    @property
    def clock_frac(self) -> float:
        """Share of the box's time that goes to what comes by the clock."""
        return self.clock_ms / HOUR_MS


def _on_lines(points: Iterable[tuple[int, float]], at: int) -> float:
    """The value at `at` on the lines through `points`; flat below the first, never falling beyond
    the last.
    """
    known = sorted(points)
    (first, lowest), *_ = known
    if at <= first or len(known) == 1:
        return lowest
    value = lowest
    for (left, left_ms), (right, right_ms) in pairwise(known):
        value = left_ms + (right_ms - left_ms) * (at - left) / (right - left)
        if at <= right:
            return value
    return max(value, known[-1][1])
