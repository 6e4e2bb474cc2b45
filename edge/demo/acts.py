"""The acts of the story: what each visit, car, dog or fire does in the yard of `home`.

Each act is written for a time at which it begins and returns the parts of its things and when the
door moves. Pure; put into an order by `story`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from edge.demo import cast, palette
from edge.demo.home import DOOR, PARCEL_SPOT, PARKED, STEP
from edge.demo.part import Leg, Part
from edge.demo.world import DoorState, Faces, Thing
from edge.geometry import Point

APPROACH_S = 5.0  # from the border of the picture to the door
GATE: Point = (0.54, 0.90)  # where the path begins
NEAR_Y = 0.93  # how far in front people pass
OUTSIDE = 0.12  # out of the picture: further than any walker is wide
CAR_OUTSIDE = 0.40
PARCEL_SCALE = 1.35
CAR_SCALE = 0.92
FIRE_SPOT: Point = (0.29, 0.92)


@dataclass(frozen=True, slots=True)
class Act:
    """What one act brings: parts, and the door's states from a time to another."""

    parts: tuple[Part, ...] = ()
    door: tuple[tuple[float, float, DoorState], ...] = ()


def person_of(rng: np.random.Generator, name: str) -> Thing:
    """Somebody to be given a part."""
    return replace(cast.make_person(rng, STEP, 0.3, "doorstep"), name=name)


def parcel_of(rng: np.random.Generator, name: str) -> Thing:
    """A parcel to be given a part; brown, so that it is plain to see on the step."""
    thing = cast.make_parcel(rng, PARCEL_SPOT, 0.07, "doorstep", with_text=True)
    tint = palette.near(rng, palette.PARCELS["brown"])
    return replace(thing, text=thing.text[:3], colour="brown", tint=tint, name=name)


def visit(rng: np.random.Generator, begins_s: float, stays_s: float, name: str) -> Part:
    """Somebody walks to the door, stands there and walks off; handed over in the middle."""
    legs = [*_approach(begins_s, bool(rng.integers(2)))]
    at_s = legs[-1].to_s
    legs.append(Leg(at_s, at_s + stays_s, STEP, STEP, "standing", "back"))
    legs += _leave(at_s + stays_s, STEP, bool(rng.integers(2)))
    return Part(person_of(rng, name), tuple(legs), float(rng.uniform(0.94, 1.06)))


def bring(rng: np.random.Generator, begins_s: float, taken_by: Part | None, taken_s: float) -> Act:
    """A parcel is brought; it lies on the step until `taken_s`, when `taken_by` carries it off."""
    stays_s = float(rng.uniform(4, 6))
    carrier = visit(rng, begins_s, stays_s, "carrier")
    down_s = begins_s + APPROACH_S + stays_s / 2
    lies = Leg(down_s, taken_s, PARCEL_SPOT, PARCEL_SPOT, "lying")
    carriers = [(begins_s, down_s, carrier)]
    if taken_by is not None:
        carriers.append((taken_s, taken_by.legs[-1].to_s, taken_by))
    parcel = Part(parcel_of(rng, "parcel"), (lies,), PARCEL_SCALE, tuple(carriers))
    return Act((carrier, parcel))


def take(rng: np.random.Generator, begins_s: float) -> tuple[Part, float]:
    """Who takes a parcel away, and when it is picked up."""
    stays_s = float(rng.uniform(4, 6))
    return visit(rng, begins_s, stays_s, "collector"), begins_s + APPROACH_S + stays_s / 2


def stand(rng: np.random.Generator, begins_s: float) -> Act:
    """Somebody stands at the door for a while and goes away again."""
    return Act((visit(rng, begins_s, float(rng.uniform(6, 10)), "visitor"),))


def go_in(rng: np.random.Generator, begins_s: float) -> Act:
    """Somebody comes home: the door opens, they go in, it closes."""
    legs = [*_approach(begins_s, bool(rng.integers(2)))]
    at_s = legs[-1].to_s
    inside: Point = (STEP[0], DOOR.y2 + 0.004)
    legs += [
        Leg(at_s, at_s + 2.6, STEP, STEP, "standing", "back"),
        Leg(at_s + 2.6, at_s + 4.4, STEP, inside, "walking", "back", inside=(0.0, 1.0)),
    ]
    person = Part(person_of(rng, "resident"), tuple(legs), float(rng.uniform(0.94, 1.06)))
    return Act((person,), _door(at_s + 0.8, at_s + 6.0))


