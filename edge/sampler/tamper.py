"""Tamper: the camera is covered, black, blurred, frozen or turned away. Costs no model time.

Compares the picture's structure with what this camera usually shows. Knows nothing of motion
beyond whether there is some.
"""

from __future__ import annotations

import math

import numpy as np

from edge.frames import Frame, Luma
from edge.sampler.turning import is_shifted
from edge.sampler.view import KEPT_EDGES, View, edge_agreement, likeness

_CONFIRM_S = 3.0  # a hand, a passing lorry, a lamp switched off and on
_CLEAR_S = 1.0
_LEARN_S = 60.0  # dusk and fog are slower than this
_LEARN_EVERY_S = 1.0
_LOOK_EVERY_S = 0.79  # nothing here is decided within less; every fourth picture at 5 a second
_WARM_UP_S = 5.0  # of ordinary pictures before anything can be called unusual

_BLACK_LUMA, _BLACK_SHARE = 24, 0.98  # of the picture is darker (16 is video black)
_COVERED_SHARE = 0.25  # of the usual structure left
_BLURRED_SHARE = 0.42  # of the usual detail left: a blur of 1.5 % of the width
_SAME_LAYOUT = 0.8  # correlation of the coarse picture with the usual one
_MIN_USUAL_ENERGY = 0.02  # a scene with less shows nothing that could be covered
_UNKNOWN_VIEW = 0.15  # agreement with the usual edges; two cars in a smooth scene leave 0.23
_MOVED_S = 60.0  # how long it is reported; the new view is learned meanwhile

# A still scene in compressed video may be bit-identical for a group of pictures (0.8 s at most on
# the corridor camera measured), so frozen means three times as long as ever seen while not frozen.
_FROZEN_S = 20.0
_FROZEN_FACTOR = 3.0


class TamperDetector:
    """`state` is "" or what is wrong: covered, black, defocused, frozen, moved."""

    def __init__(self) -> None:
        self.state = ""
        self._usual: View | None = None
        self._looked_at: View | None = None
        self._longest_same_s = 0.0
        self.rebaseline()

    def rebaseline(self) -> None:
        """After a gap or in a new scene what is usual must be learned again."""
        self.state = ""
        self._usual = None
        self._usual_since_s = 0.0
        self._last_luma: Luma | None = None
        self._same_since_s = 0.0
        self._moved_until_s = 0.0
        self._looked_s = -math.inf
        self._suspect = ""
        self._suspect_since_s = 0.0

    @property
    def is_suspecting(self) -> bool:
        """Whether something is about to begin or to end."""
        return self.state not in (self._suspect, "moved")

    def step(self, frame: Frame, view: View, is_moving: bool) -> bool:
        """Take in the next picture; true when a new kind of tamper has just been established."""
        now_s = view.pts_s
        if self.state == "moved" and now_s >= self._moved_until_s:
            self.state = ""
        is_same = self._is_frozen(frame.luma, now_s)
        if not is_same and now_s - self._looked_s < _LOOK_EVERY_S and self.state != "frozen":
            return False
        self._looked_s = now_s
        kind = "frozen" if is_same else self._kind(frame.luma, view)
        if kind != self._suspect:
            self._suspect, self._suspect_since_s = kind, now_s
        self._looked_at = view
        lasted_s = now_s - self._suspect_since_s
        if not kind and not is_moving:
            self._learn(view)
        if kind == self.state or (not kind and self.state == "moved"):
            return False
        if not kind:
            if self.state == "frozen" or lasted_s >= _CLEAR_S:
                self.state = ""
            return False
        if kind != "frozen" and lasted_s < _CONFIRM_S:
            return False
        if kind == "moved":
            self.note_moved(now_s)
        self.state = kind
        return True

    def note_moved(self, now_s: float) -> None:
        """The camera has been turned: learn the new view, and say so for a minute."""
        self.state = "moved"
        self._moved_until_s = now_s + _MOVED_S
        self._usual = None

    def _kind(self, luma: Luma, view: View) -> str:
        if _is_black(luma):
            return "black"
        usual = self._usual
        if (
            usual is None
            or usual.shape != view.shape
            or view.pts_s - self._usual_since_s < _WARM_UP_S
            or usual.edge_energy < _MIN_USUAL_ENERGY
        ):
            return ""
        is_plain = view.edge_energy < _COVERED_SHARE * usual.edge_energy
        is_blurred = view.detail < _BLURRED_SHARE * usual.detail
        if is_plain or is_blurred:
            if likeness(view, usual) < _SAME_LAYOUT:
                return "covered" if is_plain else ""
            return "defocused" if is_blurred else ""  # fog takes contrast, not detail alone
        agreement = edge_agreement(view, usual)
        if agreement < _UNKNOWN_VIEW or (agreement < KEPT_EDGES and is_shifted(usual, view)):
            return "moved" if self._stands(view) else ""
        return ""

    def _stands(self, view: View) -> bool:
        """Whether the view is the one of the last look; between edges of noise none agree."""
        last = self._looked_at
        if last is None or last.shape != view.shape:
            return False
        return edge_agreement(view, last) > KEPT_EDGES

    def _is_frozen(self, luma: Luma, now_s: float) -> bool:
        last, self._last_luma = self._last_luma, luma
        if last is None or not np.array_equal(last, luma):
            if last is not None and self.state != "frozen":
                same_s = now_s - self._same_since_s
                self._longest_same_s = max(self._longest_same_s, same_s)
            self._same_since_s = now_s
            return False
        limit_s = max(_FROZEN_S, _FROZEN_FACTOR * self._longest_same_s)
        return now_s - self._same_since_s >= limit_s

    def _learn(self, view: View) -> None:
        usual = self._usual
        if usual is None or usual.shape != view.shape:
            self._usual, self._usual_since_s = view, view.pts_s
            return
        elapsed_s = view.pts_s - usual.pts_s
        if elapsed_s >= _LEARN_EVERY_S:
            rate = np.float32(min(1.0, elapsed_s / _LEARN_S))
            self._usual = View(usual.soft + rate * (view.soft - usual.soft), view.pts_s, view.luma)


def _is_black(luma: Luma) -> bool:
    sample = luma[::4, ::4]
    return bool(np.count_nonzero(sample < _BLACK_LUMA) >= _BLACK_SHARE * sample.size)
