"""Glance: whether a picture of a quiet camera differs from the one before it.

For cameras at rest, of which only an I-frame every few seconds is seen: cruder and quicker to raise
an alarm than the motion part, which then gets to see all that happened in between. Pure; called by
the camera's process.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.frames import Luma
from edge.sampler.look import LookArea
from edge.sampler.settings import SamplerSettings

_BLOCK_PX = 8  # 2.5 % of the picture's width: a small far thing fills most of one
_FLOOR = 3.0  # grey levels of a block's mean, at medium sensitivity
_NOISES = 7.0  # mean deviations; 5.6 sigma of normal noise: 1 picture in 50,000, over all blocks
_LEARN = 0.1  # per picture
_ALL_LOOKED_AT = 0.5  # of a block must be looked at

Blocks = NDArray[np.float32]


class Glance:
    """Compares each picture's blocks with those of the picture before it."""

    def __init__(self, settings: SamplerSettings) -> None:
        self._look = LookArea(settings.mask)
        self._floor = np.float32(_FLOOR * settings.strictness)
        self._last: Blocks | None = None
        self._noise: Blocks | None = None

    def is_changed(self, luma: Luma) -> bool:
        """Whether something in `luma`, (h, w) uint8, is new. The first picture is not.

        Light that changes everywhere alike does not count. What keeps changing in one place is
        learned as that place's noise within some ten pictures.
        """
        blocks = _block_means(luma.astype(np.float32))
        last, self._last = self._last, blocks
        if last is None or last.shape != blocks.shape:
            self._noise = np.zeros_like(blocks)
            return last is not None
        noise = self._noise if self._noise is not None else np.zeros_like(blocks)
        signed = blocks - last
        difference = np.abs(signed - np.median(signed))
        # A block's own noise is a rough estimate; below what is common it is not believed.
        limit = np.maximum(noise, np.median(noise)) * np.float32(_NOISES)
        np.maximum(limit, self._floor, out=limit)
        looked_at = _block_means(self._look.mask(luma.shape).astype(np.float32)) >= _ALL_LOOKED_AT
        # One strange picture must not hide the next: it counts as little more than the limit.
        self._noise = noise + np.float32(_LEARN) * (np.minimum(difference, 1.5 * limit) - noise)
        return bool(np.any((difference > limit) & looked_at))


def _block_means(picture: NDArray[np.float32]) -> Blocks:
    """(h // 8, w // 8) float32; the rest at the right and at the bottom is left out."""
    height, width = (side // _BLOCK_PX for side in picture.shape)
    cut = picture[: height * _BLOCK_PX, : width * _BLOCK_PX]
    means: Blocks = cut.reshape(height, _BLOCK_PX, width, _BLOCK_PX).mean(axis=(1, 3))
    return means
