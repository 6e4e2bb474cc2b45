"""Pictures to learn from: cut as the engine cuts them, labelled by whose each pixel is."""

from __future__ import annotations

import importlib.util
import itertools
from dataclasses import replace

import numpy as np
import pytest

if importlib.util.find_spec("torch") is None:
    pytest.skip("torch is not installed (extra `train`)", allow_module_level=True)

from edge.demo.chance import random_moment
from edge.demo.drawing import draw
from edge.demo.train import labels as lb
from edge.demo.train.asking import shown_of
from edge.demo.train.facts import Facts
from edge.demo.train.teaching import target_of
from edge.demo.train.views import (
    BATCH_TOKENS,
    MAX_BATCH,
    Mixture,
    draw_views,
    endless_batches,
    endless_views,
    moment_before,
    view_of,
)
from edge.demo.world import KINDS, Seen, Truth
from edge.geometry import Box
from edge.vlm.crop import Crop

WHOLE = Crop(0, 0, 640, 352, 640, 352)


def drawn(seed: int, **wanted):
    return draw(random_moment(np.random.default_rng(seed), **wanted), 640, 352)


@pytest.mark.parametrize("kind", KINDS)
def test_labels_cover_what_is_drawn(kind):
    picture = drawn(1, clutter=0.0, focus=kind)
    found = lb.label(picture, picture.truth, 640, 352)
    seen = next(s for s in picture.truth.seen if s.kind == kind)
    column = KINDS.index(kind)
    grid = found.tokens[:, column].reshape(11, 20)
    rows, columns = np.nonzero(grid > 0)
    x1, y1, x2, y2 = seen.box.as_tuple()
    assert (rows.min(), columns.min()) == (int(y1 * 11), int(x1 * 20))
    assert (rows.max(), columns.max()) == (int(np.ceil(y2 * 11)) - 1, int(np.ceil(x2 * 20)) - 1)
    whole = (found.tokens[:, column] ** 2).sum() * 32 * 32
    assert whole == pytest.approx(seen.visible * _area(picture, kind), rel=0.02)
    assert found.tokens[:, len(KINDS) + column].sum() >= 1


def _area(picture, kind) -> float:
    first = lb.FIRST_THING_OWNER
    return sum(
        picture.whole_px[first + i]
        for i, thing in enumerate(picture.moment.things)
        if thing.kind == kind
    )


def test_patches_and_tokens_agree():
    picture = drawn(5, clutter=1.0)
    found = lb.label(picture, picture.truth, 640, 352)
    patches = (found.patches[:, : len(KINDS)] ** 2).reshape(-1, 4, len(KINDS)).mean(axis=1)
    np.testing.assert_allclose(patches, found.tokens[:, : len(KINDS)] ** 2, atol=1e-5)


def test_letters_stand_in_order():
    """Read from the labels, a sign's text comes out again."""
    texts = 0
    for seed in range(40):
        picture = drawn(seed, clutter=0.2, focus="text")
        plain = [t for t in picture.truth.texts if t.kind != "instruction"]
        if len(plain) != 1 or plain[0].visible < 0.99 or plain[0].letter_px < 14:
            continue
        found = lb.label(picture, picture.truth, 640, 352)
        slots = found.letters.reshape(11, 20 * lb.NUM_SLOTS)
        row = slots[np.flatnonzero(slots.any(axis=1))[0]]
        assert "".join(lb.ALPHABET[i - 1] for i in row if i) == plain[0].text
        texts += 1
    assert texts >= 3


def test_a_view_is_what_the_engine_feeds():
    picture = drawn(3, clutter=1.0)
    crop = Crop(64, 32, 320, 224, 256, 192)
    view = view_of(picture, None, crop)
    assert view.size_px == (256, 192)
    np.testing.assert_array_equal(view.pictures[0], picture.picture[32:224, 64:320])
    assert view.scale == 1.0
    half = view_of(picture, None, replace(WHOLE, width_px=320, height_px=192))
    assert half.scale == pytest.approx(192 / 352)


def test_pairs_know_what_changed():
    """A parcel that was not there a second before is new where it lies."""
    moment = random_moment(np.random.default_rng(2), clutter=0.0, focus="parcel")
    after, before = draw(moment, 640, 352), draw(replace(moment, things=()), 640, 352)
    view = view_of(after, before, WHOLE)
    assert view.pictures.shape == (2, 352, 640, 3)
    np.testing.assert_array_equal(view.pictures[0], before.picture)
    new = view.labels.tokens[:, lb.CHANNELS.index("parcel is new")]
    covers = view.labels.tokens[:, KINDS.index("parcel")]
    np.testing.assert_allclose(new, covers)
    assert view.labels.tokens[:, lb.CHANNELS.index("parcel is gone")].max() == 0


def test_the_same_seed_gives_the_same_views():
    first, second = (list(itertools.islice(endless_views((4, 2), Mixture()), 6)) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.pictures, other.pictures)
        np.testing.assert_array_equal(one.labels.tokens, other.labels.tokens)


def test_a_batch_is_of_one_size_and_not_too_large():
    for batch in itertools.islice(endless_batches((9,), Mixture(low=True)), 4):
        assert len({view.pictures.shape for view in batch}) == 1
        width_px, height_px = batch[0].size_px
        assert width_px % 32 == height_px % 32 == 0
        assert 2 <= len(batch) <= MAX_BATCH
        assert len(batch) * width_px * height_px <= BATCH_TOKENS * 1024 or len(batch) == 2


def test_all_kinds_of_views_come():
    rng = np.random.default_rng(1)
    mixture = Mixture(whole_frac=0.3, small_frac=0.2, pair_frac=0.4)
    views = [view for _ in range(12) for view in draw_views(rng, mixture)]
    assert {len(view.pictures) for view in views} == {1, 2}
    assert any(view.size_px == (640, 352) for view in views)
    assert any(view.size_px[0] * view.size_px[1] <= 192 * 128 for view in views)


def test_an_overview_shows_the_whole_frame_before_the_crop():
    mixture = Mixture(whole_frac=0, small_frac=0, overview_frac=1.0)
    views = draw_views(np.random.default_rng(6), mixture)
    view = next(view for view in views if view.overview is not None)
    assert view.overview.size_px[0] * view.overview.size_px[1] <= 192 * 128
    whole, crop = shown_of(view)
    assert crop.grid == (view.size_px[1] // 32, view.size_px[0] // 32)
    assert len(view.overview.labels.tokens) == whole.grid[0] * whole.grid[1]
    assert target_of([view]).tokens.shape[1] == whole.grid[0] * whole.grid[1] + len(
        view.labels.tokens
    )


def test_near_things_are_certain_though_the_overview_is_small():
    """A thing of 30 px, at a fifth of its size in the overview, lies in the crop or does not."""
    box = Box(0.4, 0.4, 0.5, 0.5)
    seen = Seen("parcel", "lying", box, 1.0, 30, "brown", "lawn", "", "")
    truth = Truth((seen,), (), None, "day", infrared=False, rain=False, covered=0.0)
    near, far = Box(0.3, 0.3, 0.6, 0.6), Box(0.45, 0.3, 0.6, 0.6)
    assert Facts(truth, 0.2, 128, near, 1.0).has("parcel") is True
    assert Facts(truth, 0.2, 128, far, 1.0).has("parcel") is None


def test_what_was_before_differs_and_is_in_the_same_yard():
    rng = np.random.default_rng(3)
    moment = random_moment(rng, clutter=1.0)
    others = [moment_before(rng, moment) for _ in range(5)]
    assert all(other.yard is moment.yard for other in others)
    assert any(other.things != moment.things for other in others)
