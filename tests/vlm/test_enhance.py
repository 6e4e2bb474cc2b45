"""What is done to pictures with known faults, that it helps, and that good ones are left alone."""

from __future__ import annotations

import time
from collections.abc import Callable

import cv2
import numpy as np
import pytest

from edge.conversation import Message, Picture, Turn
from edge.enhancement import MAX_DETAILS, Detailed, Enlarged, Toned, Turned
from edge.frames import Image
from edge.geometry import Box
from edge.pictures import load_picture
from edge.vlm import tone
from edge.vlm.enhance import enhance, enhance_turn, turned
from edge.vlm.page import read_page
from edge.vlm.settings import DEFAULT_MAX_PIXELS
from tests.support.pages import add_noise, cast_shadow, draw_page, draw_scene, tilt

LARGE = 2_000_000  # what is fed of a picture, where letters are not to matter


def steps_of(image: Image, max_pixels: int = LARGE) -> list[str]:
    _, steps = enhance(image, max_pixels)
    return [step.step for step in steps]


def error(image: Image, wanted: Image) -> float:
    return float(np.abs(image.astype(int) - wanted).mean())


@pytest.mark.parametrize(
    "image",
    [draw_page(), draw_page(1200, 800, letter_px=30), draw_scene(), draw_scene(3), draw_scene(11)],
    ids=["page", "wide page", "yard 7", "yard 3", "yard 11"],
)
def test_a_good_picture_stays_as_it_is(image: Image) -> None:
    (shown,), steps = enhance(image, LARGE)
    assert shown is image
    assert steps == ()


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((300, 400, 3), np.uint8),
        np.full((300, 400, 3), 255, np.uint8),
        np.zeros((1, 1, 3), np.uint8),
        np.zeros((31, 500, 3), np.uint8),
        np.zeros((40, 4000, 3), np.uint8),
        np.random.default_rng(1).integers(0, 255, (300, 400, 3), np.uint8),
        np.indices((320, 320)).sum(axis=0)[:, :, None].repeat(3, 2).astype(np.uint8),
    ],
    ids=["black", "white", "pixel", "strip", "line", "noise", "stripes"],
)
def test_pictures_of_nothing(image: Image) -> None:
    images, steps = enhance(image, DEFAULT_MAX_PIXELS)
    assert all(one.dtype == np.uint8 and one.ndim == 3 for one in images)
    assert not [step for step in steps if isinstance(step, Turned | Detailed)]


@pytest.mark.parametrize("degrees", [-12.0, -5.3, -1.2, 0.7, 2.6, 9.4])
@pytest.mark.parametrize("letter_px", [22, 34])
def test_a_skewed_page_is_levelled(degrees: float, letter_px: int) -> None:
    page = tilt(draw_page(letter_px=letter_px), degrees)
    images, (step,) = enhance(page, LARGE)
    assert isinstance(step, Turned)
    assert step.step == "deskew"
    assert step.degrees == pytest.approx(-degrees, abs=0.5)
    again = read_page(tone.luma_of(images[0]))
    assert again is not None
    assert abs(again.skew_degrees) <= 0.3


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_page_that_lies_wrong_is_turned(quarters: int) -> None:
    page = draw_page()
    lying = np.ascontiguousarray(np.rot90(page, quarters))  # anticlockwise
    (shown,), (step,) = enhance(lying, LARGE)
    assert isinstance(step, Turned)
    assert (step.step, step.degrees) == ("rotate", 90.0 * quarters)
    assert np.array_equal(shown, page)


def test_a_page_that_lies_wrong_and_skewed_is_turned_twice() -> None:
    lying = tilt(np.ascontiguousarray(np.rot90(draw_page(1000, 1000))), 3.0)
    _, steps = enhance(lying, LARGE)
    assert [(step.step, round(step.degrees)) for step in steps] == [("rotate", 90), ("deskew", -3)]


