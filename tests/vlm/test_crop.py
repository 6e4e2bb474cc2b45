"""Which pixels are fed: crops around boxes at native resolution, sizes in whole tokens."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import PictureError
from edge.geometry import Box
from edge.vlm.crop import SizeRules, choose_crop, fitted_size
from edge.vlm.layout import PixelRules, VisionDims
from edge.vlm.pixels import cut
from edge.vlm.vision import build_patches, position_indices, rotary_angles

RULES = SizeRules(token_px=32, min_pixels=65536, max_pixels=230400)
DIMS = VisionDims(64, 128, 2, 4, 3, 16, 2, 2, 8, 64, 1)
PLAIN = PixelRules(1, 10**9, 1 / 255, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


@pytest.mark.parametrize(
    ("size", "fed"),
    [
        ((640, 352), (640, 352)),
        ((640, 360), (640, 352)),
        ((1920, 1080), (640, 352)),
        ((3840, 2160), (640, 352)),
        ((1080, 1920), (352, 640)),
        ((320, 240), (320, 256)),
        ((64, 64), (256, 256)),
        ((1, 1), (256, 256)),
        ((6400, 32), (6400, 32)),
        ((100_000, 500), (6784, 32)),
    ],
    ids=str,
)
def test_fitted_size(size, fed):
    assert fitted_size(*size, RULES) == fed


def test_without_boxes_the_whole_picture_is_fed():
    crop = choose_crop(1920, 1080, (), 0.15, RULES)
    assert (crop.x1, crop.y1, crop.x2, crop.y2) == (0, 0, 1920, 1080)
    assert not crop.is_native


@pytest.mark.parametrize(
    "box",
    [
        Box(0.5, 0.4, 0.55, 0.6),
        Box(0, 0, 0.02, 0.02),
        Box(0.97, 0.9, 1, 1),
        Box(0.2, 0.5, 0.4, 0.52),
    ],
    ids=["middle", "top left", "bottom right", "flat"],
)
def test_a_small_box_is_fed_at_native_resolution(box):
    crop = choose_crop(1920, 1080, (box,), 0.15, RULES)
    assert crop.is_native
    assert crop.width_px * crop.height_px >= RULES.min_pixels
    x1, y1, x2, y2 = box.to_px(1920, 1080)
    assert crop.x1 <= x1 < x2 <= crop.x2
    assert crop.y1 <= y1 < y2 <= crop.y2


def test_all_boxes_are_in_the_crop():
    boxes = (Box(0.4, 0.4, 0.45, 0.5), Box(0.5, 0.5, 0.55, 0.6))
    view = choose_crop(1920, 1080, boxes, 0.15, RULES).view(1920, 1080)
    for box in boxes:
        assert view.box.intersection(box) == box


def test_the_margin_widens_the_crop():
    box = Box(0.3, 0.3, 0.5, 0.6)
    narrow = choose_crop(1920, 1080, (box,), 0.0, RULES)
    wide = choose_crop(1920, 1080, (box,), 0.15, RULES)
    assert narrow.x2 - narrow.x1 == 384
    assert wide.x2 - wide.x1 == 512  # 384 * 1.3 = 499.2, in whole tokens


def test_a_crop_above_the_budget_is_scaled_down():
    crop = choose_crop(3840, 2160, (Box(0.1, 0.1, 0.6, 0.8),), 0.0, RULES)
    assert not crop.is_native
    assert crop.width_px * crop.height_px <= RULES.max_pixels


def test_a_small_picture_is_scaled_up_only_to_the_minimum():
    crop = choose_crop(200, 100, (Box(0.4, 0.4, 0.6, 0.6),), 0.15, RULES)
    assert RULES.min_pixels <= crop.width_px * crop.height_px < 2 * RULES.min_pixels


def test_boxes_beyond_the_last_whole_token_take_the_side_as_it_is():
    crop = choose_crop(600, 1080, (Box(0.4, 0, 0.6, 1),), 0.0, RULES)
    assert (crop.y1, crop.y2) == (0, 1080)


@pytest.mark.parametrize("size", [(20_000, 20), (20, 20_000), (201, 1)], ids=str)
def test_pictures_like_a_thread_are_refused(size):
    with pytest.raises(PictureError, match="at most 200 times the other"):
        choose_crop(*size, (), 0.15, RULES)


fractions = st.floats(0, 0.99)


@given(
    width=st.integers(1, 5000),
    height=st.integers(1, 5000),
    corner=st.tuples(fractions, fractions),
    extent=st.tuples(st.floats(0.001, 1), st.floats(0.001, 1)),
    margin=st.floats(0, 2),
    rest=st.none() | st.integers(0, 300),
)
def test_every_crop_is_possible(width, height, corner, extent, margin, rest):
    if max(width, height) > 200 * min(width, height):
        return
    x, y = corner
    box = Box(x, y, min(1, x + extent[0] + 1e-3), min(1, y + extent[1] + 1e-3))
    rules = replace(RULES, rest_tokens=rest)
    crop = choose_crop(width, height, (box,), margin, rules)
    assert 0 <= crop.x1 < crop.x2 <= width
    assert 0 <= crop.y1 < crop.y2 <= height
    assert crop.width_px % 32 == crop.height_px % 32 == 0
    assert crop.width_px * crop.height_px <= RULES.max_pixels
    x1, y1, x2, y2 = box.to_px(width, height)
    assert crop.x1 <= x1
    assert crop.y1 <= y1
    assert x2 <= crop.x2
    assert y2 <= crop.y2
    crop.view(width, height)


BLOCKS = SizeRules(token_px=32, min_pixels=16384, max_pixels=230400, rest_tokens=14)


@pytest.mark.parametrize(
    ("rest", "tokens"), [(14, 50), (1, 63), (30, 34), (32, 32), (33, 95), (64, 64), (78, 50)]
)
def test_the_room_that_the_rest_leaves(rest, tokens):
    assert replace(BLOCKS, rest_tokens=rest).room_pixels == tokens * 1024


def test_the_room_is_within_the_budget():
    assert replace(BLOCKS, max_pixels=20 * 1024).room_pixels == 20 * 1024


def test_a_small_crop_fills_the_block_and_no_more():
    crop = choose_crop(1920, 1080, (Box(0.5, 0.5, 0.52, 0.53),), 0.15, BLOCKS)
    assert crop.is_native
    assert crop.num_tokens(32) == 49  # 7x7 of a room for 50


def test_a_margin_is_given_up_to_save_a_block():
    box = Box(0.5, 0.5, 0.5 + 190 / 1920, 0.5 + 220 / 1080)  # 6x7 tokens; with margins 8x9 = 72
    wide = choose_crop(1920, 1080, (box,), 0.15, RULES)
    assert wide.num_tokens(32) == 72
    small = choose_crop(1920, 1080, (box,), 0.1, BLOCKS)  # 8x9 too
    assert (
        choose_crop(1920, 1080, (box,), 0.1, replace(BLOCKS, rest_tokens=None)).num_tokens(32) > 50
    )
    assert small.is_native
    assert small.num_tokens(32) + 14 <= 64 or small.num_tokens(32) == 72


def test_native_pixels_are_not_given_up_for_a_block():
    assert choose_crop(256, 224, (), 0.15, BLOCKS).is_native  # 56 + 14 = 70 tokens
    box = Box(0.5, 0.5, 0.5 + 250 / 1920, 0.5 + 220 / 1080)
    assert choose_crop(1920, 1080, (box,), 0.0, BLOCKS).num_tokens(32) == 56


def test_what_is_scaled_anyway_is_scaled_into_the_block():
    rules = replace(BLOCKS, rest_tokens=45)  # 220 + 45 = 265
    crop = choose_crop(1920, 1080, (), 0.15, rules)
    assert 256 - 45 - 22 < crop.num_tokens(32) <= 256 - 45
    assert choose_crop(1920, 1080, (), 0.15, BLOCKS).num_tokens(32) == 220  # 42 above: not worth it


@pytest.mark.parametrize("size", [(64, 64), (1, 1), (200, 20), (30, 150)], ids=str)
def test_small_pictures_are_enlarged_to_the_minimum_only(size):
    crop = choose_crop(*size, (), 0.15, BLOCKS)
    assert 16384 <= crop.width_px * crop.height_px < 2 * 16384


def test_a_picture_of_its_own_size_is_fed_as_it_is():
    assert choose_crop(256, 192, (), 0.15, BLOCKS).is_native
    assert choose_crop(160, 128, (), 0.15, BLOCKS).is_native


def test_cut_does_not_touch_native_pixels():
    image = np.random.default_rng(0).integers(0, 256, (1080, 1920, 3), dtype=np.uint8)
    crop = choose_crop(1920, 1080, (Box(0.5, 0.5, 0.55, 0.6),), 0.15, RULES)
    part = cut(image, crop)
    assert np.shares_memory(part, image)
    assert part.shape == (crop.height_px, crop.width_px, 3)


def test_patches_are_ordered_by_merge_block():
    """A picture whose pixels name their patch: the first four patches are one 2x2 block."""
    rows, columns = 4, 6
    names = np.arange(rows * columns, dtype=np.uint8).reshape(rows, columns)
    image = np.repeat(np.repeat(names, 16, axis=0), 16, axis=1)[:, :, None].repeat(3, axis=2)
    patches = build_patches([image], DIMS, PLAIN)
    assert patches.shape == (24, 3 * 2 * 16 * 16)
    seen = np.rint((patches[:, 0] + 1) * 127.5).astype(int).tolist()
    assert seen[:8] == [0, 1, 6, 7, 2, 3, 8, 9]
    assert (patches == patches[:, :1]).all()


def test_a_clip_puts_its_frames_into_the_time_axis():
    dark, light = np.zeros((32, 32, 3), np.uint8), np.full((32, 32, 3), 255, np.uint8)
    patches = build_patches([dark, light], DIMS, PLAIN).reshape(4, 3, 2, 16, 16)
    assert (patches[:, :, 0] == -1).all()
    assert (patches[:, :, 1] == 1).all()


def test_positions_of_a_full_grid_are_the_table_itself():
    indices, weights = position_indices(8, 8, 8, 1)
    assert np.array_equal(indices[0], np.arange(64))
    assert np.array_equal(weights[0], np.ones(64))
    assert not weights[1:].any()


def test_positions_between_the_grid_are_mixed():
    _, weights = position_indices(4, 6, 8, 2)
    assert np.allclose(weights.sum(axis=0), 1)
    indices, weights = position_indices(1, 3, 8, 1)
    assert indices[:2, 1].tolist() == [3, 4]  # the middle of 0..7
    assert weights[:, 1].tolist() == [0.5, 0.5, 0, 0]


def test_rotary_angles():
    angles = rotary_angles(4, 4, 16, 2)
    assert angles.shape == (16, 8)
    assert angles[3].tolist() == pytest.approx([1, 0.1, 0.01, 0.001] * 2)  # row 1, column 1
    assert angles[4, 4] == 2  # the second block begins in column 2
