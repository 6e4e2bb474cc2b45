"""Scene cuts: the picture is suddenly another one, and stays so.

For switched or spliced sources and cameras that jump to a preset. Looks at two things that no
lamp changes both: the coarse picture and the edges. Knows nothing of motion.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np

from edge.frames import Frame
from edge.sampler.light import median
from edge.sampler.view import (
    BLANK_ENERGY,
    KEPT_EDGES,
    View,
    edge_agreement,
    is_flat,
    likeness,
)

_RECENT = 4
_SPIKE = 0.3  # a cut stands out by this much from the changes just before it (pans do not)
_SETTLED = 0.3  # the next picture of the new scene is at least this like its first
_MUCH_THE_SAME = 3.0  # grey levels on average
_STEADY_S = 1.0
_SAME_SCENE = 0.3  # unlikeness up to which a picture is taken for the scene's
_NEARER = 0.15  # by which a scene that never settles must be unlike the old one, not itself
_MAX_WAIT = 4  # pictures; a new scene full of motion never settles
# Of the coarse picture, changed beyond a shift of light. 0.6 or more between four real scenes; a
# car that filled a third of a smooth car park, whose few edges a codec had redrawn, changed 0.25.
_MOST_CHANGED = 0.35
_CHANGED = 0.2  # of the picture's deviation


@dataclass(frozen=True, slots=True)
class Cut:
    """A confirmed cut: the first frame of the new scene, and the last view of the old one."""

    frame: Frame
    view: View
    old_view: View
    score: float  # 0..1


def unlikeness(a: View, b: View) -> float:
    """0 (same scene) to 1 (nothing in common), half from edges, half from coarse brightness.

    Where a good part of the edges stayed it is at most a half: another lamp, not another scene.
    Measured at 5 pictures a second: 0.2 at most on four fixed cameras, 0.73 or more between them.
    """
    agreement = max(0.0, edge_agreement(a, b))
    if agreement > KEPT_EDGES or is_flat(a, b):
        return (1 - agreement) / 2
    return (1 - agreement + 1 - max(0.0, likeness(a, b))) / 2


def _is_mostly_changed(a: View, b: View) -> bool:
    """Whether it is another picture in most places, and not only where something large moves."""
    difference = a.coarse - b.coarse
    difference -= median(difference)
    limit = max(_MUCH_THE_SAME, _CHANGED * max(a.deviation, b.deviation))
    num_changed = np.count_nonzero(np.abs(difference) > limit)
    return bool(num_changed >= _MOST_CHANGED * difference.size)


def _is_much_the_same(a: View, b: View) -> bool:
    """Whether no cut can lie between them; saves the edges' cost for nearly every picture."""
    return cv2.norm(a.coarse, b.coarse, cv2.NORM_L1) < _MUCH_THE_SAME * a.coarse.size


class SceneDetector:
    """Finds cuts; each is told one picture late, when the new scene has stayed.

    A scene that has come in gradually, as by a dissolve, is told once it has stood for a second.
    """

    def __init__(self, threshold: float) -> None:
        self.score = 0.0  # unlikeness of the last picture to the scene, 0..1
        self._threshold = threshold
        self._last: View | None = None  # last picture that showed a scene
        self._scores: deque[float] = deque(maxlen=_RECENT)
        self._pending: Cut | None = None
        self._num_waited = 0
        self._scene: View | None = None  # the scene as it was when it last stood still
        self._steady: View | None = None  # since when it stands still

    def rebaseline(self) -> None:
        """After a gap the next picture starts anew."""
        self._last = self._pending = self._scene = self._steady = None
        self._scores.clear()

    @property
    def is_pending(self) -> bool:
        """Whether the last picture may be the first one of a new scene."""
        return self._pending is not None

    def step(self, frame: Frame, view: View) -> Cut | None:
        """Take in the next picture."""
        is_same = self._is_like_last(view)
        if not is_same and view.edge_energy < BLANK_ENERGY:
            return None  # what comes after the blank is compared with what was before it
        if self._last is None or self._last.shape != view.shape:
            self.rebaseline()
            self._last = view
            return None
        self.score = score = 0.0 if is_same else unlikeness(view, self._last)
        if self._pending is not None:
            return self._confirm(self._pending, view, score)
        usual = max(self._scores, default=0.0)
        is_spike = score >= self._threshold and score - usual >= _SPIKE
        if is_spike and _is_mostly_changed(view, self._last):
            self._pending = Cut(frame, view, self._last, score)
            frame.expect()
            self._num_waited = 0
            return None
        self._scores.append(score)
        self._last = view
        steady = self._steady
        if steady is None or not _is_much_the_same(view, steady):
            self._steady = view
        elif view.pts_s - steady.pts_s >= _STEADY_S:
            self._steady = view
            return self._another_scene(frame, view)
        return None

    def _another_scene(self, frame: Frame, view: View) -> Cut | None:
        """The present, steady scene, if it is not the one that stood here before."""
        before = self._scene or view
        changed = 0.0 if _is_much_the_same(view, before) else unlikeness(view, before)
        if changed < _SAME_SCENE or changed >= self._threshold or self._scene is None:
            self._scene = view
        return Cut(frame, view, before, changed) if changed >= self._threshold else None

    def _is_like_last(self, view: View) -> bool:
        last = self._last
        return last is not None and last.shape == view.shape and _is_much_the_same(view, last)

    def _confirm(self, cut: Cut, view: View, score_to_old: float) -> Cut | None:
        if score_to_old < self._threshold:  # a flash, or a lamp whose glare has settled
            self._pending = None
            self._last = view
            return None
        self._num_waited += 1
        to_new = unlikeness(view, cut.view)
        if to_new >= _SETTLED and self._num_waited < _MAX_WAIT:
            return None
        if to_new >= _SETTLED and to_new > score_to_old - _NEARER:
            # Pictures that have no more in common with each other than with the old scene: noise.
            self._pending = None
            self._last = view
            self._scores.append(score_to_old)
            return None
        self._pending = None
        self._last = self._scene = self._steady = view
        self._scores.clear()
        return cut
