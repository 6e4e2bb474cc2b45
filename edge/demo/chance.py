"""Endless variety: a moment of a yard made up by chance, for training and for evaluation.

Knows no time and draws nothing. The same state of the generator gives the same moment.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, get_args

import numpy as np

from edge.demo.cast import MAKERS, make_held_parcel, make_parcel, make_rider
from edge.demo.grounds import random_yard
from edge.demo.world import (
    KINDS,
    Camera,
    DoorState,
    Kind,
    Light,
    Moment,
    Thing,
    Weather,
    Yard,
)
from edge.geometry import Point

Focus = Literal[Kind, "people", "text", "door", "none"]
PRESENT = 0.34  # how often a kind is there in a full scene
MAX_PEOPLE = 4


def random_moment(
    rng: np.random.Generator, *, clutter: float = 1.0, focus: Focus | None = None
) -> Moment:
    """A moment with one large thing (clutter 0) up to a full scene (clutter 1).

    `focus` makes sure that there is something to ask about: a kind, a number of people from 0 to 4,
    a text or a door large enough, or nothing at all. Raises ValueError for another word.
    """
    if focus is not None and focus not in get_args(Focus):
        raise ValueError(f"focus must be one of {', '.join(get_args(Focus))}, not {focus!r}")
    yard = random_yard(rng, clutter=clutter, focus=focus)
    light = _random_light(rng, clutter)
    things: list[Thing] = []
    for kind, num in _numbers(rng, clutter, focus).items():
        for _ in range(num):
            things += _random_thing(rng, yard, kind, clutter, light.name != "day", focus)
    if focus == "text" and not any(s.kind != "instruction" for s in yard.signs):
        things += _random_thing(rng, yard, "parcel", clutter, False, focus)
    return Moment(
        yard=yard,
        things=tuple(things),
        door=get_args(DoorState)[int(rng.integers(3))],
        light=light,
        weather=_random_weather(rng, clutter),
        camera=_random_camera(rng, clutter, focus),
        seed=int(rng.integers(2**31)),
    )


def _numbers(rng: np.random.Generator, clutter: float, focus: Focus | None) -> dict[Kind, int]:
    """How many of each kind."""
    if focus == "none":
        return {}
    numbers: dict[Kind, int] = {}
    if rng.random() < clutter or focus == "people":
        share = PRESENT * (0.35 + 0.65 * clutter)
        numbers = {kind: int(rng.random() < share) for kind in KINDS}
        numbers["person"] = 0
        if focus == "people" or rng.random() < 0.55:
            numbers["person"] = int(rng.integers(0, MAX_PEOPLE + 1))
        for kind in ("car", "parcel"):
            if numbers[kind] and rng.random() < 0.2 * clutter:
                numbers[kind] += 1
        if focus == "people" and clutter < 0.3:
            numbers = {"person": numbers["person"]}
    elif focus not in KINDS and rng.random() < 0.85:
        numbers[KINDS[int(rng.integers(len(KINDS)))]] = 1
    if focus in KINDS:
        numbers[focus] = max(1, numbers.get(focus, 0))
    return numbers


def _random_thing(
    rng: np.random.Generator,
    yard: Yard,
    kind: Kind,
    clutter: float,
    dark: bool,
    focus: Focus | None,
) -> list[Thing]:
    """The thing, and what comes with it: somebody's parcel, somebody's bicycle."""
    foot = _random_foot(rng, yard, kind)
    height = yard.height_of(kind, foot[1]) * float(rng.uniform(0.88, 1.12))
    if rng.random() > clutter * 0.9:
        height = max(height, float(rng.uniform(0.30, 0.80)) * _ROOM[kind])
        foot = (foot[0], max(foot[1], min(1.0, height * 0.75 + 0.25)))
    if kind == "parcel" and focus == "text":
        height = max(height, float(rng.uniform(0.14, 0.34)))
        return [make_parcel(rng, foot, height, yard.place_of(foot), with_text=True)]
    thing = MAKERS[kind](rng, foot, height, yard.place_of(foot))
    if kind == "car":
        return [replace(thing, lights=bool(rng.random() < (0.6 if dark else 0.1)))]
    if kind == "bicycle" and rng.random() < 0.2:
        thing = replace(thing, doing="ridden")
        return [thing, make_rider(rng, thing)]
    if kind == "person" and thing.doing != "running" and rng.random() < 0.08:
        return [thing, make_held_parcel(rng, thing)]
    return [thing]


_ROOM: dict[Kind, float] = {
    "person": 1.15,
    "car": 0.62,
    "dog": 0.66,
    "parcel": 0.52,
    "bicycle": 0.75,
    "fire": 0.85,
    "smoke": 1.0,
}  # how much of the frame's height a large one may take


def _random_foot(rng: np.random.Generator, yard: Yard, kind: Kind) -> Point:
    """Where a thing of the kind is likely to stand; now and then cut by the border."""
    low = yard.ground_y + 0.03
    if kind == "car" and yard.driveway and rng.random() < 0.6:
        return _inside(rng, yard.driveway)
    if kind in {"parcel", "person"} and yard.step is not None:
        if rng.random() < (0.35 if kind == "parcel" else 0.15):
            step = yard.step
            return float(rng.uniform(step.x1, step.x2)), step.y2 - 0.004
        if kind == "parcel" and rng.random() < 0.4:
            ground = yard.driveway if rng.random() < 0.5 else yard.path
            if ground:
                return _inside(rng, ground)
    y = low + (1.02 - low) * float(rng.random()) ** 1.6
    return float(rng.uniform(0.02, 0.98)), y


def _inside(rng: np.random.Generator, polygon: tuple[Point, ...]) -> Point:
    """A point well inside of a convex polygon, not nearer than the lower edge of the picture."""
    weights = rng.dirichlet([1.0] * len(polygon))
    x = float(sum(w * p[0] for w, p in zip(weights, polygon, strict=True)))
    y = float(sum(w * p[1] for w, p in zip(weights, polygon, strict=True)))
    return x, y


def _random_light(rng: np.random.Generator, clutter: float) -> Light:
    kind = rng.random() / (0.3 + 0.7 * clutter)
    on = bool(rng.random() < 0.5), bool(rng.random() < 0.4)
    if kind < 0.14:
        return Light("night", float(rng.uniform(0.55, 0.9)), infrared=True)
    if kind < 0.28:
        level = float(rng.uniform(0.24, 0.42))
        return Light("night", level, lamp_on=on[0], window_lit=on[1], tint=(0.86, 0.95, 1.15))
    if kind < 0.44:
        level, warm = float(rng.uniform(0.45, 0.7)), float(rng.uniform(0, 0.12))
        tint = (1.0 + warm, 0.97, 1.02 - warm)
        return Light("dusk", level, lamp_on=on[0], window_lit=on[1], tint=tint)
    sun = float(rng.uniform(-1.2, 1.2)) if rng.random() < 0.6 else 0.0
    cast = float(rng.normal(0, 0.03))
    return Light("day", float(rng.uniform(0.78, 1.15)), sun=sun, tint=(1 + cast, 1.0, 1 - cast))


def _random_weather(rng: np.random.Generator, clutter: float) -> Weather:
    rains = rng.random() < 0.18 * clutter
    strength = float(rng.uniform(0.3, 1.0)) if rains else 0.0
    return Weather(rain=strength, sway=float(rng.uniform(-1, 1)))


def _random_camera(rng: np.random.Generator, clutter: float, focus: Focus | None) -> Camera:
    bad = clutter * (0.4 if focus == "text" else 1.0)
    shifted = rng.random() < 0.06 * clutter
    return Camera(
        noise=float(rng.uniform(0.5, 2.5 + 4.5 * bad)),
        blur=float(rng.uniform(0.3, 1.2)) if rng.random() < 0.3 * bad else 0.0,
        jpeg=int(rng.integers(35, 92)) if rng.random() < 0.4 * clutter else 0,
        shift=(float(rng.uniform(-0.1, 0.1)), float(rng.uniform(-0.1, 0.1)))
        if shifted
        else (0.0, 0.0),
        turn_deg=float(rng.uniform(-6, 6)) if shifted else 0.0,
        covered=float(rng.uniform(0.15, 1.0)) if focus is None and rng.random() < 0.02 else 0.0,
    )
