"""Named colours, and a little chance in each, so that no name is one exact value.

Called by whoever makes up things and places: `cast`, `acts`, `home` and `grounds`.
"""

from __future__ import annotations

import numpy as np

from edge.demo.world import Colour, Look

CARS: dict[str, Colour] = {
    "red": (178, 24, 26),
    "blue": (28, 62, 160),
    "white": (232, 232, 228),
    "black": (30, 30, 33),
    "green": (30, 110, 56),
    "yellow": (226, 190, 30),
    "grey": (128, 131, 135),
    "orange": (226, 112, 22),
}
COATS: dict[str, Colour] = {
    "red": (184, 38, 36),
    "blue": (38, 70, 152),
    "white": (226, 224, 218),
    "black": (36, 36, 40),
    "green": (40, 112, 62),
    "yellow": (220, 178, 40),
    "grey": (124, 126, 130),
    "orange": (224, 114, 34),
}
DOGS: dict[str, Colour] = {
    "brown": (122, 78, 42),
    "black": (38, 34, 33),
    "white": (224, 216, 202),
    "grey": (128, 124, 120),
}
BICYCLES: dict[str, Colour] = {k: CARS[k] for k in ("red", "blue", "black", "green", "yellow")}
PARCELS: dict[str, Colour] = {"brown": (180, 132, 80), "white": (226, 224, 216)}
SMOKES: dict[str, Colour] = {
    "grey": (126, 124, 122),
    "black": (56, 54, 54),
    "white": (206, 206, 206),
}
TROUSERS: tuple[Colour, ...] = (
    (46, 50, 66),
    (98, 86, 66),
    (34, 34, 38),
    (70, 84, 112),
    (120, 116, 108),
)
HAIR: tuple[Colour, ...] = ((38, 27, 22), (96, 66, 38), (186, 150, 92), (156, 154, 150))
SKIN: tuple[Colour, ...] = ((226, 182, 152), (205, 158, 126), (156, 108, 78), (96, 64, 46))
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
DIGITS = "0123456789"


def pick(rng: np.random.Generator, palette: dict[str, Colour]) -> tuple[str, Colour]:
    """A name, and a colour near to it."""
    name = str(rng.choice(list(palette)))
    return name, near(rng, palette[name])


def near(rng: np.random.Generator, colour: Colour, spread: float = 9.0) -> Colour:
    """A colour of the same name: a little brighter or darker, a little off."""
    shade = rng.normal(0, spread)
    red, green, blue = (
        int(np.clip(value + shade + rng.normal(0, spread * 0.4), 4, 250)) for value in colour
    )
    return red, green, blue


def random_look(rng: np.random.Generator) -> tuple[str, Look]:
    """Somebody, and the name of the coat's colour."""
    name, coat = pick(rng, COATS)
    look = Look(
        coat=coat,
        trousers=near(rng, TROUSERS[int(rng.integers(len(TROUSERS)))]),
        hair=near(rng, HAIR[int(rng.integers(len(HAIR)))], 6),
        skin=near(rng, SKIN[int(rng.integers(len(SKIN)))], 6),
        build=float(rng.uniform(0.88, 1.22)),
        hat=bool(rng.random() < 0.25),
        long_coat=bool(rng.random() < 0.25),
        bag=near(rng, (90, 70, 50), 30) if rng.random() < 0.2 else None,
    )
    return name, look


def random_text(rng: np.random.Generator, low: int = 2, high: int = 5) -> str:
    """`low` to `high` characters of A-Z and 0-9."""
    length = int(rng.integers(low, high + 1))
    return "".join(rng.choice(list(LETTERS + DIGITS), length))


def house_number(rng: np.random.Generator) -> str:
    """A number as on a house: 1 to 199, sometimes with a letter."""
    letter = str(rng.choice(list("ABCD"))) if rng.random() < 0.2 else ""
    return f"{int(rng.integers(1, 200))}{letter}"
