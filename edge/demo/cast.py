"""Makes up single things: somebody with a coat, a car of a colour, a parcel with a text.

Where and how large they are is decided by the callers, `chance` and `story`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np

from edge.demo import palette
from edge.demo.world import Faces, Kind, Place, Thing
from edge.geometry import Point

T = TypeVar("T")
HELD_UP = 0.43  # where arms hold a parcel, in heights of the person
RIDER_M = 1.70  # from the ground to the head of somebody on a bicycle
BICYCLE_M = 1.05


def make_person(rng: np.random.Generator, foot: Point, height: float, where: Place) -> Thing:
    """Somebody who walks, stands or runs."""
    colour, look = palette.random_look(rng)
    return Thing(
        kind="person",
        doing=one_of(rng, "walking", "standing", "running", "walking", "standing"),
        foot=foot,
        height=height,
        where=where,
        faces=one_of(rng, "left", "right", "front", "back"),
        phase=float(rng.random()),
        colour=colour,
        tint=look.coat,
        look=look,
    )


def make_held_parcel(rng: np.random.Generator, person: Thing) -> Thing:
    """A parcel in somebody's arms."""
    name, tint = palette.pick(rng, palette.PARCELS)
    parcel = Thing(
        kind="parcel",
        doing="carried",
        foot=person.foot,
        height=person.height * float(rng.uniform(0.15, 0.22)),
        where="held",
        colour=name,
        tint=tint,
        style=int(rng.integers(4)),
    )
    return held_by(person, parcel)


def held_by(person: Thing, parcel: Thing) -> Thing:
    """The parcel where the person's arms are now."""
    way = {"left": -1.0, "right": 1.0}.get(person.faces, 0.0)
    return Thing(
        kind="parcel",
        doing="carried",
        foot=(person.foot[0] + way * person.height * 0.09, person.foot[1]),
        height=parcel.height,
        where="held",
        colour=parcel.colour,
        tint=parcel.tint,
        style=parcel.style,
        text=parcel.text,
        raised=person.height * HELD_UP / parcel.height,
        name=parcel.name,
    )


def make_parcel(
    rng: np.random.Generator, foot: Point, height: float, where: Place, *, with_text: bool = False
) -> Thing:
    """A parcel on the ground, in a third of cases with a printed text."""
    name, tint = palette.pick(rng, palette.PARCELS)
    text = palette.random_text(rng) if with_text or rng.random() < 0.33 else ""
    return Thing(
        kind="parcel",
        doing="lying",
        foot=foot,
        height=height,
        where=where,
        colour=name,
        tint=tint,
        style=int(rng.integers(8)),
        text=text,
    )


def make_car(rng: np.random.Generator, foot: Point, height: float, where: Place) -> Thing:
    """A car without its lights on."""
    name, tint = palette.pick(rng, palette.CARS)
    return Thing(
        kind="car",
        doing="driving" if rng.random() < 0.4 else "parked",
        foot=foot,
        height=height,
        where=where,
        faces=one_of(rng, "left", "right", "left", "right", "front", "back"),
        phase=float(rng.random()),
        colour=name,
        tint=tint,
        style=int(rng.integers(4)),
    )


def make_dog(rng: np.random.Generator, foot: Point, height: float, where: Place) -> Thing:
    """A dog that walks, runs, stands or sits."""
    name, tint = palette.pick(rng, palette.DOGS)
    return Thing(
        kind="dog",
        doing=one_of(rng, "walking", "running", "standing", "sitting"),
        foot=foot,
        height=height,
        where=where,
        faces=one_of(rng, "left", "right"),
        phase=float(rng.random()),
        colour=name,
        tint=tint,
        style=int(rng.integers(4)),
    )


def make_bicycle(rng: np.random.Generator, foot: Point, height: float, where: Place) -> Thing:
    """A bicycle that somebody left."""
    name, tint = palette.pick(rng, palette.BICYCLES)
    return Thing(
        kind="bicycle",
        doing="leaning",
        foot=foot,
        height=height,
        where=where,
        faces=one_of(rng, "left", "right"),
        phase=float(rng.random()),
        colour=name,
        tint=tint,
        style=int(rng.integers(2)),
    )


def make_rider(rng: np.random.Generator, bicycle: Thing) -> Thing:
    """Somebody who rides the bicycle."""
    coat, look = palette.random_look(rng)
    faces: Faces = bicycle.faces
    return Thing(
        kind="person",
        doing="riding",
        foot=bicycle.foot,
        height=bicycle.height * RIDER_M / BICYCLE_M,
        where=bicycle.where,
        faces=faces,
        phase=bicycle.phase,
        colour=coat,
        tint=look.coat,
        look=look,
    )


def make_fire(rng: np.random.Generator, foot: Point, height: float, where: Place) -> Thing:
    """A fire on the ground."""
    return Thing(
        kind="fire",
        doing="burning",
        foot=foot,
        height=height,
        where=where,
        phase=float(rng.random()),
        colour="orange",
        tint=(240, 104, 16),
        style=int(rng.integers(10**6)),
    )


def make_smoke(rng: np.random.Generator, foot: Point, height: float, where: Place) -> Thing:
    """A plume of smoke."""
    name, tint = palette.pick(rng, palette.SMOKES)
    return Thing(
        kind="smoke",
        doing="rising",
        foot=foot,
        height=height,
        where=where,
        phase=float(rng.random()),
        colour=name,
        tint=tint,
        style=int(rng.integers(10**6)),
    )


MAKERS: dict[Kind, Callable[[np.random.Generator, Point, float, Place], Thing]] = {
    "person": make_person,
    "car": make_car,
    "dog": make_dog,
    "parcel": make_parcel,
    "bicycle": make_bicycle,
    "fire": make_fire,
    "smoke": make_smoke,
}


def one_of(rng: np.random.Generator, *values: T) -> T:
    """One of the values, each as likely."""
    return values[int(rng.integers(len(values)))]
