"""What moves by itself: leaves, water, rain, a screen, a flag; learned cell by cell.

Keeps, for cells of 4x4 pixels, how strong the changes usually get while no thing is on its way
there. In a restless cell single pixels say nothing; a change of its mean brightness that is larger
than usual still does, so that a person in front of a hedge is seen. Knows no objects.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.geometry import Box
from edge.sampler.regions import Change
from edge.sampler.view import Field, area_means

_CELL_PX = 4
_MEAN_PX = 5  # leaves that change places leave the mean of 5x5 pixels much as it was
_RISE_S = 2.5
_LEARN_EVERY_S = 0.39  # once it is known
_RISE_WARM_S = 0.5  # in the first seconds, when nothing is known
_WARM_S = 3.0
_FALL_S = 30.0  # a gust every minute is news, one every 15 s is not
_RESTLESS = 0.45  # of the limit, root mean square over a cell
_CLIP = 2.0  # of the limit; one thing passing must not teach as much as a minute of wind
_CLIP_MEAN = 4.0
_MARGIN = 2.0  # above the usual, in restless cells


class Unrest:
    """Usual strength of the changes in each cell, in units of the limit they are held against."""

    def __init__(self, strictness: float = 1.0) -> None:
        """`strictness` below 1 is the share of the limit from which on faint changes count."""
        self._faintness = min(1.0, strictness)
        self._shape = (0, 0)
        self._begin((0, 0))

    def _begin(self, shape: tuple[int, int]) -> None:
        self._shape = shape
        size = max(1, shape[0] // _CELL_PX), max(1, shape[1] // _CELL_PX)
        self._fine: Field = np.zeros(size, np.float32)  # root mean square of single pixels
        self._mean: Field = np.zeros(size, np.float32)  # of local means
        self._restless: NDArray[np.uint8] | None = None
        self._faintly_restless: NDArray[np.uint8] | None = None
        self._usual: Field | None = None  # of local means, at full size; while anything is restless
        self._seen_s = self._unlearned_s = 0.0

    @property
    def is_warm(self) -> bool:
        """Whether a few seconds have been seen."""
        return self._seen_s >= _WARM_S

    @property
    def restless(self) -> NDArray[np.uint8] | None:
        """(h, w) uint8, 1 where it moves by itself; None if it does so nowhere."""
        return self._restless

    @property
    def faintly_restless(self) -> NDArray[np.uint8] | None:
        """The same for faint changes, which less unrest makes useless."""
        return self._faintly_restless

    def exceeds(self, signed: Field, limit: Field) -> NDArray[np.uint8]:
        """(h, w) uint8: 1 where the local mean changed by more than it usually does."""
        mean = np.abs(cv2.blur(signed, (_MEAN_PX, _MEAN_PX)))
        usual = limit if self._usual is None else limit * self._usual
        return (mean > usual).view(np.uint8)

    def learn(
        self, change: Change, elapsed_s: float, things: tuple[Box, ...], *, is_still: bool
    ) -> None:
        """Take in the changes of one more picture; nothing is learned where things are.

        `is_still` tells that nothing counts, faint changes included.
        """
        if self._shape != change.mask.shape:
            self._begin((change.mask.shape[0], change.mask.shape[1]))
        self._seen_s += elapsed_s
        self._unlearned_s += elapsed_s
        if self._unlearned_s < _LEARN_EVERY_S and self.is_warm:
            return
        elapsed_s, self._unlearned_s = self._unlearned_s, 0.0
        fall = math.exp(-elapsed_s / _FALL_S)
        self._fine *= np.float32(fall)
        self._mean *= np.float32(fall)
        if not is_still:
            rise = 1 - math.exp(-elapsed_s / (_RISE_S if self.is_warm else _RISE_WARM_S))
            self._rise(change, rise, things)
        self._spread()

    def _rise(self, change: Change, rise: float, things: tuple[Box, ...]) -> None:
        cells = self._fine.shape[1], self._fine.shape[0]
        learning = np.full(self._fine.shape, rise, np.float32)
        for box in things:
            x1, y1, x2, y2 = box.expanded(0.02).to_px(*cells)
            learning[y1:y2, x1:x2] = 0
        ratio = np.minimum(change.difference / change.limit, np.float32(_CLIP))
        fine = np.sqrt(area_means(ratio * ratio, cells))
        is_calm = float(fine.max()) < _RESTLESS and float(self._mean.max()) < _RESTLESS
        _follow(self._fine, fine, learning)
        if is_calm:
            return
        means = np.abs(cv2.blur(change.signed, (_MEAN_PX, _MEAN_PX))) / change.limit
        clipped = np.minimum(means, np.float32(_CLIP_MEAN))
        _follow(self._mean, area_means(clipped, cells), learning)

    def _spread(self) -> None:
        """What is known, over the cells' neighbours and at full size."""
        self._restless = self._usual = self._faintly_restless = None
        strongest = float(self._fine.max())
        if strongest <= _RESTLESS * self._faintness:
            return
        around = np.ones((3, 3), np.uint8)
        usual = cv2.dilate(self._fine, around)
        size = self._shape[1], self._shape[0]
        self._faintly_restless = _at_full_size(usual > _RESTLESS * self._faintness, size)
        if strongest <= _RESTLESS:
            return
        self._restless = self._faintly_restless
        if self._faintness < 1:
            self._restless = _at_full_size(usual > _RESTLESS, size)
        means = cv2.resize(cv2.dilate(self._mean, around), size, interpolation=cv2.INTER_LINEAR)
        self._usual = np.maximum(1, np.float32(_MARGIN) * means)

    def unlearn(self, box: Box) -> None:
        """What was learned here lately was a thing on its way."""
        x1, y1, x2, y2 = box.expanded(0.02).to_px(self._fine.shape[1], self._fine.shape[0])
        self._fine[y1:y2, x1:x2] *= np.float32(0.3)
        self._mean[y1:y2, x1:x2] *= np.float32(0.3)


def _at_full_size(cells: NDArray[np.bool_], size: tuple[int, int]) -> NDArray[np.uint8]:
    full = cv2.resize(cells.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    return np.asarray(full, np.uint8)


def _follow(level: Field, seen: Field, learning: Field) -> None:
    """Rise towards what is seen; in place."""
    level += learning * np.maximum(seen - level, 0)
