"""Camera shake: by how much the whole picture has shifted, and a reference shifted along.

Wind on a pole, a slammed door, a lorry passing: every edge of the scene differs although nothing in
it moves. Knows two pictures, no history; the motion part asks it when much has changed.
"""

from __future__ import annotations

import cv2
import numpy as np

from edge.sampler.look import Mask
from edge.sampler.view import CELLS, Field, View, area_means

_STEPS = 3
_ENOUGH_PX = 0.05  # a shift below this leaves less than the noise
_MAX_PX = 6.0  # of the working picture, 4 % of its width: more is a turned camera
_OUTLIER = 40.0  # grey levels; what differs more is a moving thing, not a shifted edge
_CHANGED_CELL = 0.0098  # of its pixels
_SPREAD_CELLS = 10
_MIN_SLOPE = 1.0  # mean squared grey levels per pixel; a plainer scene shows no shift


def is_spread(mask: Mask) -> bool:
    """Whether the changed pixels lie all over the picture, as a shift of all edges leaves them.

    One thing changes a few cells of 24; where a third of them have nothing to shift, as a bright
    sky, half of the picture is left.
    """
    shares = area_means(mask.astype(np.float32), CELLS)
    return bool(np.count_nonzero(shares > _CHANGED_CELL) >= _SPREAD_CELLS)


def shifted(reference: View, shift_px: tuple[float, float]) -> Field:
    """The reference's soft picture, moved by (x, y) pixels; its border is drawn out."""
    height, width = reference.shape
    matrix = np.array([[1, 0, shift_px[0]], [0, 1, shift_px[1]]], np.float32)
    moved = cv2.warpAffine(reference.soft, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.float32)


def measure_shift(view: View, reference: View, gain: float, offset: float) -> tuple[float, float]:
    """How far (x, y), in pixels of the working picture, the scene has moved since the reference.

    Lucas and Kanade's least squares over the whole picture, 0.1 ms a step; good for shifts of a few
    pixels. (0, 0) where the scene is too plain to tell or the shift is no shake.
    """
    gx, gy = reference.slopes
    usable = np.ones(view.shape, np.float32)
    x = y = 0.0
    for _ in range(_STEPS):
        moved = shifted(reference, (x, y)) if x or y else reference.soft
        rest = view.soft - (np.float32(gain) * moved + np.float32(offset))
        usable = (np.abs(rest) < _OUTLIER).astype(np.float32)
        wx, wy = (gx * usable).ravel(), (gy * usable).ravel()
        xx, xy, yy = float(np.dot(wx, wx)), float(np.dot(wx, wy)), float(np.dot(wy, wy))
        determinant = xx * yy - xy * xy
        if min(xx, yy) < _MIN_SLOPE * rest.size or determinant < 0.05 * xx * yy:
            return 0.0, 0.0
        bx, by = float(np.dot(wx, rest.ravel())), float(np.dot(wy, rest.ravel()))
        # A picture shifted by d has lost gain times slope times d at each point.
        dx = -(yy * bx - xy * by) / determinant / gain
        dy = -(xx * by - xy * bx) / determinant / gain
        x, y = x + dx, y + dy
        if max(abs(x), abs(y)) > _MAX_PX:
            return 0.0, 0.0
        if max(abs(dx), abs(dy)) < _ENOUGH_PX:
            break
    return x, y
