"""View: the pictures that the sampler's parts derive from one frame's luma, each made once.

Knows no history. Made by the sampler for every frame it looks at and kept as a reference for later
frames; about 0.25 MB each.
"""

from __future__ import annotations

from functools import cached_property, lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.frames import Luma

Field = NDArray[np.float32]  # (h, w) float32
Edges = NDArray[np.float32]  # (2, h, w) float32

# Half the luma's width: every difference costs a quarter, sensor noise is halved, and what is 3 %
# of the width is still 5 px wide. Pictures that are hardly wider (old cameras) stay as they are.
WORK_WIDTH_PX = 160
_WORK_MAX_WIDTH_PX = 200
COARSE_WIDTH_PX = 40  # light is fitted here: 920 points at 16:9, each the mean of 64 luma pixels
EDGE_WIDTH_PX = 80  # edges of the scene, not of its noise

# A lamp instead of infrared kept 0.63 of the edges on a real corridor camera, cars on a smooth car
# park 0.59 from picture to picture; unrelated scenes agree by 0.05 at most.
KEPT_EDGES = 0.35
BLANK_ENERGY = 0.01  # 0.002 in a white-out, 0.03 to 0.5 on ordinary scenes
_BLACK, _WHITE = 6.0, 249.0  # clipped values say nothing about gain
_FLAT = 2.0  # grey levels of deviation
CELLS = (6, 4)  # wide and high, for what is told of the picture's parts
_CLEAR_CELL = 0.01  # mean squared edge weight; noise of 10 grey levels makes 0.005
_FULL_CONTRAST, _LEAST_CONTRAST = 100.0, 0.45  # grey levels from the 5th to the 95th percentile
_TEXTURE_PX = 7  # details smaller than this are texture, larger ones may be light


class View:
    """One luma picture and what is derived from it.

    `luma` is (H, W) uint8 as offered. `soft` is (h, w) float32, the luma at WORK_WIDTH_PX under a
    3x3 Gaussian, which takes white noise down to 0.38 of its deviation; `shape` is its (h, w).
    """

    def __init__(self, soft: Field, pts_s: float, luma: Luma) -> None:
        self.soft = soft
        self.shape: tuple[int, int] = soft.shape[0], soft.shape[1]
        self.pts_s = pts_s
        self.luma = luma

    @classmethod
    def of_luma(cls, luma: Luma, pts_s: float) -> View:
        """The view of a frame's luma (H, W) uint8."""
        work = luma
        if luma.shape[1] > _WORK_MAX_WIDTH_PX:
            height = max(1, round(luma.shape[0] * WORK_WIDTH_PX / luma.shape[1]))
            size = (WORK_WIDTH_PX, height)
            work = np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), np.uint8)
        return cls(cv2.GaussianBlur(work, (3, 3), 0).astype(np.float32), pts_s, luma)

    @cached_property
    def coarse(self) -> Field:
        """Area means, COARSE_WIDTH_PX wide."""
        return shrunk(self.small, COARSE_WIDTH_PX)

    @cached_property
    def small(self) -> Field:
        """Area means, EDGE_WIDTH_PX wide."""
        return shrunk(self.soft, EDGE_WIDTH_PX)

    @cached_property
    def is_graded(self) -> NDArray[np.bool_]:
        """(n,) bool, for each point of `coarse`: neither black nor white, so it tells of gain."""
        points = self.coarse.ravel()
        graded: NDArray[np.bool_] = (points > _BLACK) & (points < _WHITE)
        return graded

    @cached_property
    def contrast(self) -> float:
        """0.4..1: how far dark and bright lie apart; below 1 at night, in fog, with weak lamps."""
        ordered = np.sort(self.coarse, axis=None)
        rank = ordered.size // 20
        spread = float(ordered[-1 - rank] - ordered[rank])
        return min(1.0, max(_LEAST_CONTRAST, spread / _FULL_CONTRAST))

    @cached_property
    def texture(self) -> Field:
        """(h, w) float32: `soft` less its local mean; smooth light falls out of it."""
        return self.soft - cv2.blur(self.soft, (_TEXTURE_PX, _TEXTURE_PX))

    @cached_property
    def slopes(self) -> tuple[Field, Field]:
        """(h, w) float32 each: grey levels per pixel along x and along y."""
        along_x = cv2.Sobel(self.soft, cv2.CV_32F, 1, 0, scale=1 / 8)
        along_y = cv2.Sobel(self.soft, cv2.CV_32F, 0, 1, scale=1 / 8)
        return np.asarray(along_x, np.float32), np.asarray(along_y, np.float32)

    @cached_property
    def edges(self) -> Edges:
        """(2, h, w) float32: edge direction, weighted 0..1 by how clear the edge is.

        The weight g^2 / (g^2 + c^2) with c = 4 grey levels per pixel makes it independent of
        brightness and nearly so of contrast; noise of 10 grey levels in the luma weighs 0.07.
        """
        gx = cv2.Sobel(self.small, cv2.CV_32F, 1, 0, scale=1 / 8)
        gy = cv2.Sobel(self.small, cv2.CV_32F, 0, 1, scale=1 / 8)
        power = gx * gx + gy * gy
        weight = np.sqrt(power) / (power + 16.0)
        edges = np.empty((2, *power.shape), np.float32)
        np.multiply(gx, weight, out=edges[0])
        np.multiply(gy, weight, out=edges[1])
        return edges

    @cached_property
    def deviation(self) -> float:
        """Standard deviation of the coarse picture, in grey levels."""
        return _deviation(self.coarse)

    @cached_property
    def detail(self) -> float:
        """How sharply the picture turns from dark to bright, relative to its contrast.

        Light and fog leave it as it is; a blur of 1.5 % of the width leaves 0.4 of it, one of 2.5 %
        0.15 to 0.3, on five real scenes with noise of up to 5 grey levels.
        """
        curvature = _deviation(cv2.Laplacian(self.small, cv2.CV_32F))
        return curvature / max(1.0, self.deviation)

    @cached_property
    def edge_energy(self) -> float:
        """Mean squared edge weight, 0..1: how much structure the picture shows."""
        edges = self.edges.ravel()
        return 2 * float(np.dot(edges, edges)) / edges.size


