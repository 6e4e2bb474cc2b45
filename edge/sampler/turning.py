"""Turning: a camera that is moved, on purpose to another preset or by a push.

While it turns, every edge moves and nothing can be said of things; once it rests, its new view is
worth one keyframe. Knows views and times; called by the motion part and the sampler.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from edge.sampler.view import KEPT_EDGES, Edges, View, cell_agreement, edge_agreement

_START_S = 1.0  # by which a turn may go unnoticed: slow at first, or two pictures of a slow camera
_REST_S = 0.6  # pan and tilt motors start and stop within less
_CLEARLY = 0.1  # better or worse agreement of a cell's edges
_LEAST_COLUMNS = 4.5  # of 6, with better cells; a lorry close by fills less of the picture
_LEAST_BETTER = 3.0  # better cells for each worse one
_LEAST_SHIFT, _MOST_SHIFT = 0.03, 0.6  # of the width; less is a shake, more leaves too little


def is_shifted(old: View, new: View) -> bool:
    """Whether `new` shows the scene of `old` from a camera turned by 3 % of the width or more.

    Phase correlation proposes the shift (pictures 80 px wide); the edges of the common part
    must then agree.
    """
    x, y = _likely_shift(old, new)
    if not (x or y):
        return False
    then, now = _common_part(old, new, (x, y))
    norm = float(np.sqrt(np.sum(then * then) * np.sum(now * now)))
    return norm > 0 and float(np.sum(then * now)) > KEPT_EDGES * norm


def is_turning(old: View, new: View) -> bool:
    """Whether the scene's edges have been shifted all together, wherever there are any.

    Each cell of the picture has a vote: its edges agree better with those of `old` shifted along,
    or worse. A large thing on its way before a plain wall wins where it is, and nowhere else.
    """
    x, y = _likely_shift(old, new)
    if not (x or y):
        return False
    moved = np.zeros_like(old.edges)
    then, _ = _common_part(old, new, (x, y))
    height, width = then.shape[1:]
    top, left = max(0, y), max(0, x)
    moved[:, top : top + height, left : left + width] = then
    stayed, is_clear = cell_agreement(old.edges, new.edges)
    shifted, _ = cell_agreement(moved, new.edges)
    is_better = is_clear & (shifted > np.maximum(stayed + _CLEARLY, KEPT_EDGES))
    num_worse = np.count_nonzero(is_clear & (stayed > shifted + _CLEARLY))
    # The strip that has just come into view cannot vote for the shift.
    columns = np.count_nonzero(is_better.any(axis=0)) / (1 - abs(x) / new.small.shape[1])
    return bool(
        columns >= _LEAST_COLUMNS and np.count_nonzero(is_better) >= _LEAST_BETTER * num_worse
    )


def _likely_shift(old: View, new: View) -> tuple[int, int]:
    """(x, y) in pixels of the small pictures; (0, 0) if it is none, or too far to tell."""
    height, width = old.small.shape
    window = cv2.createHanningWindow((width, height), cv2.CV_32F)
    # Copies: OpenCV applies the window in place where the size suits its Fourier transform.
    (dx, dy), _ = cv2.phaseCorrelate(old.small.copy(), new.small.copy(), window)
    x, y = round(dx), round(dy)
    if max(abs(x), abs(y)) < _LEAST_SHIFT * width:
        return 0, 0
    is_far = abs(x) > width * _MOST_SHIFT or abs(y) > height * _MOST_SHIFT
    return (0, 0) if is_far else (x, y)


def _common_part(old: View, new: View, shift: tuple[int, int]) -> tuple[Edges, Edges]:
    """The edges of what both pictures show, if `new` is `old` shifted."""
    (x, y), (height, width) = shift, old.small.shape
    then = old.edges[:, max(0, -y) : height - max(0, y), max(0, -x) : width - max(0, x)]
    now = new.edges[:, max(0, y) : height + min(0, y), max(0, x) : width + min(0, x)]
    return then, now


class Turning:
    """Follows one camera from the view that it leaves to the one where it rests."""

    def __init__(self) -> None:
        self._still: View | None = None
        self._left: View | None = None
        self._began_s = self._turned_s = -math.inf

    @property
    def is_on(self) -> bool:
        """Whether the camera turns, or has not rested since for long enough to be sure."""
        return self._left is not None

    def explains(self, pts_s: float) -> bool:
        """Whether what was noticed at `pts_s` was the camera's turning, or how it began."""
        return self._left is not None and self._began_s - _START_S <= pts_s <= self._turned_s

    def rebaseline(self) -> None:
        """The next picture is another scene's."""
        self._still = self._left = None

    def step(self, view: View, *, is_turning: bool) -> bool:
        """Take in the next picture; true when the camera has just come to rest in a new view."""
        if is_turning:
            self._turned_s = view.pts_s
            if self._left is None:
                self._left, self._began_s = self._still or view, view.pts_s
            return False
        if self._left is None:
            self._still = view
            return False
        if view.pts_s - self._turned_s < _REST_S:
            return False
        left, self._left, self._still = self._left, None, view
        return left.shape == view.shape and edge_agreement(view, left) < KEPT_EDGES
