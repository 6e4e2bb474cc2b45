"""Light that changes over the whole picture: exposure, clouds, lamps, infrared switching.

Fits one picture to another by gain and offset, so that only what is left can be motion. Knows no
history; the motion part calls it for every pair it compares.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge.sampler.look import LookArea
from edge.sampler.view import Field, View

_MIN_POINTS = 16
_STEADY = (
    0.5  # grey levels: the light has not changed; most pairs of pictures, at a third of the time
)
_BLACK, _WHITE = 6.0, 249.0  # clipped values say nothing about gain


@dataclass(frozen=True, slots=True)
class LightFit:
    """`current = gain * reference + offset`, where the scene stayed the same."""

    gain: float
    offset: float

    def applied_to(self, reference: Field) -> Field:
        """The reference as it would look in the current light."""
        predicted = reference * np.float32(self.gain)
        predicted += np.float32(self.offset)
        return predicted

    @property
    def step(self) -> float:
        """Grey levels by which a middle grey has moved."""
        return abs(128 * self.gain + self.offset - 128)


def fit_light(current: View, reference: View, look: LookArea) -> LightFit:
    """Robust fit of two views of the same shape, of which less than half may have moved.

    Starts from the median shift and refits three times on the points that agree; 0.2 ms.
    """
    x, y = reference.coarse, current.coarse
    usable = (np.minimum(x, y) > _BLACK) & (np.maximum(x, y) < _WHITE)
    usable &= look.mask((x.shape[0], x.shape[1])) > 0
    x, y = x[usable], y[usable]
    if x.size < _MIN_POINTS:
        return LightFit(1.0, 0.0)
    shift = y - x
    if float(np.abs(shift).mean()) < _STEADY:
        return LightFit(1.0, median(shift))
    gain, offset = 1.0, median(shift)
    for _ in range(3):
        residual = np.abs(y - np.float32(gain) * x - np.float32(offset))
        near = residual <= 2.5 * median(residual) + 1.0
        xs, ys = x[near], y[near]
        mean_x, mean_y = float(xs.sum()) / xs.size, float(ys.sum()) / ys.size
        dx = xs - np.float32(mean_x)
        # The pull towards gain 1 (25 = a deviation of 5 grey levels) keeps flat scenes stable.
        pull = 25.0 * xs.size
        gain = (float(np.dot(dx, ys)) + pull) / (float(np.dot(dx, dx)) + pull)
        gain = min(max(gain, 0.25), 4.0)
        offset = mean_y - gain * mean_x
    return LightFit(gain, offset)


def median(values: Field) -> float:
    """The upper median; a third of np.median's time on arrays of this size."""
    middle = values.size // 2
    return float(np.partition(values, middle, axis=None)[middle])
