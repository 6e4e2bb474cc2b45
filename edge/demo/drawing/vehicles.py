"""Draws cars and bicycles, from the side, from the front or from behind.

Called by `things` with a pen whose unit is the vehicle's height.
"""

from __future__ import annotations

import math

from edge.demo.drawing.pen import Pen, darker, mixed
from edge.demo.world import Colour, Thing
from edge.geometry import Point

CAR_REACH = (1.75, 1.75, 0.05, 1.03)
BICYCLE_REACH = (0.95, 0.95, 0.03, 1.03)
GLASS: Colour = (52, 62, 74)
TYRE: Colour = (24, 24, 26)

# Outlines from behind to the front: (x as a share of the half length, y as a share of the height).
_SALOON = (
    (-1, 0.30),
    (-0.99, 0.60),
    (-0.62, 0.66),
    (-0.36, 0.98),
    (0.20, 1.0),
    (0.46, 0.66),
    (0.94, 0.56),
    (1, 0.30),
)
_HATCH = ((-1, 0.30), (-1, 0.66), (-0.80, 0.97), (0.12, 1.0), (0.48, 0.66), (0.95, 0.57), (1, 0.30))
_SUV = ((-1, 0.30), (-1, 0.70), (-0.88, 1.0), (0.26, 1.0), (0.50, 0.72), (0.97, 0.66), (1, 0.30))
_VAN = ((-1, 0.24), (-1, 1.0), (0.52, 1.0), (0.80, 0.62), (0.98, 0.52), (1, 0.24))
_SHAPES = (
    (1.50, _SALOON, ((-0.56, 0.68), (-0.33, 0.92), (0.17, 0.93), (0.38, 0.68))),
    (1.28, _HATCH, ((-0.84, 0.70), (-0.74, 0.91), (0.08, 0.93), (0.38, 0.68))),
    (1.32, _SUV, ((-0.90, 0.73), (-0.82, 0.93), (0.22, 0.93), (0.42, 0.73))),
    (1.30, _VAN, ((0.10, 0.66), (0.10, 0.90), (0.50, 0.90), (0.70, 0.66))),
)


def draw_car(pen: Pen, thing: Thing) -> None:
    """A car; `style` picks the shape, `lights` its lamps."""
    if thing.faces in {"left", "right"}:
        _draw_car_side(pen, thing)
    else:
        _draw_car_end(pen, thing)


def lamps_of(thing: Thing) -> list[Point]:
    """Where a car's headlights are, in units of its height; none are seen from behind."""
    if thing.faces == "front":
        return [(-0.43, 0.45), (0.43, 0.45)]
    if thing.faces == "back":
        return []
    half = _SHAPES[thing.style % len(_SHAPES)][0]
    return [((-0.95 if thing.faces == "left" else 0.95) * half, 0.48)]


def draw_bicycle(pen: Pen, thing: Thing) -> None:
    """A bicycle from the side; its wheels turn with `phase`."""
    way = -1.0 if thing.faces == "left" else 1.0
    back, front = (-0.52 * way, 0.335), (0.52 * way, 0.335)
    turn = 2 * math.pi * thing.phase
    for wheel in (back, front):
        for i in range(3):
            angle = turn + i * math.pi / 3
            dx, dy = 0.31 * math.cos(angle), 0.31 * math.sin(angle)
            pen.line(
                [(wheel[0] - dx, wheel[1] - dy), (wheel[0] + dx, wheel[1] + dy)],
                0.008,
                (120, 120, 124),
            )
        pen.ellipse(wheel, (0.32, 0.32), TYRE, width=0.045)
    crank, seat, head = (-0.06 * way, 0.30), (-0.20 * way, 0.80), (0.36 * way, 0.82)
    for stroke in (
        [back, crank, head],
        [back, (-0.18 * way, 0.72), head],
        [crank, seat],
        [front, head],
    ):
        pen.line(stroke, 0.045, thing.tint)
    pen.ellipse(crank, (0.07, 0.07), (60, 60, 64), width=0.025)
    pen.line([(-0.32 * way, 0.83), (-0.08 * way, 0.83)], 0.06, TYRE)
    pen.line([head, (0.33 * way, 0.97), (0.46 * way, 0.96)], 0.04, (40, 40, 42))
    if thing.style % 2:
        pen.line(
            [(0.40 * way, 0.80), (0.62 * way, 0.80), (0.58 * way, 0.62), (0.42 * way, 0.62)],
            0.03,
            (150, 120, 70),
        )


