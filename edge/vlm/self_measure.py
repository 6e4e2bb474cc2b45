"""Measures this box's pace: drawn keyframes through the engine, one at a time.

Each step takes as long as one keyframe, so that whoever calls it can give way to work in between.
About 20 s in all for the 2B model on an N100, a second or two for the bundled one; no step is begun
after LIMIT_S. Called by the analyzer when it is idle, and by `edge bench --calibrate`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import product
from typing import Protocol

import numpy as np

from edge.frames import Image
from edge.pace import Pace, PacePoint
from edge.questions import AnalysisRequest, AnalysisResult, Look, yes_no

# As fed: a crop around a movement, a larger one, a whole picture. 64, 128 and 220 visual tokens.
SIZES_PX = ((256, 256), (512, 256), (640, 352))
QUESTIONS = (
    "Is there a person in the picture?",
    "Is there a parcel on the doorstep?",
    "Is a vehicle parked in front of the gate?",
    "Is the gate open?",
)
NUM_QUESTIONS = (1, len(QUESTIONS))
LIMIT_S = 30.0
DEADLINE_S = 60.0


class Asked(Protocol):
    """The engine, as far as it is needed here."""

    def analyze(self, request: AnalysisRequest) -> AnalysisResult:
        """Answer a request."""


class SelfMeasure:
    """One measurement. `max_pixels` is what the engine feeds at most: larger pictures tell no more.

    Every point is run twice, of which the faster counts: the first of a shape prepares kernels,
    and other work on the box only ever makes a run longer.
    """

    def __init__(
        self, engine: Asked, max_pixels: int, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        sizes = [size for size in SIZES_PX if size[0] * size[1] <= max_pixels] or [SIZES_PX[0]]
        self._engine, self._clock = engine, clock
        self._left = [
            (size, num, is_second)
            for size, num, is_second in product(sizes, NUM_QUESTIONS, (False, True))
        ]
        self._points: list[PacePoint] = []
        self._first_s = 0.0
        self._spent_s = 0.0

    @property
    def is_done(self) -> bool:
        """Whether there is nothing left to run, or no time for it."""
        return not self._left or (bool(self._points) and self._spent_s > LIMIT_S)

    @property
    def spent_s(self) -> float:
        """The time of all steps."""
        return self._spent_s

    def step(self) -> None:
        """Run one keyframe. Raises what `Engine.analyze` raises; the measurement is then over."""
        size_px, num_questions, is_second = self._left.pop(0)
        number = len(self._left)
        questions = tuple(yes_no(str(n), text) for n, text in enumerate(QUESTIONS[:num_questions]))
        request = AnalysisRequest(
            id=f"pace-{number}",
            image=_draw(*size_px, seed=number),
            before=None,
            looks=(Look((), questions),),
            deadline_s=DEADLINE_S,
        )
        started = self._clock()
        result = self._engine.analyze(request)
        took_s = self._clock() - started
        self._spent_s += took_s
        if is_second:
            view = result.views[-1]
            pixels, best_s = view.width_px * view.height_px, min(self._first_s, took_s)
            self._points.append(PacePoint(pixels, num_questions, best_s * 1000))
        self._first_s = took_s

    def pace(self) -> Pace:
        """What was found; ValueError before the first point. A size that there was no time to
        finish is left out, unless it is the only one.
        """
        num_whole = len(self._points) // len(NUM_QUESTIONS) * len(NUM_QUESTIONS)
        return Pace(tuple(self._points[:num_whole] or self._points))


def _draw(width_px: int, height_px: int, *, seed: int) -> Image:
    """A picture that none before it was, (H, W, 3) uint8 RGB: what it shows takes no time."""
    dice = np.random.default_rng(seed)
    return dice.integers(0, 256, (height_px, width_px, 3), np.uint8)
