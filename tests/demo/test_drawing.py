"""What is drawn, and that the truth about it is true."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge.demo.cast import MAKERS
from edge.demo.chance import random_moment
from edge.demo.drawing import draw
from edge.demo.drawing.house import FIRST_THING_OWNER
from edge.demo.drawing.pen import Canvas
from edge.demo.home import build_home
from edge.demo.world import KINDS, Camera, Light, Moment, Sign
from edge.geometry import FULL, Box

SIZE_PX = (640, 360)
CLEAR = Camera(noise=0)


def moments(num: int, seed: int = 1, **options) -> list[Moment]:
    return [random_moment(np.random.default_rng((seed, i)), **options) for i in range(num)]


def placed(kind: str, foot: tuple[float, float] = (0.5, 0.9), height: float = 0.3) -> Moment:
    thing = MAKERS[kind](np.random.default_rng(5), foot, height, "path")
    return Moment(build_home(3), (thing,), camera=CLEAR)


def test_same_moment_same_picture():
    for one, two in zip(moments(6), moments(6), strict=True):
        assert one == two
        a, b = draw(one, *SIZE_PX), draw(two, *SIZE_PX)
        assert np.array_equal(a.picture, b.picture)
        assert a.truth == b.truth


def test_pictures_are_not_shared():
    moment = placed("person")
    first = draw(moment, *SIZE_PX)
    kept = first.picture.copy()
    first.picture[:] = 0
    first.owner[:] = 0
    assert np.array_equal(draw(moment, *SIZE_PX).picture, kept)


@pytest.mark.parametrize("kind", KINDS)
def test_boxes_are_where_pixels_change(kind):
    moment = placed(kind)
    drawn, empty = draw(moment, *SIZE_PX), draw(replace(moment, things=()), *SIZE_PX)
    changed = np.abs(drawn.picture.astype(int) - empty.picture).max(axis=2) > 12
    assert changed.any()
    (seen,) = drawn.truth.seen
    assert seen.kind == kind
    assert seen.visible > 0.98
    own = drawn.owner == FIRST_THING_OWNER
    assert changed[own].mean() > 0.7
    x1, y1, x2, y2 = seen.box.to_px(*SIZE_PX)
    assert own.sum() == own[y1:y2, x1:x2].sum()
    changed[own] = False
    x1, y1, x2, y2 = seen.box.expanded(0.03).to_px(*SIZE_PX)
    changed[y1:y2, x1:x2] = False
    if kind == "fire":
        return  # its light goes further
    assert not changed.any()


@pytest.mark.parametrize("kind", KINDS)
def test_cut_by_the_border(kind):
    truth = draw(placed(kind, foot=(0.0, 0.9)), *SIZE_PX).truth
    assert truth.seen[0].visible == pytest.approx(0.5, abs=0.3)
    assert truth.seen[0].box.x1 == 0
    assert draw(placed(kind, foot=(-0.9, 0.9)), *SIZE_PX).truth.seen == ()


def test_what_is_behind_is_less_visible():
    behind = placed("person", (0.5, 0.85)).things[0]
    before = placed("car", (0.5, 0.95), 0.45).things[0]
    truth = draw(Moment(build_home(3), (before, behind), camera=CLEAR), *SIZE_PX).truth
    visible = {s.kind: s.visible for s in truth.seen}
    assert visible["car"] == 1.0
    assert visible.get("person", 0) < 0.5


def test_a_crop_has_its_own_truth():
    moment = placed("person", (0.5, 0.9), 0.5)
    whole = draw(moment, *SIZE_PX)
    box = whole.truth.seen[0].box
    middle = box.center[0]
    half = whole.cropped(Box(middle, 0.0, 1.0, 1.0))
    (seen,) = half.truth.seen
    assert seen.visible == pytest.approx(0.5, abs=0.12)
    assert seen.box.x1 == 0
    assert whole.cropped(Box(0.0, 0.0, 0.2, 0.2)).truth.seen == ()
    assert whole.cropped(FULL).truth == whole.truth
    twice = whole.cropped(Box(0.25, 0.25, 1, 1)).cropped(Box(0.25, 0, 1, 1))
    assert twice.picture.shape[1] == pytest.approx(0.75 * 0.75 * 640, abs=2)
    texts = {t.text: t.visible for t in half.truth.texts}
    assert all(t.visible >= texts.get(t.text, 0) for t in whole.truth.texts)


def test_texts_are_where_ink_is():
    sign = Sign("WXY42", (0.5, 0.2), 0.06, "sign", "word", (0, 0, 0), (255, 255, 255))
    moment = Moment(replace(build_home(3), signs=(sign,)), camera=CLEAR)
    drawn = draw(moment, *SIZE_PX)
    (text,) = drawn.truth.texts
    assert (text.text, text.visible) == ("WXY42", 1.0)
    assert text.letter_px == pytest.approx(0.06 * 360)
    assert text.box.height * 360 == pytest.approx(text.letter_px, abs=3)
    x1, y1, x2, y2 = text.box.to_px(*SIZE_PX)
    dark = drawn.picture.max(axis=2) < 90
    part = dark[y1:y2, x1:x2]
    assert 0.15 < part.mean() < 0.7
    assert part[:, :4].any()
    assert part[:, -4:].any()


def test_a_covered_text_is_not_visible():
    moment = Moment(build_home(3), camera=CLEAR)
    sign = next(t for t in draw(moment, *SIZE_PX).truth.texts if t.on == "sign")
    car = placed("car", (sign.box.center[0], 0.95), 0.6).things[0]
    truth = draw(replace(moment, things=(car,)), *SIZE_PX).truth
    assert all(t.visible < 0.5 for t in truth.texts if t.on == "sign")


def test_a_covered_lens_shows_nothing():
    moment = replace(placed("car"), camera=Camera(covered=1.0))
    truth = draw(moment, *SIZE_PX).truth
    assert (truth.seen, truth.texts, truth.door, truth.covered) == ((), (), None, 1.0)


def test_a_shifted_view_moves_boxes_and_pixels():
    moment = placed("car", (0.5, 0.9), 0.25)
    usual = draw(moment, *SIZE_PX)
    moved = draw(replace(moment, camera=Camera(noise=0, shift=(0.1, 0.0))), *SIZE_PX)
    assert np.array_equal(moved.picture[:, 64:], usual.picture[:, :-64])
    one, two = usual.truth.seen[0].box, moved.truth.seen[0].box
    assert two.center[0] - one.center[0] == pytest.approx(0.1, abs=0.01)
    assert [t.text for t in moved.truth.texts] == [t.text for t in usual.truth.texts]
    for a, b in zip(usual.truth.texts, moved.truth.texts, strict=True):
        assert b.box.center[0] - a.box.center[0] == pytest.approx(0.1, abs=0.01)


def test_infrared_is_grey_and_night_is_dark():
    day = draw(placed("car"), *SIZE_PX).picture
    grey = draw(replace(placed("car"), light=Light("night", 0.8, infrared=True)), *SIZE_PX).picture
    night = draw(replace(placed("car"), light=Light("night", 0.3)), *SIZE_PX).picture
    assert (grey == grey[..., :1]).all()
    assert night.mean() < 0.5 * day.mean()


def test_chance_shows_everything():
    drawn = [draw(m, 320, 180).truth for m in moments(150)]
    shares = {kind: np.mean([t.has(kind, 0.1) for t in drawn]) for kind in KINDS}
    assert all(0.15 < share < 0.6 for share in shares.values()), shares
    assert {t.door.state if t.door else None for t in drawn} == {"closed", "ajar", "open", None}
    assert {t.light for t in drawn} == {"day", "dusk", "night"}
    assert {s.where for t in drawn for s in t.seen if s.kind == "parcel"} == {
        *("doorstep", "driveway", "path", "lawn", "held")
    }
    assert {t.kind for truth in drawn for t in truth.texts} == {"number", "word", "instruction"}
    assert len({s.colour for t in drawn for s in t.seen if s.kind == "car"}) >= 7


@pytest.mark.parametrize("clutter", [0.0, 0.6, 1.0])
@pytest.mark.parametrize("kind", KINDS)
def test_focus_on_a_kind(kind, clutter):
    for moment in moments(8, clutter=clutter, focus=kind):
        assert any(thing.kind == kind for thing in moment.things)


def test_focus_on_people_counts_evenly():
    numbers = [
        sum(t.kind == "person" and t.doing != "riding" for t in m.things)
        for m in moments(200, clutter=0.7, focus="people")
    ]
    assert all(numbers.count(n) > 20 for n in range(5))


def test_focus_on_nothing_and_on_door_and_on_text():
    assert not any(m.things for m in moments(20, focus="none"))
    assert all(m.yard.entrance for m in moments(20, focus="door"))
    for moment in moments(30, clutter=0.5, focus="text"):
        signs = [s for s in moment.yard.signs if s.kind != "instruction"]
        assert signs or any(t.text for t in moment.things)


def test_little_clutter_is_one_large_thing():
    drawn = [draw(m, 320, 180).truth for m in moments(40, clutter=0.0, focus="dog")]
    assert all(len(t.seen) == 1 for t in drawn)
    assert np.median([t.seen[0].height_px for t in drawn]) > 45


def test_another_word_is_no_focus():
    with pytest.raises(ValueError, match="focus must be one of person, car"):
        random_moment(np.random.default_rng(1), focus="cat")  # type: ignore[arg-type]


def test_what_shines_through_smoke_is_visible():
    canvas = Canvas(np.zeros((4, 6, 3), np.uint8), np.zeros((4, 6), np.uint8))
    canvas.owner[:, :4] = FIRST_THING_OWNER
    smoke = np.full((4, 6, 4), 120, np.uint8)
    smoke[:, :2] = 220
    canvas.lay(smoke, (0, 0), 99, solid=70, spared=FIRST_THING_OWNER)
    thing = FIRST_THING_OWNER
    assert canvas.owner[0].tolist() == [99, 99, thing, thing, 99, 99]
