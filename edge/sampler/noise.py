"""How much each pixel changes when nothing happens: sensor noise, compression, leaves, water.

Knows no objects. The motion part asks it from which change on a pixel counts, and shows it every
difference it computes.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from edge.sampler.light import median
from edge.sampler.view import Field

_SIGMA_OF_MEDIAN = 1.4826  # of a normal distribution's absolute deviation
_LEARN_S = 10.0  # a pixel that keeps changing more than expected doubles its estimate in 7 s
_LEARN_EVERY_S = 0.39  # every second picture at 5 a second says as much as all of them
_LEARN_FRAMES = 10  # the first frames learn faster: they start from one value for all pixels
_FLOOR, _CEILING = 0.4, 12.0  # grey levels; the ceiling keeps a busy road from going blind
_SPREAD_PX = 5  # leaves move about: a pixel's noise is its neighbours', too


class NoiseModel:
    """Running median of the absolute change per pixel, in steps (a median ignores rare walkers).

    A mean would learn the traffic of a busy road as noise; a median is moved only by what a pixel
    does more than half of the time.
    """

    def __init__(self) -> None:
        self._median: Field | None = None
        self._sigma: Field | None = None  # of the median, blurred
        self.typical_sigma = 0.0  # the median over the picture
        self._num_seen = 0
        self._unlearned_s = 0.0

    def learn(self, change: Field, elapsed_s: float) -> None:
        """Take in the absolute change (h, w) of one more frame, `elapsed_s` after the last."""
        if self._median is None or self._median.shape != change.shape:
            start = min(max(_sampled_median(change), _FLOOR), _CEILING)
            self._median = np.full(change.shape, start, np.float32)
            self._num_seen = 0
        self._num_seen += 1
        self._unlearned_s += elapsed_s
        is_new = self._num_seen < _LEARN_FRAMES
        if self._unlearned_s < _LEARN_EVERY_S and not is_new and self._sigma is not None:
            return
        rate = self._unlearned_s / _LEARN_S
        self._unlearned_s = 0.0
        if is_new:
            rate = max(rate, 0.1)
        up = np.float32(math.exp(min(rate, 0.5)))
        is_above = (change > self._median).view(np.uint8)
        moved = self._median * (1 / up)
        cv2.copyTo(self._median * up, is_above, moved)
        self._median = np.clip(moved, _FLOOR, _CEILING, out=moved)
        spread = cv2.blur(moved, (_SPREAD_PX, _SPREAD_PX))
        self._sigma = np.asarray(spread * np.float32(_SIGMA_OF_MEDIAN), np.float32)
        self.typical_sigma = _sampled_median(self._sigma)

    def limit(self, change: Field, sigmas: float, floor: float) -> Field:
        """(h, w) float32: so many standard deviations, `floor` grey levels at least.

        The deviation is the one to expect, or what this very picture shows if that is more.

        The present picture's own median covers what no history can: gain stepped up at dusk, or an
        I-frame that redraws every block a little. Where more than half of the picture differs by
        more than any noise, something else is the cause, and it must not pass for noise.
        """
        now = min(_sampled_median(change), _CEILING)
        if self._sigma is None or self._sigma.shape != change.shape:
            sigma = _SIGMA_OF_MEDIAN * max(now, _FLOOR)
            return np.full(change.shape, max(sigmas * sigma, floor), np.float32)
        limit: Field = self._sigma * np.float32(sigmas)
        least = max(sigmas * _SIGMA_OF_MEDIAN * now, floor)
        return np.maximum(limit, np.float32(least), out=limit)


def _sampled_median(change: Field) -> float:
    """Median of every 16th pixel: 3,600 of 57,600, standard error under 2 % of it."""
    return median(change[::4, ::4])