def shrunk(picture: Field, width_px: int) -> Field:
    """The picture's area means, at most `width_px` wide."""
    height, width = picture.shape
    if width <= width_px:
        return picture
    size = (width_px, max(1, round(height * width_px / width)))
    small: Field = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(
        np.float32, copy=False
    )
    return small


def area_means(picture: Field, cells: tuple[int, int]) -> Field:
    """Means over a grid of cells (so many wide, so many high) whose borders may cut pixels.

    Two small products of matrices: for sides that are no multiples of the grid's, cv2.resize takes
    twice the time for 40x22 cells of 160x90 pixels and twenty times for 6x4, with the same result.
    """
    height, width = picture.shape
    means = _averaging(height, cells[1]) @ picture @ _averaging(width, cells[0]).T
    return np.asarray(means, np.float32)


@lru_cache(maxsize=32)
def _averaging(num_px: int, num_cells: int) -> Field:
    """(num_cells, num_px) float32: the weight of each pixel in each cell's mean."""
    borders = np.linspace(0, num_px, num_cells + 1)
    pixels = np.arange(num_px)
    ends = np.minimum(borders[1:, None], pixels + 1)
    overlap = np.maximum(ends - np.maximum(borders[:-1, None], pixels), 0)
    return np.asarray(overlap * (num_cells / num_px), np.float32)


def _deviation(picture: cv2.typing.MatLike) -> float:
    _, deviation = cv2.meanStdDev(picture)
    return float(deviation[0, 0])


def likeness(a: View, b: View) -> float:
    """Correlation of the coarse pictures, -1..1; 0 where one of them is flat."""
    if is_flat(a, b):
        return 0.0
    x, y = a.coarse - a.coarse.mean(), b.coarse - b.coarse.mean()
    return float(np.sum(x * y) / (x.size * a.deviation * b.deviation))


def is_flat(a: View, b: View) -> bool:
    """Whether one of the coarse pictures hardly varies, so that its pattern means nothing."""
    return a.deviation * b.deviation < _FLAT**2


def edge_agreement(a: View, b: View) -> float:
    """How well two pictures' edges agree, about 0 (unrelated) to 1 (same scene, any light).

    The median over 24 cells, so that a thing has to cover half of the picture to hide the scene.
    A cell without edges in both pictures has nothing to disagree about and counts as 1.
    """
    agreement, is_clear = cell_agreement(a.edges, b.edges)
    agreement[~is_clear] = 1.0
    middle = agreement.size // 2
    ordered = np.sort(agreement, axis=None)
    return float(ordered[middle - 1] + ordered[middle]) / 2


def cell_agreement(a: Edges, b: Edges) -> tuple[Field, NDArray[np.bool_]]:
    """(4, 6) each: how well edges agree in each of 24 cells, and which cells have any."""
    products, squares = a * b, a * a + b * b
    common = area_means(products[0] + products[1], CELLS)
    power = area_means(squares[0] + squares[1], CELLS)
    power *= 0.5
    agreement = np.asarray(common / np.maximum(power, _CLEAR_CELL), np.float32)
    return agreement, power > _CLEAR_CELL
