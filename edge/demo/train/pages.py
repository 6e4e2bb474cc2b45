"""Pages full of short texts, to learn letters from.

A yard shows a handful of characters, too few to learn forty forms from; a page shows fifty. Printed
as the scenes print theirs, under the same blur, noise and light. Knows nothing of models.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.demo import palette
from edge.demo.drawing.letters import FONTS, MARGIN, print_text, shrunk
from edge.demo.drawing.sensor import expose
from edge.demo.train.dims import TOKEN_PX
from edge.demo.train.labels import ALPHABET, MIN_LETTER_PX, NUM_SLOTS, letter_places
from edge.demo.world import Camera, Colour
from edge.frames import Image

WIDTH_PX, HEIGHT_PX = 256, 192
BATCH = 16
MAX_LETTER_PX = 40.0
MAX_LETTERS = 6
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


def endless_pages(seed: tuple[int, ...]) -> Iterator[list[Page]]:
    """Batches without end; the same seed gives the same."""
    number = 0
    while True:
        rng = np.random.default_rng((*seed, 97, number))
        yield [draw_page(rng) for _ in range(BATCH)]
        number += 1


def draw_page(rng: np.random.Generator) -> Page:
    """Texts of any size wherever there is room, on one ground."""
    columns, rows = WIDTH_PX // TOKEN_PX, HEIGHT_PX // TOKEN_PX
    picture: Image = np.empty((HEIGHT_PX, WIDTH_PX, 3), np.uint8)
    picture[:] = _paper(rng)
    letters = np.zeros((rows * columns, NUM_SLOTS), np.int64)
    taken = np.zeros((HEIGHT_PX, WIDTH_PX), np.bool_)
    for _ in range(TRIES):
        text = _text(rng)
        font = int(rng.integers(len(FONTS)))
        letter_px = float(np.exp(rng.uniform(np.log(MIN_LETTER_PX), np.log(MAX_LETTER_PX))))
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
        cells = [(row * columns + at // TOKEN_PX, at % TOKEN_PX // 8) for at in places]
        if any(letters[cell] for cell in cells):  # two lines in one token cannot be told
            continue
        taken[y : y + height_px, x : x + width_px] = True
        picture[y : y + height_px, x : x + width_px] = sheet
        for cell, character in zip(cells, text, strict=True):
            letters[cell] = ALPHABET.index(character) + 1
    return Page(_seen(rng, picture), letters)


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


def _seen(rng: np.random.Generator, picture: Image) -> Image:
    """By day or dusk, with a shadow's slope, through a camera."""
    left, right = (float(level) for level in rng.uniform(0.35, 1.05, 2))
    slope = np.linspace(left, right, WIDTH_PX, dtype=np.float32)
    lit = cv2.convertScaleAbs(picture * slope[None, :, None])
    camera = Camera(
        noise=float(rng.uniform(0, 8)),
        blur=float(rng.uniform(0, 2.2)) if rng.random() < 0.4 else 0.0,
        jpeg=int(rng.integers(40, 90)) if rng.random() < 0.3 else 0,
    )
    return expose(np.asarray(lit, np.uint8), camera, int(rng.integers(2**31)))