def come_out(rng: np.random.Generator, begins_s: float, left_open_s: float) -> Act:
    """Somebody comes out and goes away; the door stays open, and ajar, for a while."""
    inside: Point = (STEP[0], DOOR.y2 + 0.004)
    out_s = begins_s + 3.4
    legs = [
        Leg(begins_s + 1.6, out_s, inside, STEP, "walking", "front", inside=(1.0, 0.0)),
        Leg(out_s, out_s + 2.0, STEP, STEP, "standing", "front"),
        *_leave(out_s + 2.0, STEP, bool(rng.integers(2))),
    ]
    person = Part(person_of(rng, "resident"), tuple(legs), float(rng.uniform(0.94, 1.06)))
    open_until_s = out_s + left_open_s / 2
    ajar_until_s = out_s + left_open_s
    door: tuple[tuple[float, float, DoorState], ...] = (
        (begins_s, begins_s + 0.8, "ajar"),
        (begins_s + 0.8, open_until_s, "open"),
        (open_until_s, ajar_until_s, "ajar"),
    )
    return Act((person,), door)


def park(rng: np.random.Generator, begins_s: float, leaves_s: float, *, dark: bool) -> Act:
    """A car drives in, stands on the driveway until `leaves_s`, and backs out."""
    out: Point = (1 + CAR_OUTSIDE, PARKED[1])
    slower: Point = (PARKED[0] + 0.1, PARKED[1])
    car = replace(
        cast.make_car(rng, PARKED, 0.25, "driveway"), faces="left", name="car", lights=dark
    )
    legs = (
        Leg(begins_s, begins_s + 2.2, out, slower, "driving", "left"),
        Leg(begins_s + 2.2, begins_s + 4.0, slower, PARKED, "driving", "left"),
        Leg(begins_s + 4.0, leaves_s, PARKED, PARKED, "parked", "left"),
        Leg(leaves_s, leaves_s + 4.5, PARKED, out, "driving", "left"),
    )
    return Act((Part(car, legs, CAR_SCALE),))


def sweep(begins_s: float) -> Act:
    """A car turns in front of the yard: its headlights sweep over it, it is not seen itself."""
    far, near = (2.3, PARKED[1]), (1.55, PARKED[1])
    car = Thing("car", "driving", far, 0.25, "driveway", "left", lights=True, name="passing")
    legs = (
        Leg(begins_s, begins_s + 3, far, near, "driving", "left"),
        Leg(begins_s + 3, begins_s + 6, near, far, "driving", "left"),
    )
    return Act((Part(car, legs, CAR_SCALE),))


def dog_comes(rng: np.random.Generator, begins_s: float) -> Act:
    """A dog trots in, sits down for a while and runs off."""
    from_left = bool(rng.integers(2))
    edge = _edge(from_left)
    spot: Point = (float(rng.uniform(0.30, 0.62)), float(rng.uniform(0.84, 0.90)))
    on: Faces = "right" if from_left else "left"
    dog = replace(cast.make_dog(rng, spot, 0.1, "lawn"), name="dog")
    legs = (
        Leg(begins_s, begins_s + 4, (edge, spot[1]), spot, "walking", on),
        Leg(begins_s + 4, begins_s + 15, spot, spot, "sitting", on),
        Leg(begins_s + 15, begins_s + 18, spot, (_edge(not from_left), spot[1]), "running", on),
    )
    return Act((Part(dog, legs, 1.1),))


def ride_through(rng: np.random.Generator, begins_s: float) -> Act:
    """Somebody rides a bicycle through the yard."""
    from_left = bool(rng.integers(2))
    faces: Faces = "right" if from_left else "left"
    start, end = (_edge(from_left) * 1.0, 0.90), (_edge(not from_left), 0.90)
    bicycle = cast.make_bicycle(rng, start, 0.2, "lawn")
    rider = replace(cast.make_rider(rng, bicycle), name="cyclist")
    ridden = Leg(begins_s, begins_s + 6, start, end, "ridden", faces)
    riding = Leg(begins_s, begins_s + 6, start, end, "riding", faces)
    scale = cast.RIDER_M / 1.75
    return Act(
        (Part(replace(bicycle, name="bicycle"), (ridden,)), Part(rider, (riding,), scale)),
    )


def leave_bicycle(rng: np.random.Generator, begins_s: float, stands_s: float) -> Act:
    """Somebody pushes a bicycle in, leaves it for a while, and fetches it again."""
    spot: Point = (0.24, 0.80)
    out: Point = (-0.22, 0.80)
    bicycle = cast.make_bicycle(rng, spot, 0.2, "lawn")
    person = person_of(rng, "cyclist")
    left_s, back_s = begins_s + 4, begins_s + 4 + stands_s
    behind = 0.07
    walk = [(p[0] - behind, p[1] - 0.004) for p in (out, spot)]
    legs = (
        Leg(begins_s, left_s, out, spot, "leaning", "right"),
        Leg(left_s, back_s + 2, spot, spot, "leaning", "right"),
        Leg(back_s + 2, back_s + 6, spot, out, "leaning", "right"),
    )
    steps = (
        Leg(begins_s, left_s, walk[0], walk[1], "walking", "right"),
        Leg(left_s, left_s + 1, walk[1], walk[1], "standing", "right"),
        Leg(left_s + 1, left_s + 4, walk[1], walk[0], "walking", "left"),
        Leg(back_s - 3, back_s, walk[0], walk[1], "walking", "right"),
        Leg(back_s, back_s + 2, walk[1], walk[1], "standing", "right"),
        Leg(back_s + 2, back_s + 6, walk[1], walk[0], "walking", "left"),
    )
    return Act((Part(replace(bicycle, name="bicycle"), legs), Part(person, steps)))


