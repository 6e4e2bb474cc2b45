"""Draws people and dogs: jointed figures seen from the side, the front or behind.

Called by `things` with a pen whose unit is the figure's height.
"""

from __future__ import annotations

import math

from edge.demo.drawing.pen import Pen, darker
from edge.demo.world import Colour, Look, Thing
from edge.geometry import Point

PERSON_REACH = (0.45, 0.45, 0.03, 1.04)
DOG_REACH = (1.0, 1.0, 0.03, 1.06)
HIP, KNEE = 0.47, 0.235  # lengths of a leg and of its lower half


def draw_person(pen: Pen, thing: Thing, look: Look) -> None:
    """A figure in coat and trousers; faces left or right are seen from the side."""
    side = thing.faces in {"left", "right"}
    way = -1.0 if thing.faces == "left" else 1.0
    turn = 2 * math.pi * thing.phase
    swing, bend, lean = {
        "walking": (28.0, 22.0, 0.015),
        "running": (48.0, 75.0, 0.075),
    }.get(thing.doing, (3.0, 2.0, 0.0))
    if not side:
        swing *= 0.35
    if thing.doing == "riding":
        _draw_rider(pen, look, way, turn)
        return
    stride = math.radians(swing * abs(math.sin(turn)))
    bob = -0.85 * HIP * (1 - math.cos(stride))  # legs apart: the hip comes down
    hip: Point = (0.0, HIP + bob)
    broad = (0.075 if side else 0.115) * look.build
    shoulder: Point = (way * lean if side else 0.0, 0.80 + bob)
    arms = [(-1, math.sin(turn + math.pi)), (1, math.sin(turn))]
    far, near = arms
    _draw_arm(pen, look, shoulder, far, side, way, swing, darker(look.coat, 0.68))
    for sign in (-1, 1):
        angle_deg = math.sin(turn) * sign * swing
        lift = max(0.0, math.cos(turn) * sign) * bend
        spread = 0.0 if side else sign * 0.052 * look.build
        shade = darker(look.trousers, 0.72) if sign < 0 else look.trousers
        _draw_leg(
            pen, (hip[0] + spread, hip[1]), angle_deg, lift, way if side else sign, shade, side
        )
    hem = (0.28 if look.long_coat else 0.43) + bob
    pen.polygon(
        [
            (shoulder[0] - broad, shoulder[1] + 0.01),
            (shoulder[0] + broad, shoulder[1] + 0.01),
            (hip[0] + broad * 0.92, hem),
            (hip[0] - broad * 0.92, hem),
        ],
        look.coat,
    )
    pen.ellipse(shoulder, (broad, 0.035), look.coat)
    if look.bag is not None:
        _draw_bag(pen, look.bag, shoulder, broad, side, way, thing.faces)
    _draw_arm(pen, look, shoulder, near, side, way, swing, darker(look.coat, 0.82))
    _draw_head(
        pen, look, (shoulder[0] + (way * lean * 0.7 if side else 0), 0.905 + bob), thing, way
    )


def draw_dog(pen: Pen, thing: Thing) -> None:
    """A dog from the side, walking, running, standing or sitting."""
    way = -1.0 if thing.faces == "left" else 1.0
    coat, dark = thing.tint, darker(thing.tint, 0.65)
    turn = 2 * math.pi * thing.phase
    swing = {"walking": 0.14, "running": 0.30}.get(thing.doing, 0.015)
    ear_up = thing.style % 2 == 0

    def at(x: float, y: float) -> Point:
        return way * x, y

    if thing.doing == "sitting":
        pen.line([at(-0.30, 0.06), at(-0.52, 0.12), at(-0.60, 0.26)], 0.07, dark)
        pen.ellipse(at(-0.16, 0.20), (0.24, 0.20), coat)
        pen.polygon([at(-0.34, 0.20), at(0.02, 0.66), at(0.20, 0.62), at(0.12, 0.10)], coat)
        pen.line([at(0.12, 0.52), at(0.16, 0.03), at(0.22, 0.02)], 0.09, dark)
        pen.line([at(-0.12, 0.10), at(0.06, 0.03)], 0.09, dark)
        neck = (0.14, 0.66)
    else:
        for x, sign in ((-0.42, -1), (0.34, 1)):
            step = math.sin(turn) * swing * sign
            pen.line(
                [at(x + 0.03, 0.42), at(x - step * 0.4, 0.22), at(x - step, 0.03)], 0.085, dark
            )
        wag = 0.10 * math.sin(3 * turn)
        pen.line([at(-0.50, 0.60), at(-0.70, 0.74 + wag), at(-0.82, 0.86 + wag)], 0.07, coat)
        pen.ellipse(at(-0.02, 0.54), (0.52, 0.165), coat)
        pen.ellipse(at(0.28, 0.56), (0.22, 0.20), coat)
        for x, sign in ((-0.44, 1), (0.30, -1)):
            step = math.sin(turn) * swing * sign
            pen.line([at(x, 0.46), at(x - step * 0.4 - 0.02, 0.22), at(x - step, 0.03)], 0.10, coat)
        neck = (0.40, 0.66)
    x, y = neck
    pen.line([at(x - 0.06, y - 0.02), at(x + 0.12, y + 0.16)], 0.20, coat)
    pen.ellipse(at(x + 0.16, y + 0.19), (0.155, 0.135), coat)
    pen.polygon(
        [
            at(x + 0.18, y + 0.26),
            at(x + 0.44, y + 0.17),
            at(x + 0.43, y + 0.08),
            at(x + 0.16, y + 0.06),
        ],
        coat,
    )
    pen.ellipse(at(x + 0.43, y + 0.15), (0.035, 0.032), (20, 18, 18))
    pen.ellipse(at(x + 0.22, y + 0.235), (0.02, 0.02), (15, 12, 12))
    if ear_up:
        pen.polygon([at(x + 0.02, y + 0.26), at(x + 0.06, y + 0.40), at(x + 0.15, y + 0.30)], dark)
    else:
        pen.polygon(
            [
                at(x + 0.03, y + 0.30),
                at(x - 0.03, y + 0.05),
                at(x + 0.08, y + 0.02),
                at(x + 0.13, y + 0.29),
            ],
            dark,
        )
    if thing.style >= 2:
        pen.line([at(x - 0.04, y + 0.05), at(x + 0.06, y - 0.05)], 0.05, (200, 40, 40))


