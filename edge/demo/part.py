"""One thing's part in the story: where it is, and what it does, as a function of time.

A part is a row of legs, one after another; on each the thing moves evenly from place to place.
Pure. Written by `acts`, read by `story`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from edge.demo.cast import held_by
from edge.demo.world import Doing, Faces, Thing, Yard
from edge.geometry import Point

STEPS_PER_S = {"walking": 1.1, "running": 2.2, "standing": 0.0, "riding": 1.2, "sitting": 0.4}
FLAME_PER_S = 0.9
PUFF_PER_S = 0.12
WHEEL_TURNS = 6.0  # of a wheel, while its vehicle crosses the picture


@dataclass(frozen=True, slots=True)
class Leg:
    """One stretch of time. `size` and `inside` go evenly from the first to the second value."""

    from_s: float
    to_s: float
    start: Point
    end: Point
    doing: Doing
    faces: Faces = "front"
    size: tuple[float, float] = (1.0, 1.0)
    inside: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Part:
    """A thing and its legs; `scale` is its size beside the usual one of its kind.

    A thing without legs of its own at a time may be in the arms of `carriers`, each from one time
    to another.
    """

    thing: Thing
    legs: tuple[Leg, ...]
    scale: float = 1.0
    carriers: tuple[tuple[float, float, Part], ...] = ()

    def at(self, t_s: float, yard: Yard) -> Thing | None:
        """The thing at that time; None while it is not there."""
        for from_s, to_s, carrier in self.carriers:
            if from_s <= t_s < to_s:
                person = carrier.at(t_s, yard)
                return None if person is None else self._held(person, yard)
        for leg in self.legs:
            if leg.from_s <= t_s < leg.to_s:
                return self._on(leg, t_s, yard)
        return None

    def _on(self, leg: Leg, t_s: float, yard: Yard) -> Thing | None:
        way = (t_s - leg.from_s) / (leg.to_s - leg.from_s)
        (x1, y1), (x2, y2) = leg.start, leg.end
        foot = (x1 + (x2 - x1) * way, y1 + (y2 - y1) * way)
        size = self.scale * (leg.size[0] + (leg.size[1] - leg.size[0]) * way)
        inside = leg.inside[0] + (leg.inside[1] - leg.inside[0]) * way
        if size < 0.02 or inside >= 1.0:
            return None
        return replace(
            self.thing,
            doing=leg.doing,
            foot=foot,
            height=yard.height_of(self.thing.kind, foot[1]) * size,
            where=yard.place_of(foot),
            faces=leg.faces,
            phase=self._phase(leg.doing, foot, t_s),
            inside=inside,
        )

    def _held(self, person: Thing, yard: Yard) -> Thing:
        height = yard.height_of("parcel", person.foot[1]) * self.scale
        parcel = held_by(person, replace(self.thing, height=height))
        return replace(parcel, inside=person.inside)

    def _phase(self, doing: str, foot: Point, t_s: float) -> float:
        if doing == "burning":
            return t_s * FLAME_PER_S % 1.0
        if doing == "rising":
            return t_s * PUFF_PER_S % 1.0
        if doing in STEPS_PER_S:
            return t_s * STEPS_PER_S[doing] % 1.0
        return foot[0] * WHEEL_TURNS % 1.0
