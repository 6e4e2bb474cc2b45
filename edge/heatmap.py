"""Heatmap: which parts of a picture an answer looked at, as numbers and drawn over the picture.

The model engine makes an AttentionMap; the command line and the page draw it. Plain arrays, so that
maps cross the pipe between the daemon and the analyzer process. Knows nothing of the model.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edge.frames import Image
from edge.geometry import FULL, Box

Cells = NDArray[np.float32]  # (rows, columns)

STRENGTH = 0.65  # how much of the picture the brightest place hides; the darkest hides nothing
# From cold to hot; luminance grows all the way, so that it also reads without colours.
_COLORS = np.array(
    [(40, 20, 110), (110, 30, 130), (190, 55, 85), (240, 120, 30), (255, 235, 110)], np.float32
)


@dataclass(frozen=True, slots=True, eq=False)
class AttentionMap:
    """What the answer to one question looked at, more than the model does without the question.

    `cells` is (rows, columns) float32, a cell for each visual token, none negative, with the sum 1.
    They divide `box`, the part of the frame that the model was shown, evenly. `picture_frac` is the
    share of all the answer's attention, 0..1, that went to the picture; the rest went to words
    and other pictures. `picture` counts from 0 where a conversation has several.
    """

    question_id: str
    box: Box
    cells: Cells = field(repr=False)
    picture_frac: float
    picture: int = 0

    def __post_init__(self) -> None:
        if self.cells.ndim != 2 or self.cells.size == 0 or self.cells.dtype != np.float32:
            raise ValueError(
                f"cells must be (rows, columns) float32, not {self.cells.shape} {self.cells.dtype}"
            )
        if not (self.cells.min() >= 0 and abs(float(self.cells.sum()) - 1) < 1e-3):
            raise ValueError("cells must not be negative, and their sum must be 1")

    def share_in(self, part: Box) -> float:
        """The share 0..1 of the map that lies in a part of the frame; cut cells count in part."""
        rows, columns = self.cells.shape
        across = _overlap(self.box.x1, self.box.x2, columns, part.x1, part.x2)
        down = _overlap(self.box.y1, self.box.y2, rows, part.y1, part.y2)
        return float(down @ self.cells @ across)


def draw_overlay(image: Image, attention: AttentionMap, strength: float = STRENGTH) -> Image:
    """The picture with the map laid over it; the same size, (H, W, 3) uint8 RGB, a new array.

    The brightest place is drawn with `strength` 0..1, others in proportion, smoothly between the
    middles of cells. What the model was not shown is darkened by a half of that.
    """
    if not 0 <= strength <= 1:
        raise ValueError(f"strength must be 0..1, not {strength}")
    height, width = image.shape[:2]
    drawn = image.astype(np.float32)
    x1, y1, x2, y2 = attention.box.to_px(width, height)
    if attention.box != FULL:
        drawn *= 1 - strength / 2
    shown = image[y1:y2, x1:x2].astype(np.float32)
    heat = attention.cells / attention.cells.max()
    rows, columns = heat.shape
    smooth = _between(rows, y2 - y1) @ heat @ _between(columns, x2 - x1).T
    hidden = (strength * smooth)[:, :, None]
    drawn[y1:y2, x1:x2] = shown * (1 - hidden) + _color(smooth) * hidden
    return np.rint(drawn).astype(np.uint8)


def _between(num_cells: int, length_px: int) -> Cells:
    """Linear interpolation from the middles of cells to pixels: (length_px, num_cells)."""
    at = (np.arange(length_px) + 0.5) * num_cells / length_px - 0.5
    low = np.clip(np.floor(at).astype(np.int64), 0, num_cells - 1)
    high = np.minimum(low + 1, num_cells - 1)
    share = np.clip(at - low, 0, 1)
    weights = np.zeros((length_px, num_cells), np.float32)
    pixels = np.arange(length_px)
    weights[pixels, low] += 1 - share
    weights[pixels, high] += share
    return weights


def _color(heat: Cells) -> Cells:
    """Values 0..1 (h, w) to colours (h, w, 3) 0..255."""
    places = np.linspace(0, 1, len(_COLORS))
    channels = [np.interp(heat, places, _COLORS[:, channel]) for channel in range(3)]
    return np.stack(channels, axis=-1).astype(np.float32)


def _overlap(start: float, end: float, num_cells: int, low: float, high: float) -> Cells:
    """Which share of each of the cells between `start` and `end` lies between low and high."""
    edges = np.linspace(start, end, num_cells + 1)
    common = np.minimum(edges[1:], high) - np.maximum(edges[:-1], low)
    return np.clip(common / np.diff(edges), 0, 1).astype(np.float32)
