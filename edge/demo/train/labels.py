"""What each part of a picture shows, as numbers: exact labels for every 16x16 patch and token.

Read off the drawing, in which every pixel knows whose it is. The vision tower is trained to say
them (see `teaching`), and the language model can be trained on them in place of pictures. Knows
nothing of models or questions.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.demo.drawing.house import DOOR_OWNER, FIRST_SIGN_OWNER, FIRST_THING_OWNER
from edge.demo.drawing.letters import CAPITAL_PX, FONTS
from edge.demo.drawing.picture import Drawn
from edge.demo.drawing.sensor import COVER_OWNER
from edge.demo.train.dims import MERGE, PATCH_PX, TOKEN_PX
from edge.demo.world import KINDS, Thing, Truth

Floats = NDArray[np.float32]

COLOURS = ("red", "blue", "white", "black", "green", "yellow", "grey", "orange", "brown")
DOINGS = (
    *("standing", "walking", "running", "riding", "sitting", "lying", "carried", "leaning"),
    *("ridden", "parked", "driving"),
)
PLACES = ("doorstep", "driveway", "path", "lawn", "held")
DOORS = ("closed", "ajar", "open")
TEXTS = ("house", "sign", "parcel", "instruction")
LIGHTS = ("day", "dusk", "night")
CHANGING = ("person", "car", "parcel")

# The channels of a token's label, each 0..1. Coverage is the square root of the covered share, so
# that small things count.
CHANNELS = (
    *(f"{kind} covers" for kind in KINDS),
    *(f"{kind} centre" for kind in KINDS),
    *(f"car {colour}" for colour in COLOURS),
    *(f"thing {colour}" for colour in COLOURS),
    *(f"doing {doing}" for doing in DOINGS),
    *(f"at {place}" for place in PLACES),
    *(f"door {state}" for state in DOORS),
    *(f"text on {where}" for where in TEXTS),
    *(f"light {light}" for light in LIGHTS),
    *("infrared", "rain", "covered"),
    *(f"{kind} is new" for kind in CHANGING),
    *(f"{kind} is gone" for kind in CHANGING),
)
_INDEX = {name: i for i, name in enumerate(CHANNELS)}
_FIRST_GLOBAL = _INDEX["light day"]
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
NUM_SLOTS = TOKEN_PX // 8  # a token's characters by where their middle is, 8 px each
MIN_LETTER_PX = 7.0
# Centres count for things of which so much is visible; between the bounds it is open to doubt.
MIN_VISIBLE, DOUBTFUL_VISIBLE = 0.25, 0.08


@dataclass(frozen=True, slots=True)
class Labels:
    """Labels of a picture of N tokens, 4N patches in merge order.

    `tokens` (N, channels) 0..1, `patches` (4N, kinds + door + text) 0..1 coverage, `letters`
    (N, NUM_SLOTS) index in ALPHABET + 1 or 0 for none.
    """

    tokens: Floats
    patches: Floats
    letters: NDArray[np.int64]


NUM_PATCH_CHANNELS = len(KINDS) + 2


def label(drawn: Drawn, truth: Truth, width_px: int, height_px: int) -> Labels:
    """The labels of a drawing that is fed at a size of whole tokens. `truth` is the drawing's."""
    owner = drawn.owner
    if owner.shape != (height_px, width_px):
        owner = np.asarray(
            cv2.resize(owner, (width_px, height_px), interpolation=cv2.INTER_NEAREST), np.uint8
        )
    counts = _owners_of_patches(np.ascontiguousarray(owner))
    there = np.flatnonzero(counts.any(axis=0))  # a dozen of 256
    shares = counts[:, there].astype(np.float32) / PATCH_PX**2
    patches = np.sqrt(np.minimum(1, shares @ _patch_channels(drawn)[there]))
    by_token = shares.reshape(-1, MERGE**2, len(there)).mean(axis=1)
    tokens = np.sqrt(np.minimum(1, by_token @ _token_channels(drawn)[there]))
    _mark_centres(tokens, truth, width_px, height_px)
    tokens[:, _INDEX[f"light {truth.light}"]] = 1
    tokens[:, _INDEX["infrared"]] = truth.infrared
    tokens[:, _INDEX["rain"]] = truth.rain
    return Labels(tokens, patches, _letters(drawn, owner))


def mark_change(after: Labels, before: Labels) -> Labels:
    """The labels of the second of two pictures, with what is new in it and what is gone."""
    tokens = after.tokens.copy()
    for kind in CHANGING:
        column = _INDEX[f"{kind} covers"]
        grown = after.tokens[:, column] - before.tokens[:, column]
        tokens[:, _INDEX[f"{kind} is new"]] = np.clip(grown, 0, 1)
        tokens[:, _INDEX[f"{kind} is gone"]] = np.clip(-grown, 0, 1)
    return Labels(tokens, after.patches, after.letters)


def _owners_of_patches(owner: NDArray[np.uint8]) -> NDArray[np.int64]:
    """How many pixels of each patch are whose: (P, 256), patches in merge order."""
    places = _patch_of_pixel(*owner.shape)
    num = owner.size // PATCH_PX**2
    return np.bincount((places + owner).ravel(), minlength=num * 256).reshape(num, 256)


