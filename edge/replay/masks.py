"""Masks for what moves by itself: from cells that changed to few polygons with few corners.

Pure geometry on a small grid. Knows no pictures; whether a mask is worth it, `tune` tries out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from edge.geometry import Point, Polygon

Cells = NDArray[np.bool_]  # (rows, columns)

# Leaves, water and flags move again and again over the whole stretch; what passes is in a cell for
# a second or two of it.
_OFTEN = 0.05  # of the pictures
_NUM_PARTS = 10
_SPREAD = 0.5  # of the parts
_MOSTLY = 0.5  # of the time, where the sampler has learned that it moves by itself
_MIN_CELLS = 3
_FULL_ENOUGH = 0.7  # of a hull that are cells to be masked; else it is cut in two
_MAX_CUTS = 3
MAX_MASKED = 0.4  # of the picture: a camera that sees little else has no use for a mask
MAX_POLYGONS = 8


def restless_cells(changed: NDArray[np.bool_], restless: NDArray[np.bool_]) -> Cells:
    """Which cells move by themselves: they change again and again, or the sampler holds them so.

    Both are (steps, rows, columns), in order of time.
    """
    if len(changed) < 2 * _NUM_PARTS:
        return np.zeros(changed.shape[1:], np.bool_)
    parts = np.array_split(changed, _NUM_PARTS)
    spread = np.mean([part.any(axis=0) for part in parts], axis=0)
    often = (changed.mean(axis=0) >= _OFTEN) & (spread >= _SPREAD)
    return np.asarray(often | (restless.mean(axis=0) >= _MOSTLY), np.bool_)


def covering_polygons(cells: Cells) -> tuple[Polygon, ...]:
    """Few convex polygons that cover the cells' larger groups and a margin of one cell."""
    groups = sorted(_groups(_grown(cells)), key=len, reverse=True)
    polygons = [
        polygon
        for group in groups
        if np.count_nonzero(cells[tuple(zip(*group, strict=True))]) >= _MIN_CELLS
        for polygon in _hulls(group, cells.shape, _MAX_CUTS)
    ]
    return tuple(polygons[:MAX_POLYGONS])


def covered_frac(polygons: Sequence[Polygon], rows: int = 90, columns: int = 160) -> float:
    """Share of the picture that lies in any of the polygons."""
    return float(covered_cells(polygons, rows, columns).mean())


def covered_cells(polygons: Iterable[Polygon], rows: int, columns: int) -> Cells:
    """(rows, columns): the cells whose middle lies in any of the polygons."""
    y, x = (np.mgrid[0:rows, 0:columns] + 0.5) / np.array([rows, columns])[:, None, None]
    covered = np.zeros((rows, columns), np.bool_)
    for polygon in polygons:
        inside = np.zeros_like(covered)
        for (x1, y1), (x2, y2) in zip(
            polygon.points, (*polygon.points[1:], polygon.points[0]), strict=True
        ):
            if y1 != y2:  # even-odd rule: count the sides to the right
                crosses = (y1 > y) != (y2 > y)
                inside ^= crosses & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
        covered |= inside
    return covered


def _grown(cells: Cells) -> Cells:
    """The cells and all around them."""
    padded = np.pad(cells, 1)
    rows, columns = cells.shape
    shifted = [padded[dy : dy + rows, dx : dx + columns] for dy in range(3) for dx in range(3)]
    return np.asarray(np.any(shifted, axis=0), np.bool_)


def _groups(cells: Cells) -> list[list[tuple[int, int]]]:
    """Connected cells, by side or corner."""
    left = {(int(row), int(column)) for row, column in np.argwhere(cells)}
    groups = []
    while left:
        todo = [left.pop()]
        group = []
        while todo:
            row, column = todo.pop()
            group.append((row, column))
            around = {(row + dy, column + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)} & left
            left -= around
            todo += around
        groups.append(group)
    return groups


def _hulls(group: list[tuple[int, int]], shape: tuple[int, ...], cuts_left: int) -> list[Polygon]:
    """The group's hull; cut in two across its longer side while it covers much besides."""
    rows, columns = shape
    corners = {(c + dx, r + dy) for r, c in group for dx in (0, 1) for dy in (0, 1)}
    polygon = Polygon(
        tuple((round(x / columns, 3), round(y / rows, 3)) for x, y in convex_hull(corners))
    )
    if cuts_left == 0 or len(group) / (rows * columns) >= _FULL_ENOUGH * polygon.area:
        return [polygon]
    ys, xs = zip(*group, strict=True)
    axis = 1 if max(xs) - min(xs) >= max(ys) - min(ys) else 0
    middle = (min(g[axis] for g in group) + max(g[axis] for g in group) + 1) / 2
    halves = (
        [cell for cell in group if cell[axis] < middle],
        [cell for cell in group if cell[axis] >= middle],
    )
    return [one for half in halves if half for one in _hulls(half, shape, cuts_left - 1)]


def convex_hull(points: Iterable[Point]) -> list[Point]:
    """Andrew's monotone chain; corners in order, none in the middle of a side."""
    ordered = sorted(set(points))

    def chain(one_way: Iterable[Point]) -> list[Point]:
        hull: list[Point] = []
        for x, y in one_way:
            while len(hull) > 1:
                (ax, ay), (bx, by) = hull[-2:]
                if (bx - ax) * (y - ay) - (by - ay) * (x - ax) > 0:
                    break
                hull.pop()
            hull.append((x, y))
        return hull[:-1]

    return chain(ordered) + chain(reversed(ordered))