def group(rng: np.random.Generator, begins_s: float, num: int) -> Act:
    """Some people come one after another, stand together and go; one runs after them."""
    parts = []
    for i in range(num):
        from_left = i % 2 == 0
        spot: Point = (0.26 + 0.48 * (i + 0.5) / num, 0.88 + 0.025 * (i % 2))
        edge, in_s = _edge(from_left), begins_s + 2.5 * i
        out_s = begins_s + 14 + 2.0 * i
        on: Faces = "right" if from_left else "left"
        legs = (
            Leg(in_s, in_s + 3.5, (edge, spot[1]), spot, "walking", on),
            Leg(in_s + 3.5, out_s, spot, spot, "standing", "front"),
            Leg(out_s, out_s + 3.5, spot, (_edge(not from_left), spot[1]), "walking", on),
        )
        parts.append(Part(person_of(rng, f"guest {i + 1}"), legs, float(rng.uniform(0.92, 1.06))))
    return Act(tuple(parts))


def run_past(rng: np.random.Generator, begins_s: float) -> Act:
    """Somebody runs through the picture."""
    from_left = bool(rng.integers(2))
    start, end = (_edge(from_left), NEAR_Y), (_edge(not from_left), NEAR_Y)
    on: Faces = "right" if from_left else "left"
    leg = Leg(begins_s, begins_s + 3.2, start, end, "running", on)
    return Act((Part(person_of(rng, "runner"), (leg,)),))


def burn(rng: np.random.Generator, begins_s: float, burns_s: float) -> Act:
    """Smoke rises, fire breaks out, burns for a while and dies; the smoke clears last."""
    fire = cast.make_fire(rng, FIRE_SPOT, 0.1, "lawn")
    smoke = cast.make_smoke(rng, FIRE_SPOT, 0.1, "lawn")
    smoke = replace(smoke, colour="grey", tint=palette.near(rng, (96, 95, 94)), name="smoke")
    out_s, dies_s = begins_s + 8, begins_s + 8 + burns_s
    place: Point = (FIRE_SPOT[0], FIRE_SPOT[1] - 0.004)
    plume = (
        Leg(begins_s, out_s, place, place, "rising", size=(0.0, 1.0)),
        Leg(out_s, dies_s + 4, place, place, "rising"),
        Leg(dies_s + 4, dies_s + 10, place, place, "rising", size=(1.0, 0.0)),
    )
    flames = (
        Leg(out_s, out_s + 4, FIRE_SPOT, FIRE_SPOT, "burning", size=(0.0, 1.0)),
        Leg(out_s + 4, dies_s, FIRE_SPOT, FIRE_SPOT, "burning"),
        Leg(dies_s, dies_s + 4, FIRE_SPOT, FIRE_SPOT, "burning", size=(1.0, 0.0)),
    )
    return Act((Part(smoke, plume), Part(replace(fire, name="fire"), flames)))


def _edge(left: bool) -> float:
    return -OUTSIDE if left else 1 + OUTSIDE


def _approach(begins_s: float, from_left: bool) -> list[Leg]:
    """From the border along the front, then up the path to the door."""
    turn_s = begins_s + 0.65 * APPROACH_S
    on: Faces = "right" if from_left else "left"
    return [
        Leg(begins_s, turn_s, (_edge(from_left), NEAR_Y), GATE, "walking", on),
        Leg(turn_s, begins_s + APPROACH_S, GATE, STEP, "walking", "back"),
    ]


def _leave(begins_s: float, start: Point, to_left: bool) -> list[Leg]:
    """Down the path, then along the front out of the picture."""
    turn_s = begins_s + 0.35 * APPROACH_S
    on: Faces = "left" if to_left else "right"
    return [
        Leg(begins_s, turn_s, start, GATE, "walking", "front"),
        Leg(turn_s, begins_s + APPROACH_S, GATE, (_edge(to_left), NEAR_Y), "walking", on),
    ]


def _door(opens_s: float, closed_s: float) -> tuple[tuple[float, float, DoorState], ...]:
    """The door opens and closes again, ajar for a moment on both ways."""
    return (
        (opens_s, opens_s + 0.6, "ajar"),
        (opens_s + 0.6, closed_s - 0.6, "open"),
        (closed_s - 0.6, closed_s, "ajar"),
    )