@lru_cache(maxsize=64)
def _patch_of_pixel(height_px: int, width_px: int) -> NDArray[np.int64]:
    """256 times the index of each pixel's patch, in merge order."""
    rows, columns = height_px // TOKEN_PX, width_px // TOKEN_PX
    order = np.arange(rows * columns * MERGE**2).reshape(rows, columns, MERGE, MERGE)
    grid = order.transpose(0, 2, 1, 3).reshape(rows * MERGE, columns * MERGE)
    return np.repeat(np.repeat(grid, PATCH_PX, 0), PATCH_PX, 1) * 256


def _patch_channels(drawn: Drawn) -> Floats:
    """Which owner counts for which channel of a patch, (256, NUM_PATCH_CHANNELS)."""
    matrix = np.zeros((256, NUM_PATCH_CHANNELS), np.float32)
    for i, thing in enumerate(drawn.moment.things):
        matrix[FIRST_THING_OWNER + i, KINDS.index(thing.kind)] = 1
    matrix[DOOR_OWNER, len(KINDS)] = 1
    matrix[FIRST_SIGN_OWNER:FIRST_THING_OWNER, len(KINDS) + 1] = 1
    return matrix


def _token_channels(drawn: Drawn) -> Floats:
    """Which owner counts for which channel of a token, (256, channels)."""
    moment = drawn.moment
    matrix = np.zeros((256, len(CHANNELS)), np.float32)
    for i, thing in enumerate(moment.things):
        for name in _channels_of(thing):
            matrix[FIRST_THING_OWNER + i, _INDEX[name]] = 1
    matrix[DOOR_OWNER, _INDEX[f"door {moment.door}"]] = 1
    for i, sign in enumerate(moment.yard.signs):
        where = "instruction" if sign.kind == "instruction" else sign.on
        matrix[FIRST_SIGN_OWNER + i, _INDEX[f"text on {where}"]] = 1
    matrix[COVER_OWNER, _INDEX["covered"]] = 1
    return matrix


def _channels_of(thing: Thing) -> list[str]:
    names = [f"{thing.kind} covers", f"at {thing.where}"]
    if thing.doing in DOINGS:
        names.append(f"doing {thing.doing}")
    if thing.colour in COLOURS:
        names.append(f"{'car' if thing.kind == 'car' else 'thing'} {thing.colour}")
    if thing.text:
        names.append("text on parcel")
    return names


def _mark_centres(tokens: Floats, truth: Truth, width_px: int, height_px: int) -> None:
    rows, columns = height_px // TOKEN_PX, width_px // TOKEN_PX
    for seen in truth.seen:
        if seen.visible < MIN_VISIBLE:
            continue
        x, y = seen.box.center
        cell = min(rows - 1, int(y * rows)) * columns + min(columns - 1, int(x * columns))
        tokens[cell, _INDEX[f"{seen.kind} centre"]] = 1


def _letters(drawn: Drawn, owner: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Where which character is printed; small texts and hidden characters are left out."""
    height_px, width_px = owner.shape
    across, down = width_px / drawn.owner.shape[1], height_px / drawn.owner.shape[0]
    rows, columns = height_px // TOKEN_PX, width_px // TOKEN_PX
    found = np.zeros((rows * columns, NUM_SLOTS), np.int64)
    for printed in sorted(drawn.printed, key=lambda p: p.text.letter_px):
        if printed.text.kind == "instruction" or printed.text.letter_px * down < MIN_LETTER_PX:
            continue
        corners = printed.corners - np.array(drawn.origin_px, np.float32)
        (x1, y1), (x2, y2) = corners.min(axis=0), corners.max(axis=0)
        y = (y1 + y2) / 2 * down
        text = printed.text.text
        for character, share in zip(
            text, letter_places(text, _font(drawn, printed.owner)), strict=True
        ):
            x = (x1 + share * (x2 - x1)) * across
            if not (0 <= x < width_px and 0 <= y < height_px):
                continue
            if character in ALPHABET and owner[int(y), int(x)] == printed.owner:
                cell = int(y) // TOKEN_PX * columns + int(x) // TOKEN_PX
                slot = int(x) % TOKEN_PX // (TOKEN_PX // NUM_SLOTS)
                found[cell, slot] = ALPHABET.index(character) + 1
    return found


def _font(drawn: Drawn, owner: int) -> int:
    if owner < FIRST_THING_OWNER:
        return drawn.moment.yard.signs[owner - FIRST_SIGN_OWNER].font
    return drawn.moment.things[owner - FIRST_THING_OWNER].style


@lru_cache(maxsize=4096)
def letter_places(text: str, font: int) -> tuple[float, ...]:
    """The middle of each character, as a share of the text's width."""
    face, thick_px = FONTS[font % len(FONTS)]
    scale = cv2.getFontScaleFromHeight(face, CAPITAL_PX, thick_px)
    ends = [0] + [
        cv2.getTextSize(text[: i + 1], face, scale, thick_px)[0][0] for i in range(len(text))
    ]
    return tuple((a + b) / 2 / ends[-1] for a, b in pairwise(ends))