def test_capitals_tell_no_way_up() -> None:
    """Nothing reaches above or below them: better not turned than turned wrongly."""
    page = np.full((600, 800, 3), 240, np.uint8)
    for row in range(12):
        cv2.putText(page, "OXEN HIM ZEN MOW", (40, 60 + 40 * row), 0, 1, (20, 20, 20), 2)
    for quarters in (1, 2, 3):
        assert "rotate" not in steps_of(np.ascontiguousarray(np.rot90(page, quarters)))


def test_digits_with_a_few_letters_are_not_turned() -> None:
    """Only p and f reach out of their line, downwards, as if all stood on its head."""
    page = np.full((1400, 1400, 3), 235, np.uint8)
    for n in range(60):
        at = (100 + n % 3 * 420, 60 + n // 3 * 66)
        cv2.putText(page, f"serial {n * 7919:07d} of part {n}", at, 0, 0.35, (30, 30, 30), 1)
    assert read_page(tone.luma_of(page)) is not None
    assert "rotate" not in steps_of(page)


def test_turning_cuts_nothing_off() -> None:
    page = draw_page(400, 300)
    page[:3], page[-3:], page[:, :3], page[:, -3:] = 90, 90, 90, 90
    whole = turned(page, 10.0)
    assert whole.shape[0] > 300 + 400 * 0.15
    assert float((whole[:, :, 0] < 130).sum()) > 0.9 * float((page[:, :, 0] < 130).sum())


def test_shadows_on_a_page_are_lifted() -> None:
    page = draw_page()
    shadowed = cast_shadow(page)
    (shown,), steps = enhance(shadowed, LARGE)
    (step,) = [step for step in steps if step.step == "shadows"]
    assert isinstance(step, Toned)
    assert step.before < 0.6 < 0.9 < step.after
    assert error(shown, page) < error(shadowed, page) / 4


def test_faint_print_is_stretched() -> None:
    (shown,), (step,) = enhance(draw_page(ink=150, paper=205), LARGE)
    assert isinstance(step, Toned)
    assert step.step == "contrast"
    assert step.after > 2 * step.before
    low, high = np.percentile(tone.luma_of(shown), [1, 75])
    assert low < 40
    assert high > 230


@pytest.mark.parametrize("make", [draw_page, draw_scene], ids=["page", "yard"])
def test_noise_is_removed(make: Callable[[], Image]) -> None:
    clean = make()
    (shown,), steps = enhance(noisy := add_noise(clean, 15), LARGE)
    (step,) = [step for step in steps if step.step == "denoise"]
    assert isinstance(step, Toned)
    assert step.before == pytest.approx(15, abs=4)
    assert step.after < step.before / 2
    assert error(shown, clean) < 0.6 * error(noisy, clean)


def test_a_dark_picture_is_brightened() -> None:
    scene = draw_scene()
    dark = add_noise(np.rint(scene * 0.12).astype(np.uint8), 3.0)
    (shown,), steps = enhance(dark, LARGE)
    assert [step.step for step in steps] == ["brighten", "denoise", "contrast"]
    for step in (steps[0], steps[2]):
        assert isinstance(step, Toned)
        assert step.after > 1.5 * step.before
    assert error(shown, scene) < error(dark, scene) / 2


def test_light_letters_on_a_black_screen_are_meant_so() -> None:
    screen = 255 - draw_page(ink=20, paper=240, sensor_noise=0)
    assert "brighten" not in steps_of(screen)
    assert "shadows" not in steps_of(screen)


def test_haze_gets_contrast() -> None:
    hazy = np.rint(150 + 0.25 * draw_scene().astype(float)).astype(np.uint8)
    (shown,), (step,) = enhance(hazy, LARGE)
    assert isinstance(step, Toned)
    assert step.step == "contrast"
    assert step.after > 1.4 * step.before
    assert tone.local_contrast(tone.luma_of(shown)) == pytest.approx(step.after, abs=0.01)


@pytest.mark.parametrize("make", [draw_page, draw_scene], ids=["page", "yard"])
def test_blur_is_sharpened(make: Callable[[], Image]) -> None:
    blurred = cv2.GaussianBlur(make(), (0, 0), 3.0)
    (shown,), (step, *_) = enhance(blurred, LARGE)
    assert isinstance(step, Toned)
    assert step.step == "sharpen"
    assert step.after < step.before - 0.03
    luma = tone.luma_of(shown)
    assert (
        cv2.Laplacian(luma, cv2.CV_64F).var()
        > 2 * cv2.Laplacian(tone.luma_of(blurred), cv2.CV_64F).var()
    )


def test_tiny_letters_of_a_small_picture_are_enlarged() -> None:
    small = draw_page(300, 200, letter_px=9)
    (shown,), (step,) = enhance(small, DEFAULT_MAX_PIXELS)
    assert isinstance(step, Enlarged)
    assert step.factor > 1.3
    assert shown.shape[1] == pytest.approx(300 * step.factor, abs=1)
    assert shown.shape[0] * shown.shape[1] <= DEFAULT_MAX_PIXELS * 1.01


def test_tiny_letters_in_a_part_are_shown_beside_the_whole() -> None:
    page = np.full((1400, 1000, 3), 235, np.uint8)
    page[100:500, 100:900] = draw_page(800, 400, letter_px=20, sensor_noise=0)
    page = add_noise(page, 1.5)
    images, (step,) = enhance(page, DEFAULT_MAX_PIXELS)
    assert isinstance(step, Detailed)
    assert len(images) == 2
    assert images[0].shape == page.shape
    assert step.factor > 1.3
    x1, y1, x2, y2 = step.box.to_px(1000, 1400)
    assert x1 < 170 and y1 < 160, "all of the letters are in it"  # noqa: PT018
    assert x2 > 820 and y2 > 430  # noqa: PT018
    assert (x2 - x1) * (y2 - y1) < 0.4 * 1400 * 1000


def test_a_full_page_of_tiny_letters_is_shown_in_halves() -> None:
    images, steps = enhance(draw_page(1400, 1900, letter_px=22), DEFAULT_MAX_PIXELS)
    assert len(images) == 1 + MAX_DETAILS
    first, second = (step for step in steps if isinstance(step, Detailed))
    assert first.box.y1 < 0.1
    assert second.box.y2 > 0.9
    assert first.box.y2 > second.box.y1, "no line is cut in both"
    assert all(image.shape[0] * image.shape[1] <= 2_100_000 for image in images)
    assert len(enhance(draw_page(1400, 1900), DEFAULT_MAX_PIXELS, max_details=0)[0]) == 1


def test_a_turn_is_enhanced_picture_by_picture() -> None:
    dark = np.rint(draw_scene() * 0.12).astype(np.uint8)
    dark = add_noise(dark, 1.0)
    good = Picture(draw_scene())
    parts = (good, "and", Picture(dark, Box(0.5, 0.0, 1.0, 0.5)), "What is it?")
    turn = Turn("t", "s", opens=True, messages=(Message("user", parts),), reply=True, enhance=True)
    changed, told = enhance_turn(turn, LARGE)
    first, words, second, query = changed.messages[0].parts
    assert first is good
    assert (words, query) == ("and", "What is it?")
    assert isinstance(second, Picture)
    assert second.region is None
    assert second.image.shape == (360, 640, 3), "the region was cut out"
    assert [one.picture for one in told] == [0, 1]
    assert told[0].steps == told[0].shown == ()
    assert "brighten" in [step.step for step in told[1].steps]
    (shown,) = told[1].shown
    assert (shown.width_px, shown.height_px) == (640, 360)
    assert error(load_picture(shown.jpeg), second.image) < 6


def test_time_and_memory_are_bounded() -> None:
    """The worst there is: a huge, skewed, noisy, shadowed page."""
    page = cast_shadow(add_noise(tilt(draw_page(1500, 2100, letter_px=40), 4), 40))
    started = time.process_time()
    images, steps = enhance(page, DEFAULT_MAX_PIXELS)
    assert time.process_time() - started < 20
    assert {"deskew", "shadows", "denoise"} <= {step.step for step in steps}
    assert all(image.shape[0] * image.shape[1] < 2_500_000 for image in images)
