"""What happens in the demo's yard, and when: a pure function of seed and time.

Knows nothing of pixels or clocks. Visits come one after another for ever, in turns of three:
somebody brings a parcel, somebody takes it away, somebody only stands at the door. Drawn by
`drawing`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from edge.geometry import Box, Point

TURN_S = 40.0  # one visit in each; the yard is quiet for the rest of it
FIRST_VISIT_S = 6.0  # quiet at the start of each turn, at least
WALK_S = 5.0  # from the edge of the picture to the door

DOOR = Box(0.46, 0.22, 0.57, 0.60)
STEP: Point = (0.515, 0.64)  # the middle of the doorstep
PARCEL_SPOT: Point = (0.60, 0.655)  # bottom middle of a parcel that was put down
PARCEL_SIZE = (0.06, 0.075)

Kind = Literal["person", "parcel"]
Doing = Literal["walking", "standing", "lying", "carried"]


@dataclass(frozen=True, slots=True)
class Look:
    """How a visitor looks. Colours are (R, G, B), 0..255; `height` is a share of the usual one."""

    coat: tuple[int, int, int]
    trousers: tuple[int, int, int]
    hair: tuple[int, int, int]
    height: float


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing in the yard at one moment.

    `box` is the visible part, `foot` the bottom middle and `height` the full height, as fractions
    of the frame and possibly outside of it. `stride` 0..1 is the phase of a walker's step.
    """

    kind: Kind
    doing: Doing
    box: Box
    foot: Point
    height: float
    stride: float = 0.0
    look: Look | None = None


@dataclass(frozen=True, slots=True)
class _Visit:
    begins_s: float
    stays_s: float
    errand: Literal["bring", "take", "stand"]
    from_left: bool
    to_left: bool
    look: Look

    @property
    def handover_s(self) -> float:
        """When the parcel is put down or picked up."""
        return self.begins_s + WALK_S + self.stays_s / 2

    @property
    def leaves_s(self) -> float:
        """When the visitor turns to go."""
        return self.begins_s + WALK_S + self.stays_s


def things_at(seed: int, t_s: float) -> list[Thing]:
    """What can be seen at `t_s` >= 0 seconds, in the order in which it is to be drawn."""
    turn = int(t_s // TURN_S)
    visit = _visit(seed, turn)
    things = []
    if (visit.errand == "bring" and t_s >= visit.handover_s) or (
        visit.errand == "take" and t_s < visit.handover_s
    ):
        things.append(_thing("parcel", "lying", PARCEL_SPOT, PARCEL_SIZE[1], PARCEL_SIZE[0]))
    person = _visitor_at(visit, t_s)
    if person is None:
        return things
    things.append(person)
    things.sort(key=lambda thing: thing.foot[1])
    carries = t_s < visit.handover_s if visit.errand == "bring" else t_s >= visit.handover_s
    x, y = person.foot
    if carries and visit.errand != "stand" and 0 < x < 1:
        scale = person.height / _height_at(STEP[1])
        held = (x, y - person.height * 0.42)
        size = PARCEL_SIZE[1] * scale, PARCEL_SIZE[0] * scale
        things.append(_thing("parcel", "carried", held, *size))
    return things


def _visit(seed: int, turn: int) -> _Visit:
    rng = np.random.default_rng((seed, turn))
    coats = ((178, 44, 40), (36, 66, 140), (44, 108, 60), (206, 160, 44), (60, 60, 66))
    look = Look(
        coat=coats[rng.integers(len(coats))],
        trousers=((44, 46, 58), (96, 84, 66), (30, 30, 34))[rng.integers(3)],
        hair=((40, 28, 22), (120, 88, 50), (150, 150, 150))[rng.integers(3)],
        height=float(rng.uniform(0.9, 1.08)),
    )
    return _Visit(
        begins_s=turn * TURN_S + FIRST_VISIT_S + float(rng.uniform(0, 4)),
        stays_s=float(rng.uniform(4, 8)),
        errand=("bring", "take", "stand")[turn % 3],
        from_left=bool(rng.integers(2)),
        to_left=bool(rng.integers(2)),
        look=look,
    )


def _visitor_at(visit: _Visit, t_s: float) -> Thing | None:
    if not visit.begins_s <= t_s < visit.leaves_s + WALK_S:
        return None
    if t_s < visit.begins_s + WALK_S:
        way, edge_x = (t_s - visit.begins_s) / WALK_S, -0.1 if visit.from_left else 1.1
    elif t_s < visit.leaves_s:
        way, edge_x = 1.0, 0.0
    else:
        way, edge_x = 1 - (t_s - visit.leaves_s) / WALK_S, -0.1 if visit.to_left else 1.1
    foot = (edge_x + (STEP[0] - edge_x) * way, 0.93 + (STEP[1] - 0.93) * way)
    height = _height_at(foot[1]) * visit.look.height
    doing: Doing = "standing" if way == 1.0 else "walking"
    width = height * 0.24
    if not -width / 2 < foot[0] < 1 + width / 2:
        return None
    stride = 0.0 if doing == "standing" else (t_s * 1.6) % 1.0
    return _thing("person", doing, foot, height, width, stride, visit.look)


def _height_at(foot_y: float) -> float:
    """How tall a person looks whose feet are at `foot_y`."""
    return 0.34 + (foot_y - STEP[1]) * 0.75


def _thing(
    kind: Kind,
    doing: Doing,
    foot: Point,
    height: float,
    width: float,
    stride: float = 0.0,
    look: Look | None = None,
) -> Thing:
    x, y = foot
    left, right = max(0.0, x - width / 2), min(1.0, x + width / 2)
    box = Box(left, max(0.0, y - height), right, min(1.0, y))
    return Thing(kind, doing, box, foot, height, stride, look)
