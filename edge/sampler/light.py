"""Light that changes over the whole picture: exposure, clouds, lamps, infrared switching.

Fits one picture to another by gain and offset, so that only what is left can be motion. Knows no
history; the motion part calls it for every pair it compares.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from edge.sampler.look import Mask
from edge.sampler.view import Field, View

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


def fit_light(current: Field, reference: Field, look: Mask) -> LightFit:
    """Robust fit of two coarse pictures of the same shape, of which less than half may have moved.

    Starts from the median shift and refits on the points that agree, four times.
    """
    usable = (reference > _BLACK) & (reference < _WHITE) & (current > _BLACK) & (current < _WHITE)
    if look.size:
        usable &= cv2.resize(look, (reference.shape[1], reference.shape[0])) > 0
    x, y = reference[usable], current[usable]
    if x.size < 16:
        return LightFit(1.0, 0.0)
    gain, offset = 1.0, float(np.median(y - x))
    for _ in range(4):
        residual = np.abs(y - gain * x - offset)
        near = residual <= 2.5 * float(np.median(residual)) + 1.0
        xs, ys = x[near], y[near]
        mean_x, mean_y = float(xs.mean()), float(ys.mean())
        dx = xs - mean_x
        # The pull towards gain 1 (25 = a deviation of 5 grey levels) keeps flat scenes stable.
        gain = (float(np.mean(dx * (ys - mean_y))) + 25.0) / (float(np.mean(dx * dx)) + 25.0)
        gain = min(max(gain, 0.25), 4.0)
        offset = mean_y - gain * mean_x
    return LightFit(gain, offset)


def fitted(view: View, reference: View, look: Mask) -> LightFit:
    """The fit of two views of the same shape."""
    return fit_light(view.coarse, reference.coarse, look)