def _draw_car_side(pen: Pen, thing: Thing) -> None:
    half, outline, glass = _SHAPES[thing.style % len(_SHAPES)]
    way = -1.0 if thing.faces == "left" else 1.0

    def at(x: float, y: float) -> Point:
        return way * x * half, y

    tint = thing.tint
    pen.polygon([at(-0.97, 0.12), at(-1, 0.34), at(1, 0.34), at(0.98, 0.12)], darker(tint, 0.55))
    pen.polygon([at(x, y) for x, y in outline], tint)
    pen.polygon([at(-1, 0.52), at(-1, 0.28), at(1, 0.28), at(0.99, 0.46)], darker(tint, 0.82))
    pen.polygon([at(x, y) for x, y in glass], GLASS)
    pillar = (glass[0][0] + glass[3][0]) / 2 - 0.04
    if outline is not _VAN:
        pen.line([at(pillar, 0.68), at(pillar + 0.02, 0.93)], 0.045, tint)
    pen.line(
        [at(glass[1][0] + 0.05, 0.90), at(glass[1][0] + 0.22, 0.74)],
        0.02,
        mixed(GLASS, (255, 255, 255), 0.35),
    )
    pen.line([at(pillar, 0.66), at(pillar, 0.26)], 0.012, darker(tint, 0.5))
    pen.line([at(pillar - 0.14, 0.58), at(pillar - 0.05, 0.58)], 0.025, darker(tint, 0.45))
    turn = 2 * math.pi * thing.phase
    for x in (-0.62, 0.62):
        wheel = at(x, 0.215)
        pen.ellipse(wheel, (0.25, 0.25), darker(tint, 0.4))
        pen.ellipse(wheel, (0.215, 0.215), TYRE)
        pen.ellipse(wheel, (0.13, 0.13), (168, 170, 174))
        for i in range(3):
            angle = turn + i * math.pi / 3
            dx, dy = 0.12 * math.cos(angle), 0.12 * math.sin(angle)
            pen.line(
                [(wheel[0] - dx, wheel[1] - dy), (wheel[0] + dx, wheel[1] + dy)],
                0.025,
                (90, 92, 96),
            )
    pen.ellipse(at(0.95, 0.48), (0.055, 0.05), (255, 250, 225) if thing.lights else (205, 208, 205))
    pen.ellipse(at(-0.97, 0.52), (0.04, 0.06), (255, 40, 30) if thing.lights else (165, 30, 30))


def _draw_car_end(pen: Pen, thing: Thing) -> None:
    tint = thing.tint
    wide = 0.62
    for sign in (-1, 1):
        pen.polygon(
            [(sign * wide, 0.0), (sign * wide, 0.3), (sign * 0.42, 0.3), (sign * 0.42, 0.0)], TYRE
        )
        pen.line([(sign * 0.60, 0.66), (sign * 0.70, 0.70)], 0.07, darker(tint, 0.8))
    roof = 0.46 if thing.style % 4 < 2 else 0.53
    pen.polygon([(-0.60, 0.62), (-roof + 0.02, 0.97), (roof - 0.02, 0.97), (0.60, 0.62)], tint)
    pen.line([(-roof + 0.05, 0.97), (roof - 0.05, 0.97)], 0.05, tint)
    pen.polygon([(-0.52, 0.65), (-roof + 0.04, 0.92), (roof - 0.04, 0.92), (0.52, 0.65)], GLASS)
    pen.line([(-0.20, 0.90), (-0.34, 0.70)], 0.02, mixed(GLASS, (255, 255, 255), 0.35))
    pen.polygon(
        [(-0.64, 0.20), (-0.65, 0.56), (-0.58, 0.65), (0.58, 0.65), (0.65, 0.56), (0.64, 0.20)],
        tint,
    )
    pen.polygon([(-0.64, 0.12), (-0.65, 0.30), (0.65, 0.30), (0.64, 0.12)], darker(tint, 0.6))
    pen.polygon([(-0.17, 0.20), (-0.17, 0.30), (0.17, 0.30), (0.17, 0.20)], (232, 232, 225))
    if thing.faces == "front":
        pen.polygon([(-0.26, 0.36), (-0.28, 0.50), (0.28, 0.50), (0.26, 0.36)], darker(tint, 0.3))
        lamp: Colour = (255, 252, 235) if thing.lights else (214, 218, 216)
        for sign in (-1, 1):
            pen.ellipse((sign * 0.45, 0.45), (0.12, 0.065), lamp)
    else:
        lamp = (255, 36, 28) if thing.lights else (170, 26, 26)
        for sign in (-1, 1):
            pen.ellipse((sign * 0.53, 0.50), (0.075, 0.085), lamp)
        pen.line([(-0.4, 0.40), (0.4, 0.40)], 0.012, darker(tint, 0.5))