def _draw_leg(
    pen: Pen, hip: Point, angle_deg: float, bend_deg: float, way: float, colour: Colour, side: bool
) -> None:
    thigh = math.radians(angle_deg + bend_deg * 0.45)
    shin = math.radians(angle_deg - bend_deg * 0.75)
    reach = way if side else way * 0.12
    upper, lower = hip[1] - KNEE, KNEE - 0.02
    knee = (hip[0] + reach * math.sin(thigh) * upper, hip[1] - math.cos(thigh) * upper)
    foot = (knee[0] + reach * math.sin(shin) * lower, knee[1] - math.cos(shin) * lower)
    pen.line([hip, knee], 0.092, colour)
    pen.line([knee, foot], 0.074, colour)
    toe = (foot[0] + (way * 0.055 if side else 0.012 * way), max(0.012, foot[1] - 0.004))
    pen.line([(foot[0], max(0.014, foot[1])), toe], 0.042, (28, 26, 26))


def _draw_arm(
    pen: Pen,
    look: Look,
    shoulder: Point,
    arm: tuple[int, float],
    side: bool,
    way: float,
    swing_deg: float,
    colour: Colour,
) -> None:
    sign, wave = arm
    spread = 0.0 if side else sign * 0.112 * look.build
    start = (shoulder[0] + spread, shoulder[1] - 0.015)
    upper = math.radians(wave * swing_deg * 0.9)
    fore = upper + math.radians(85.0 if swing_deg > 40 else 14.0)
    reach = way if side else 0.15 * sign
    out = 0.0 if side else sign * 0.025
    elbow = (start[0] + reach * math.sin(upper) * 0.17 + out, start[1] - math.cos(upper) * 0.17)
    hand = (elbow[0] + reach * math.sin(fore) * 0.16, elbow[1] - math.cos(fore) * 0.16)
    pen.line([start, elbow, hand], 0.062, colour)
    pen.ellipse(hand, (0.03, 0.03), look.skin)


def _draw_bag(
    pen: Pen, colour: Colour, shoulder: Point, broad: float, side: bool, way: float, faces: str
) -> None:
    if side:
        pen.ellipse((shoulder[0] - way * (broad + 0.03), 0.66), (0.055, 0.12), colour)
    elif faces == "back":
        pen.ellipse((shoulder[0], 0.66), (broad * 0.75, 0.125), colour)
    else:
        for sign in (-1, 1):
            pen.line([(sign * broad * 0.6, 0.81), (sign * broad * 0.55, 0.62)], 0.022, colour)


def _draw_head(pen: Pen, look: Look, center: Point, thing: Thing, way: float) -> None:
    x, y = center
    pen.line([(x, y - 0.09), (x, y - 0.03)], 0.06, darker(look.skin, 0.85))
    if thing.faces == "back":
        pen.ellipse((x, y + 0.005), (0.062, 0.078), look.hair)
    elif thing.faces == "front":
        pen.ellipse((x, y + 0.018), (0.064, 0.074), look.hair)
        pen.ellipse((x, y - 0.006), (0.053, 0.064), look.skin)
        for sign in (-1, 1):
            pen.ellipse((x + sign * 0.021, y + 0.004), (0.007, 0.007), (30, 24, 22))
    else:
        pen.ellipse((x - way * 0.012, y + 0.014), (0.066, 0.074), look.hair)
        pen.ellipse((x + way * 0.014, y - 0.006), (0.05, 0.062), look.skin)
    if look.hat:
        hat = darker(look.coat, 0.55)
        pen.polygon(
            [
                (x - 0.068, y + 0.03),
                (x - 0.05, y + 0.092),
                (x + 0.05, y + 0.092),
                (x + 0.068, y + 0.03),
            ],
            hat,
        )


def _draw_rider(pen: Pen, look: Look, way: float, turn: float) -> None:
    """Somebody on a saddle; the bicycle itself is another thing, drawn before."""
    for sign in (-1, 1):
        shade = darker(look.trousers, 0.72) if sign < 0 else look.trousers
        pedal = (
            way * 0.03 + 0.075 * math.cos(turn) * sign * way,
            0.17 + 0.075 * math.sin(turn) * sign,
        )
        knee = (way * (0.13 + 0.03 * math.cos(turn) * sign), 0.40 + 0.05 * math.sin(turn) * sign)
        pen.line([(-way * 0.09, 0.54), knee, pedal], 0.085, shade)
    shoulder = (way * 0.07, 0.86)
    pen.line([(-way * 0.09, 0.56), shoulder], 0.17 * look.build, look.coat)
    pen.line([shoulder, (way * 0.17, 0.70), (way * 0.27, 0.63)], 0.06, darker(look.coat, 0.8))
    pen.ellipse((way * 0.27, 0.63), (0.03, 0.03), look.skin)
    x, y = way * 0.11, 0.975
    pen.ellipse((x - way * 0.01, y), (0.062, 0.062), look.hair)
    pen.ellipse((x + way * 0.014, y - 0.014), (0.048, 0.052), look.skin)
