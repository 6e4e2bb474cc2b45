"""Boxes and polygons as fractions of the frame: 0..1, x to the right, y down.

Pure arithmetic, no pixels of its own: whoever knows a picture's size converts with `Box.to_px`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Point = tuple[float, float]


@dataclass(frozen=True, slots=True, order=True)
class Box:
    """A rectangle x1, y1, x2, y2 as fractions of the frame.

    Raises ValueError unless 0 <= x1 < x2 <= 1 and 0 <= y1 < y2 <= 1.
    """

    x1: float
    y1: float
    x2: float
    y2: float

    def __post_init__(self) -> None:
        if not (0 <= self.x1 < self.x2 <= 1 and 0 <= self.y1 < self.y2 <= 1):
            raise ValueError(
                f"box must satisfy 0 <= x1 < x2 <= 1 and 0 <= y1 < y2 <= 1, not {self.as_tuple()}"
            )

    @property
    def width(self) -> float:
        """Share of the frame's width."""
        return self.x2 - self.x1

    @property
    def height(self) -> float:
        """Share of the frame's height."""
        return self.y2 - self.y1

    @property
    def area(self) -> float:
        """Share of the frame's area."""
        return self.width * self.height

    @property
    def center(self) -> Point:
        """The middle of the box."""
        return (self.x1 + self.x2) / 2, (self.y1 + self.y2) / 2

    def as_tuple(self) -> tuple[float, float, float, float]:
        """x1, y1, x2, y2."""
        return self.x1, self.y1, self.x2, self.y2

    def union(self, other: Box) -> Box:
        """The smallest box that holds both."""
        return Box(
            min(self.x1, other.x1),
            min(self.y1, other.y1),
            max(self.x2, other.x2),
            max(self.y2, other.y2),
        )

    def intersection(self, other: Box) -> Box | None:
        """The common part, or None where the boxes do not overlap."""
        x1, y1 = max(self.x1, other.x1), max(self.y1, other.y1)
        x2, y2 = min(self.x2, other.x2), min(self.y2, other.y2)
        return Box(x1, y1, x2, y2) if x1 < x2 and y1 < y2 else None

    def iou(self, other: Box) -> float:
        """Intersection over union, 0..1."""
        common = self.intersection(other)
        if common is None:
            return 0.0
        return common.area / (self.area + other.area - common.area)

    def expanded(self, margin: float) -> Box:
        """The box grown on every side by `margin` (share of the frame) and cut at the frame."""
        return Box(
            max(0.0, self.x1 - margin),
            max(0.0, self.y1 - margin),
            min(1.0, self.x2 + margin),
            min(1.0, self.y2 + margin),
        )

    def to_px(self, width_px: int, height_px: int) -> tuple[int, int, int, int]:
        """Whole-pixel x1, y1, x2, y2 (end exclusive) that cover the box; at least 1x1 pixel."""
        x1 = min(math.floor(self.x1 * width_px + 1e-6), width_px - 1)
        y1 = min(math.floor(self.y1 * height_px + 1e-6), height_px - 1)
        x2 = max(x1 + 1, min(math.ceil(self.x2 * width_px - 1e-6), width_px))
        y2 = max(y1 + 1, min(math.ceil(self.y2 * height_px - 1e-6), height_px))
        return x1, y1, x2, y2


FULL = Box(0.0, 0.0, 1.0, 1.0)


def union_of(boxes: Iterable[Box]) -> Box | None:
    """The smallest box that holds all of `boxes`, or None if there are none."""
    result: Box | None = None
    for box in boxes:
        result = box if result is None else result.union(box)
    return result


@dataclass(frozen=True, slots=True)
class Polygon:
    """A closed polygon of at least three points, as fractions of the frame.

    Raises ValueError for fewer points, points outside 0..1, or a polygon without area.
    """

    points: tuple[Point, ...]

    def __post_init__(self) -> None:
        if len(self.points) < 3:
            raise ValueError(f"a polygon needs at least 3 points, not {len(self.points)}")
        for x, y in self.points:
            if not (0 <= x <= 1 and 0 <= y <= 1):
                raise ValueError(f"polygon point ({x}, {y}) lies outside 0..1")
        if self.area < 1e-9:
            why = "its points lie on one line" if self._is_line() else "its sides cross each other"
            raise ValueError(f"the polygon has no area: {why}")

    @property
    def area(self) -> float:
        """Share of the frame's area (shoelace formula)."""
        return _area(self.points)

    @property
    def bounds(self) -> Box:
        """The smallest box that holds the polygon."""
        xs = [x for x, _ in self.points]
        ys = [y for _, y in self.points]
        return Box(min(xs), min(ys), max(xs), max(ys))

    def _is_line(self) -> bool:
        """Whether all points lie on one line; not so where the halves of a crossed one cancel."""
        x0, y0 = self.points[0]
        x1, y1 = max(self.points, key=lambda point: math.dist(point, (x0, y0)))
        return all(abs((x1 - x0) * (y - y0) - (x - x0) * (y1 - y0)) < 1e-6 for x, y in self.points)

    def overlaps(self, box: Box) -> bool:
        """Whether the box and the polygon share any area."""
        clipped = _clip(self.points, box)
        return len(clipped) >= 3 and _area(clipped) > 1e-9


def _clip(points: Sequence[Point], box: Box) -> Sequence[Point]:
    """Sutherland-Hodgman: the polygon cut to the box."""
    for axis, limit, keep_above in (
        (0, box.x1, True),
        (0, box.x2, False),
        (1, box.y1, True),
        (1, box.y2, False),
    ):
        kept: list[Point] = []
        for i, here in enumerate(points):
            before = points[i - 1]
            inside_here = here[axis] >= limit if keep_above else here[axis] <= limit
            inside_before = before[axis] >= limit if keep_above else before[axis] <= limit
            if inside_here != inside_before:
                t = (limit - before[axis]) / (here[axis] - before[axis])
                kept.append(
                    (before[0] + t * (here[0] - before[0]), before[1] + t * (here[1] - before[1]))
                )
            if inside_here:
                kept.append(here)
        points = kept
    return points


def _area(points: Sequence[Point]) -> float:
    following = (*points[1:], points[0])
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(points, following, strict=True))) / 2
