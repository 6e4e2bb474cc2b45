"""Draws what belongs to a yard and is none of the things asked for: bushes, bins, posts, coats.

Some of it looks a little like a person, a parcel or a fire, on purpose. Called by `house` and
`picture`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from edge.demo.drawing.pen import Canvas, Pen, darker, mixed
from edge.demo.world import Colour, Decor, DecorKind

_REACH = (1.2, 1.2, 0.05, 1.1)
BLOSSOMS: tuple[Colour, ...] = ((222, 60, 40), (240, 150, 40), (232, 90, 150), (240, 220, 90))


def draw_decor(canvas: Canvas, decor: Decor, sway: float) -> None:
    """Draw it; leaves lean by `sway`, about -1..1."""
    width_px, height_px = canvas.size_px
    foot = decor.foot[0] * width_px, decor.foot[1] * height_px
    pen = Pen(decor.height * height_px, _REACH, foot)
    if decor.kind in {"bush", "tree", "flowers"}:
        _draw_leaves(pen, decor, sway)
    else:
        _SOLID[decor.kind](pen, decor)
    if decor.kind == "shade":
        canvas.darken(pen.sheet[..., 3] // 3, pen.corner)
    else:
        canvas.lay(pen.sheet, pen.corner, 0)


def _draw_leaves(pen: Pen, decor: Decor, sway: float) -> None:
    if decor.kind == "tree":
        pen.polygon([(-0.05, 0), (-0.03, 0.6), (0.03, 0.6), (0.05, 0)], (84, 64, 46))
    leaves, blossoms = _grow(decor.kind, decor.style, decor.tint)
    for i, (x, y, size, colour) in enumerate(leaves):
        lean = sway * 0.045 * y * (1 + 0.6 * math.sin(i))
        pen.ellipse((x + lean, y), (size * 1.2, size), colour, i * 37.0)
    for x, y, colour in blossoms:
        pen.ellipse((x + sway * 0.04 * y, y), (0.06, 0.055), colour)


@lru_cache(maxsize=64)  # the same in each picture of a scene
def _grow(
    kind: DecorKind, style: int, tint: Colour
) -> tuple[list[tuple[float, float, float, Colour]], list[tuple[float, float, Colour]]]:
    """Leaves (across, up, size, colour) and blossoms (across, up, colour) while no wind blows."""
    rng = np.random.default_rng(style)
    low, wide = 0.0, 0.5 if style % 2 else 0.34
    if kind == "tree":
        low, wide = 0.42, 0.34
    leaves, blossoms = [], []
    for _ in range(42):
        up = math.sqrt(float(rng.uniform(0, 1)))
        y = low + (1 - low) * (1 - up) * 0.92 + 0.05
        across = float(rng.uniform(-1, 1)) * wide * math.sqrt(max(0.05, up))
        shade = float(rng.uniform(0.65, 1.25))
        leaves.append((across, y, float(rng.uniform(0.05, 0.11)), darker(tint, shade)))
    if kind == "flowers":
        for _ in range(9):
            x, y = float(rng.uniform(-0.8, 0.8)) * wide, float(rng.uniform(0.3, 0.95))
            blossoms.append((x, y, BLOSSOMS[(style + int(rng.integers(2))) % len(BLOSSOMS)]))
    return leaves, blossoms


def _draw_bin(pen: Pen, decor: Decor) -> None:
    """A bin on wheels."""
    tint, dark = decor.tint, darker(decor.tint, 0.7)
    pen.polygon([(-0.26, 0.03), (-0.33, 0.86), (0.33, 0.86), (0.26, 0.03)], tint)
    pen.polygon([(-0.36, 0.86), (-0.30, 0.98), (0.34, 0.98), (0.37, 0.86)], dark)
    pen.ellipse((0.22, 0.07), (0.07, 0.07), (20, 20, 22))
    pen.line([(-0.15, 0.1), (-0.18, 0.8)], 0.015, dark)


def _draw_post(pen: Pen, decor: Decor) -> None:
    """A post with a ball or a box on it."""
    tint, dark = decor.tint, darker(decor.tint, 0.7)
    pen.polygon([(-0.06, 0), (-0.06, 0.96), (0.06, 0.96), (0.06, 0)], tint)
    if decor.style % 2:
        pen.ellipse((0, 0.93), (0.085, 0.085), dark)
    else:
        pen.polygon([(-0.14, 0.70), (-0.14, 0.94), (0.14, 0.94), (0.14, 0.70)], dark)


def _draw_mat(pen: Pen, decor: Decor) -> None:
    """A mat on the ground."""
    tint, dark = decor.tint, darker(decor.tint, 0.7)
    pen.polygon([(-1.0, 0), (-0.86, 0.55), (0.86, 0.55), (1.0, 0)], tint)
    pen.line([(-0.8, 0.14), (0.8, 0.14)], 0.06, dark)


def _draw_coats(pen: Pen, decor: Decor) -> None:
    """Two coats on a rail: clothes with nobody in them."""
    tint = decor.tint
    pen.line([(-0.7, 1.0), (0.7, 1.0)], 0.05, (90, 70, 50))
    for x, colour in ((-0.4, tint), (0.32, mixed(tint, (40, 60, 110), 0.6))):
        pen.polygon(
            [
                *((x - 0.05, 0.98), (x - 0.22, 0.82), (x - 0.26, 0.25), (x - 0.14, 0.28)),
                *((x - 0.18, 0.05), (x + 0.18, 0.05), (x + 0.14, 0.28), (x + 0.26, 0.25)),
                *((x + 0.22, 0.82), (x + 0.05, 0.98)),
            ],
            colour,
        )
        pen.line([(x, 0.9), (x, 0.1)], 0.02, darker(colour, 0.6))


def _draw_planter(pen: Pen, decor: Decor) -> None:
    """A box with plants."""
    tint, dark = decor.tint, darker(decor.tint, 0.7)
    for x in (-0.4, -0.2, 0.0, 0.2, 0.4):
        pen.ellipse((x, 0.66), (0.17, 0.26), darker((70, 118, 60), 0.8 + abs(x)))
    pen.polygon([(-0.6, 0), (-0.68, 0.48), (0.68, 0.48), (0.6, 0)], tint)
    pen.line([(-0.68, 0.46), (0.68, 0.46)], 0.07, dark)


def _draw_bench(pen: Pen, decor: Decor) -> None:
    """A bench."""
    tint = decor.tint
    for x in (-0.8, 0.8):
        pen.line([(x, 0), (x, 0.95)], 0.08, (50, 50, 52))
    for y in (0.45, 0.68, 0.88):
        pen.line([(-0.95, y), (0.95, y)], 0.10, tint)


def _draw_cone(pen: Pen, _decor: Decor) -> None:
    """A traffic cone: orange, and no fire."""
    pen.polygon([(-0.36, 0), (-0.36, 0.07), (0.36, 0.07), (0.36, 0)], (212, 84, 24))
    pen.polygon([(-0.24, 0.07), (-0.05, 1.0), (0.05, 1.0), (0.24, 0.07)], (232, 96, 30))
    pen.polygon([(-0.17, 0.40), (-0.12, 0.62), (0.12, 0.62), (0.17, 0.40)], (238, 238, 232))


def _draw_stone(pen: Pen, decor: Decor) -> None:
    """A boulder."""
    tint = decor.tint
    pen.ellipse((0, 0.42), (0.75, 0.46), tint)
    pen.ellipse((-0.12, 0.60), (0.48, 0.24), mixed(tint, (255, 255, 255), 0.18))


def _draw_fence(pen: Pen, decor: Decor) -> None:
    """A piece of fence."""
    tint, dark = decor.tint, darker(decor.tint, 0.7)
    for i in range(9):
        x = -1.1 + i * 0.275
        pen.polygon(
            [(x - 0.05, 0), (x - 0.05, 0.9), (x, 1.0), (x + 0.05, 0.9), (x + 0.05, 0)], tint
        )
    for y in (0.3, 0.7):
        pen.line([(-1.18, y), (1.18, y)], 0.06, dark)


def _draw_shade(pen: Pen, decor: Decor) -> None:
    """The shadow of something outside of the picture."""
    pen.ellipse((0, 0.10), (0.95, 0.12), (0, 0, 0), 8.0 * math.sin(decor.style))


_SOLID: dict[DecorKind, Callable[[Pen, Decor], None]] = {
    "bin": _draw_bin,
    "post": _draw_post,
    "mat": _draw_mat,
    "coats": _draw_coats,
    "planter": _draw_planter,
    "bench": _draw_bench,
    "cone": _draw_cone,
    "stone": _draw_stone,
    "fence": _draw_fence,
    "shade": _draw_shade,
}
