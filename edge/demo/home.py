"""The yard of the demo's story: one place, its colours and its house number by the seed.

Draws nothing. Called by `story`; `acts` knows its places.
"""

from __future__ import annotations

import textwrap

import numpy as np

from edge.demo import palette
from edge.demo.grounds import DOORS, WALLS
from edge.demo.world import Decor, Entrance, Sign, Yard
from edge.geometry import Box, Point

DOOR = Box(0.46, 0.22, 0.57, 0.60)
STEP: Point = (0.515, 0.642)  # where a visitor stands
PARCEL_SPOT: Point = (0.435, 0.652)
PARKED: Point = (0.79, 0.735)  # the middle of a parked car's wheels
SIGN_PLACE: Point = (0.17, 0.715)
_SIGN_COLUMNS = 18


def build_home(seed: int, order: str = "") -> Yard:
    """The yard; its sign bears `order` if one is given, else a word of chance."""
    rng = np.random.default_rng((seed, 1))
    lines = "\n".join(textwrap.wrap(order, _SIGN_COLUMNS))
    word = palette.random_text(rng, 4, 5)
    sign = Sign(
        text=lines or word,
        center=SIGN_PLACE,
        letter=0.032 if lines else 0.048,
        on="sign",
        kind="instruction" if lines else "word",
        font=1,
        post=True,
    )
    number = Sign(palette.house_number(rng), (0.625, 0.30), 0.042, "house", "number", font=1)
    return Yard(
        seed=seed,
        ground_y=0.60,
        horizon_y=0.05,
        tall=0.285,
        wall=palette.near(rng, WALLS[int(rng.integers(len(WALLS)))], 6),
        wall_style="brick",
        ground=palette.near(rng, (92, 122, 66), 6),
        driveway_tint=palette.near(rng, (122, 121, 120), 5),
        path_tint=palette.near(rng, (158, 152, 142), 5),
        entrance=Entrance(DOOR, DOORS[int(rng.integers(len(DOORS) - 1))], (232, 228, 218), style=0),
        step=Box(0.40, 0.60, 0.595, 0.66),
        path=((0.43, 0.66), (0.59, 0.66), (0.72, 1.0), (0.36, 1.0)),
        driveway=((0.66, 0.64), (1.0, 0.64), (1.0, 0.84), (0.60, 0.84)),
        windows=(Box(0.12, 0.14, 0.30, 0.40), Box(0.76, 0.14, 0.92, 0.38)),
        decor=(
            Decor("bush", (0.03, 0.64), 0.24, (58, 92, 48), 3),
            Decor("bush", (0.33, 0.615), 0.15, (66, 98, 52), 8),
            Decor("flowers", (0.355, 0.655), 0.075, (74, 112, 56), 5),
            Decor("bin", (0.965, 0.625), 0.19, (66, 74, 70), 0),
            Decor("tree", (-0.02, 0.78), 0.70, (52, 88, 44), 11),
        ),
        signs=(number, sign),
        lamp=(0.515, 0.165),
        texture=0.8,
    )
