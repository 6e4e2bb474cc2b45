"""Heatmap: the nouns' arithmetic, and what is drawn over a picture."""

from __future__ import annotations

import numpy as np
import pytest

from edge.errors import PictureError
from edge.geometry import FULL, Box
from edge.heatmap import AttentionMap, draw_overlay
from edge.pictures import load_picture, save_png

GREY = np.full((240, 320, 3), 120, np.uint8)


def bright(rows: int, columns: int, at: tuple[int, int], box: Box = FULL) -> AttentionMap:
    """A map with one bright cell."""
    cells = np.full((rows, columns), 0.1, np.float32)
    cells[at] = 5
    return AttentionMap("q", box, cells / cells.sum(), 0.5)


@pytest.mark.parametrize("at", [(0, 0), (2, 3), (5, 7)], ids=str)
@pytest.mark.parametrize("box", [FULL, Box(0.25, 0.5, 0.75, 1)], ids=["whole", "crop"])
def test_the_brightest_place_is_where_the_map_says(at, box):
    found = bright(6, 8, at, box)
    drawn = draw_overlay(GREY, found)
    assert drawn.shape == GREY.shape
    assert drawn.dtype == np.uint8
    y, x = np.unravel_index(drawn.astype(int).sum(axis=2).argmax(), drawn.shape[:2])
    row, column = at
    cell = Box(
        box.x1 + column * box.width / 8,
        box.y1 + row * box.height / 6,
        box.x1 + (column + 1) * box.width / 8,
        box.y1 + (row + 1) * box.height / 6,
    )
    x1, y1, x2, y2 = cell.to_px(320, 240)
    assert x1 <= x < x2
    assert y1 <= y < y2


def test_what_was_not_shown_is_dark_and_the_picture_stays():
    before = GREY.copy()
    drawn = draw_overlay(GREY, bright(2, 2, (0, 0), Box(0, 0, 0.5, 0.5)))
    assert np.array_equal(GREY, before)
    assert (drawn[130:, :] < 100).all()
    assert (drawn[:, 170:] < 100).all()
    assert np.array_equal(draw_overlay(GREY, bright(2, 2, (0, 0)), strength=0), GREY)
    with pytest.raises(ValueError, match=r"0\.\.1"):
        draw_overlay(GREY, bright(2, 2, (0, 0)), strength=2)


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (7, 5)], ids=str)
def test_pictures_smaller_than_their_map(size):
    drawn = draw_overlay(np.zeros((*size, 3), np.uint8), bright(6, 8, (1, 1)))
    assert drawn.shape == (*size, 3)


def test_shares_of_parts():
    cells = np.array([[0.5, 0.1], [0.2, 0.2]], np.float32)
    found = AttentionMap("q", Box(0.5, 0, 1, 1), cells, 0.5)
    assert found.share_in(FULL) == pytest.approx(1)
    assert found.share_in(Box(0, 0, 0.5, 1)) == 0
    assert found.share_in(Box(0.5, 0, 0.75, 0.5)) == pytest.approx(0.5)
    assert found.share_in(Box(0.625, 0.25, 0.875, 0.75)) == pytest.approx(0.25)


@pytest.mark.parametrize(
    "cells",
    [
        np.full((2, 2), 0.25),
        np.full(4, 0.25, np.float32),
        np.zeros((0, 4), np.float32),
        np.full((2, 2), 0.5, np.float32),
        np.array([[2, -1]], np.float32),
        np.full((2, 2), np.nan, np.float32),
    ],
    ids=["f64", "flat", "empty", "sum", "negative", "nan"],
)
def test_impossible_cells_are_refused(cells):
    with pytest.raises(ValueError, match="cells"):
        AttentionMap("q", FULL, cells, 0.5)


def test_a_png_comes_back_as_it_was(tmp_path):
    picture = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    save_png(picture, tmp_path / "a.png")
    assert np.array_equal(load_picture(tmp_path / "a.png"), picture)
    with pytest.raises(PictureError, match="cannot be written"):
        save_png(picture, tmp_path / "absent" / "a.png")
