"""Comparing: where two pictures differ by more than light, noise, a shake and the usual unrest do.

At a sensitivity above the middle it answers twice: what is clear at medium sensitivity, on which
all that is decided of the whole picture rests, and what is fainter, which may only add things. So
more sensitivity never sees less. Knows two pictures at a time; the motion part asks it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from edge.sampler.light import RAMP_STEP, LightFit
from edge.sampler.look import LookArea
from edge.sampler.noise import NoiseModel
from edge.sampler.regions import Change, Region
from edge.sampler.settings import SamplerSettings
from edge.sampler.shake import is_spread, measure_shift, shifted
from edge.sampler.unrest import Unrest
from edge.sampler.view import Field, View

_NOISE_SIGMAS = 4.5  # 7e-6 of normal noise lies above: 0.4 pixels of 57,600
_BLURRED = 1.0  # what the working picture leaves of the contrast of a thing 3 % of the width
_SHAKEN = 0.02  # of the picture changed: look whether the camera shakes
_STEADIED = 0.6  # share of the changed pixels that may remain once a shake is taken out


@dataclass(frozen=True, slots=True)
class Changes:
    """What differs between two pictures.

    `clear` counts at medium sensitivity, or at the camera's own if that is lower. `all` counts at
    the camera's own: the very same object up to medium sensitivity, and more pixels above it.
    """

    clear: Change
    all: Change

    def of(self, region: Region) -> Change:
        """The one that a region was found in."""
        return self.all if region.is_faint else self.clear


class Comparing:
    """Compares pictures of one camera; `noise` and `unrest` are taught by the motion part."""

    def __init__(self, settings: SamplerSettings, look: LookArea) -> None:
        self._threshold = settings.threshold
        self._look = look
        self._least = settings.strictness
        self._clear = max(1.0, self._least)
        self.noise = NoiseModel()
        self.unrest = Unrest(self._least)

    def between(self, view: View, reference: View, fit: LightFit) -> Changes:
        """The changes since the reference, without what a shaken camera makes of it."""
        every = self._steadied(view, reference, fit, self._least)
        if self._least == self._clear or every.is_still:
            return Changes(every, every)
        clear = self._steadied(view, reference, fit, self._clear)
        every.mask[clear.mask > 0] = 1
        return Changes(clear, every)

    def _steadied(self, view: View, reference: View, fit: LightFit, factor: float) -> Change:
        change = self._changed(view, reference.soft, fit, factor)
        num_changed = cv2.countNonZero(change.mask)
        if num_changed < _SHAKEN * change.mask.size or not is_spread(change.mask):
            return change
        shift = measure_shift(view, reference, fit.gain, fit.offset)
        if shift == (0.0, 0.0):
            return change
        steady = self._changed(view, shifted(reference, shift), fit, factor)
        return steady if cv2.countNonZero(steady.mask) < _STEADIED * num_changed else change

    def _changed(self, view: View, reference: Field, fit: LightFit, factor: float) -> Change:
        signed = fit.removed_from(view.soft, reference)
        difference = np.abs(signed)
        sigmas = _NOISE_SIGMAS * min(max(factor, 0.8), 2.0)
        floor = _BLURRED * self._threshold * factor * view.contrast
        if fit.step > RAMP_STEP:
            floor *= min(2.0, fit.step / RAMP_STEP)
        if float(difference.max()) <= floor:  # nothing can count: most pictures of most cameras
            limit = np.full(view.shape, max(floor, sigmas * self.noise.typical_sigma), np.float32)
            mask = np.zeros(view.shape, np.uint8)
            return Change(difference, signed, limit, mask, fit.gain, fit.step, is_still=True)
        limit = self.noise.limit(difference, sigmas, floor)
        mask = (difference > limit).view(np.uint8)
        if factor < self._clear:
            if self.unrest.faintly_restless is not None:  # there only what is clear counts
                mask &= ~self.unrest.faintly_restless
        elif self.unrest.restless is not None:
            cv2.copyTo(self.unrest.exceeds(signed, limit), self.unrest.restless, mask)
        if self._look.has_masks:
            mask &= self._look.mask(view.shape)
        return Change(difference, signed, limit, mask, fit.gain, fit.step, is_still=False)
