"""Pages full of characters, to learn letters from: at first one in the middle of each token.

A yard shows a handful of characters, too few to learn forty forms from; a page shows fifty. Texts
of any size anywhere teach nothing to a beginner, so pages have a level, from 0, where every
character stands alike, to 1, where short texts are printed as the scenes print theirs, under the
same blur, noise and light. Knows nothing of models.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.demo import palette
from edge.demo.drawing.letters import FONTS, MARGIN, print_text, shrunk
from edge.demo.drawing.sensor import expose
from edge.demo.train.dims import TOKEN_PX
from edge.demo.train.labels import ALPHABET, NUM_SLOTS, letter_places
from edge.demo.world import Camera, Colour
from edge.frames import Image

WIDTH_PX, HEIGHT_PX = 256, 192
COLUMNS, ROWS = WIDTH_PX // TOKEN_PX, HEIGHT_PX // TOKEN_PX
SLOT_PX = TOKEN_PX // NUM_SLOTS
BATCH = 16
LEAST_PX, MAX_LETTER_PX = 13.0, 40.0  # a sign across the yard, a label before the lens
MAX_LETTERS = 6
EASY_PX = 24.0  # the height of a capital at level 0
MAX_JITTER_PX = 12.0  # how far from the middle of its token a character stands at level 1
KEPT, REPLAYS = 30, 3  # batches; and how often each is seen
TRIES = 24  # places looked for; a page has room for about half of them
PAPERS: tuple[Colour, ...] = (
    *((236, 234, 226), (245, 245, 245), (230, 190, 60), (200, 200, 200), (196, 160, 110)),
    *((30, 60, 130), (140, 30, 28), (34, 36, 40), (40, 84, 54), (150, 92, 74)),
)
LIGHT = 120  # grey of a paper from which its ink is dark


@dataclass(frozen=True, slots=True)
class Page:
    """`picture` (H, W, 3) and `letters` (N, NUM_SLOTS) as in `Labels`."""

    picture: Image
    letters: NDArray[np.int64]


class Pages:
    """Batches of pages of a seed, most of them seen several times."""

    def __init__(self, seed: tuple[int, ...]) -> None:
        self._rng = np.random.default_rng((*seed, 97))
        self._kept: list[list[Page]] = []

    def batch(self, level: float) -> list[Page]:
        """BATCH pages of this level, 0..1, or of a little before."""
        if self._kept and self._rng.integers(REPLAYS):
            return self._kept[int(self._rng.integers(len(self._kept)))]
        fresh = [draw_page(self._rng, level) for _ in range(BATCH)]
        self._kept = [*self._kept[1 - KEPT :], fresh]
        return fresh


def draw_page(rng: np.random.Generator, level: float = 1.0) -> Page:
    """Characters in rows, or, the oftener the higher the level, texts wherever there is room."""
    picture: Image = np.empty((HEIGHT_PX, WIDTH_PX, 3), np.uint8)
    picture[:] = _paper(rng)
    letters = np.zeros((ROWS * COLUMNS, NUM_SLOTS), np.int64)
    if rng.random() < level:
        _print_texts(rng, picture, letters, level)
    else:
        _print_rows(rng, picture, letters, level)
    return Page(_seen(rng, picture, level), letters)


def _print_rows(
    rng: np.random.Generator, picture: Image, letters: NDArray[np.int64], level: float
) -> None:
    """One character in each token, or none, on one paper."""
    paper = _paper(rng)
    picture[:] = paper
    ink = _ink(rng, paper)
    for cell in range(ROWS * COLUMNS):
        if rng.random() < 0.1:
            continue
        character = ALPHABET[int(rng.integers(len(ALPHABET)))]
        letter_px = float(rng.uniform(*_sizes(level)))
        sheet = shrunk(print_text(character, int(rng.integers(len(FONTS))), ink, paper), letter_px)
        # Without the paper around it, which would hide its neighbours.
        inner = max(0, round(0.8 * MARGIN * letter_px))
        sheet = sheet[inner : sheet.shape[0] - inner, inner : sheet.shape[1] - inner]
        height_px, width_px = sheet.shape[:2]
        dx, dy = rng.uniform(-MAX_JITTER_PX, MAX_JITTER_PX, 2) * level
        middle_x = (cell % COLUMNS + 0.5) * TOKEN_PX + dx
        middle_y = (cell // COLUMNS + 0.5) * TOKEN_PX + dy
        x, y = round(middle_x - width_px / 2), round(middle_y - height_px / 2)
        if x < 0 or y < 0 or x + width_px > WIDTH_PX or y + height_px > HEIGHT_PX:
            continue
        part = picture[y : y + height_px, x : x + width_px]
        blend = np.minimum if sum(paper) > sum(ink) else np.maximum
        blend(part, sheet, out=part)
        slot = int(middle_x) % TOKEN_PX // SLOT_PX
        letters[cell, slot] = ALPHABET.index(character) + 1


def _print_texts(
    rng: np.random.Generator, picture: Image, letters: NDArray[np.int64], level: float
) -> None:
    """Texts of any size wherever there is room, each on a paper of its own."""
    taken = np.zeros((HEIGHT_PX, WIDTH_PX), np.bool_)
    smallest_px, largest_px = _sizes(level)
    for _ in range(TRIES):
        text = _text(rng)
        font = int(rng.integers(len(FONTS)))
        letter_px = float(np.exp(rng.uniform(np.log(smallest_px), np.log(largest_px))))
        paper = _paper(rng)
        sheet = shrunk(print_text(text, font, _ink(rng, paper), paper), letter_px)
        height_px, width_px = sheet.shape[:2]
        if width_px > WIDTH_PX or height_px > HEIGHT_PX:
            continue
        x = int(rng.integers(WIDTH_PX - width_px + 1))
        y = int(rng.integers(HEIGHT_PX - height_px + 1))
        if taken[y : y + height_px, x : x + width_px].any():
            continue
        inner = MARGIN * letter_px
        long_px = width_px - 2 * inner
        row = int(y + height_px / 2) // TOKEN_PX
        places = [int(x + inner + share * long_px) for share in letter_places(text, font)]
        cells = [(row * COLUMNS + at // TOKEN_PX, at % TOKEN_PX // SLOT_PX) for at in places]
        if any(letters[cell] for cell in cells):  # two lines in one token cannot be told
            continue
        taken[y : y + height_px, x : x + width_px] = True
        picture[y : y + height_px, x : x + width_px] = sheet
        for cell, character in zip(cells, text, strict=True):
            letters[cell] = ALPHABET.index(character) + 1


def _sizes(level: float) -> tuple[float, float]:
    """The least and the greatest height of a capital."""
    return (
        EASY_PX + (LEAST_PX - EASY_PX) * level,
        EASY_PX + 3 + (MAX_LETTER_PX - EASY_PX - 3) * level,
    )


def _text(rng: np.random.Generator) -> str:
    num = int(rng.integers(1, MAX_LETTERS + 1))
    return "".join(ALPHABET[int(i)] for i in rng.integers(len(ALPHABET), size=num))


def _paper(rng: np.random.Generator) -> Colour:
    return palette.near(rng, PAPERS[int(rng.integers(len(PAPERS)))], 25)


def _ink(rng: np.random.Generator, paper: Colour) -> Colour:
    """Dark on light paper, light on dark."""
    is_light = sum(paper) / 3 > LIGHT
    base: Colour = (24, 26, 30) if is_light else (236, 236, 232)
    return palette.near(rng, base, 30)


def _seen(rng: np.random.Generator, picture: Image, level: float) -> Image:
    """By day or, later, dusk, with a shadow's slope, through a camera."""
    left, right = (float(share) for share in rng.uniform(0.9 - 0.55 * level, 1.05, 2))
    slope = np.linspace(left, right, WIDTH_PX, dtype=np.float32)
    lit = cv2.convertScaleAbs(picture * slope[None, :, None])
    camera = Camera(
        noise=float(rng.uniform(0, 8)) * level,
        blur=float(rng.uniform(0, 2.2)) if rng.random() < 0.4 * level else 0.0,
        jpeg=int(rng.integers(40, 90)) if rng.random() < 0.3 * level else 0,
    )
    return expose(np.asarray(lit, np.uint8), camera, int(rng.integers(2**31)))
