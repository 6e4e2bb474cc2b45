"""The camera itself: turned, zoomed out of focus, edited video; one keyframe for each, no storm."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.frames import Frame, Keyframe
from edge.sampler.sampler import Sampler
from edge.sampler.settings import SamplerSettings
from tests.support.synthetic_scene import Thing, frame_of, grid, textured, walks

Picture = NDArray[np.float32]
RNG = np.random.default_rng(1)
GRAINS = [RNG.normal(0, 2.0, (180, 320)).astype(np.float32) for _ in range(7)]


def street(width_px: int = 900) -> Picture:
    """A scene with edges everywhere, as fronts of houses have."""
    rng = np.random.default_rng(4)
    scene = textured(4, width_px=width_px)
    for _ in range(width_px // 2):
        x, y = int(rng.integers(0, width_px)), int(rng.integers(0, 180))
        w, h = int(rng.integers(4, 40)), int(rng.integers(4, 40))
        scene[y : y + h, x : x + w] = rng.integers(50, 190)
    return scene


WIDE = street()
RATES = [2.0, 5.0, 10.0, "varying"]


def film(shown: Callable[[float], Picture], rate: float | str, end_s: float) -> list[Frame]:
    times = grid(end_s, 5.0 if rate == "varying" else float(rate))
    if rate == "varying":
        times = [t + 0.15 * float(RNG.random()) for t in times]
    return [
        frame_of(np.clip(shown(t) + GRAINS[i % 7], 0, 255).astype(np.uint8), t, i)
        for i, t in enumerate(times)
    ]


def played(frames: list[Frame], **options: object) -> list[Keyframe]:
    sampler = Sampler(SamplerSettings("yard", **options))  # type: ignore[arg-type]
    return [k for frame in frames for k in sampler.step(frame)] + sampler.flush()


def pan(t: float, *, begins_s: float, speed: float, way_px: int) -> Picture:
    """The scene from a camera that turns to the right; speed in widths a second."""
    x = round(min(way_px, max(0.0, t - begins_s) * speed * 320))
    return WIDE[:, x : x + 320]


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(("speed", "way_px"), [(0.3, 160), (0.6, 400), (2.0, 250)])
def test_a_camera_turned_on_purpose_gives_one_keyframe_at_rest(
    rate: float | str, speed: float, way_px: int
) -> None:
    rests_s = 8 + way_px / 320 / speed
    frames = film(lambda t: pan(t, begins_s=8, speed=speed, way_px=way_px), rate, rests_s + 8)
    keyframes = played(frames)
    assert len(keyframes) == 1, [(k.pts_s, k.trigger, k.phase) for k in keyframes]
    assert keyframes[0].trigger in ("tamper", "scene")
    assert rests_s - 0.3 <= keyframes[0].pts_s <= rests_s + 2.0


def test_each_preset_of_a_tour_gives_one_keyframe() -> None:
    def shown(t: float) -> Picture:
        turn, since_s = divmod(t, 10.0)
        share = min(1.0, since_s) if turn else 1.0
        x = round(300 * (share if turn % 2 else 1 - share))
        return WIDE[:, x : x + 320]

    keyframes = played(film(shown, 5.0, 40))
    assert [round(k.pts_s // 10) for k in keyframes] == [1, 2, 3]


def test_without_tamper_a_new_view_is_a_scene() -> None:
    frames = film(lambda t: pan(t, begins_s=8, speed=0.5, way_px=160), 5.0, 14)
    assert [(k.trigger, k.detail) for k in played(frames, tamper=False)] == [("scene", "")]
    assert played(frames, tamper=False, scene=False) == []


def test_someone_is_seen_after_the_camera_was_turned() -> None:
    walker = Thing(walks(14, 18, frm=(-0.1, 0.4), to=(1.0, 0.4), size=(0.1, 0.4)))

    def shown(t: float) -> Picture:
        picture = pan(t, begins_s=8, speed=0.5, way_px=160).copy()
        walker.paint(picture, t)
        return picture

    times = [k.pts_s for k in played(film(shown, 5.0, 22)) if k.trigger == "motion"]
    assert any(14 <= t <= 15 for t in times)
    assert all(14 <= t <= 19.5 for t in times)


def test_a_large_thing_before_a_plain_wall_is_no_turning_camera() -> None:
    wall = cv2.GaussianBlur(textured(2), (0, 0), 12)
    big = Thing(walks(6, 9, frm=(-0.5, 0.1), to=(1.0, 0.1), size=(0.5, 0.9)))

    def shown(t: float) -> Picture:
        picture = wall.copy()
        big.paint(picture, t)
        return picture

    assert {k.trigger for k in played(film(shown, 5.0, 14))} == {"motion"}


def test_a_car_before_smooth_ground_that_the_codec_redraws_is_no_other_scene() -> None:
    """A scarce bit rate: blocks with edges of their own, new ones while much of it moves."""
    car = Thing(walks(6, 9, frm=(0.25, -0.95), to=(0.25, 1.0), size=(0.3, 0.95)), luma=240)
    rng = np.random.default_rng(3)
    blocks = [rng.normal(0, 2, (12, 20)).astype(np.float32) for _ in range(9)]

    def shown(t: float) -> Picture:
        drawn = max(0, min(round((t - 6) * 2.5), 8))  # anew every second picture at 5 a second
        ground = cv2.resize(blocks[drawn], (320, 192), interpolation=cv2.INTER_NEAREST)[:180]
        picture = ground + 60
        car.paint(picture, t)
        return picture

    keyframes = played(film(shown, 5.0, 14))
    assert {k.trigger for k in keyframes} == {"motion"}


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("sigma_px", [5.0, 8.0])
def test_a_lens_out_of_focus_is_told_once(rate: float | str, sigma_px: float) -> None:
    sharp = textured()
    blurred = cv2.GaussianBlur(sharp, (0, 0), sigma_px)
    frames = film(lambda t: blurred if 10 <= t < 20 else sharp, rate, 26)
    sampler = Sampler(SamplerSettings("yard"))
    keyframes, states = [], []
    for frame in frames:
        keyframes += sampler.step(frame)
        states.append((frame.pts_s, sampler.tamper))
    told = [k for k in keyframes if k.trigger == "tamper"]
    assert [k.detail for k in told] == ["defocused"]
    assert 12.5 <= told[0].pts_s <= 15.5
    assert len(keyframes) <= 5, "the change itself may count once each way"
    assert all(state == "" for t, state in states if t < 10 or t > 23.5)


def test_fog_is_neither_a_cover_nor_a_lens_out_of_focus() -> None:
    scene = textured()

    def shown(t: float) -> Picture:
        share = 0.85 * min(1.0, max(0.0, t - 8) / 20)
        return scene * (1 - share) + 170 * share

    assert played(film(shown, 2.0, 40)) == []


def test_dusk_with_more_and_more_noise_is_no_tamper() -> None:
    scene = textured()

    def shown(t: float) -> Picture:
        share = min(1.0, max(0.0, t - 8) / 40)
        return scene * (1 - 0.7 * share) + 6 * share * GRAINS[int(t * 5) % 7]

    assert [k for k in played(film(shown, 2.0, 60)) if k.trigger != "motion"] == []


@pytest.mark.parametrize("rate", RATES)
def test_a_fade_through_black_to_another_scene_is_one_cut(rate: float | str) -> None:
    before, after = textured(1), textured(2)

    def shown(t: float) -> Picture:
        level = min(1.0, abs(t - 8))
        return (before if t < 8 else after) * level + 16 * (1 - level)

    keyframes = played(film(shown, rate, 14))
    assert [k.trigger for k in keyframes] == ["scene"]
    assert 8 <= keyframes[0].pts_s <= 10.2


@pytest.mark.parametrize("rate", RATES)
def test_a_fade_to_black_and_back_is_nothing(rate: float | str) -> None:
    scene = textured()
    frames = film(
        lambda t: scene * min(1.0, abs(t - 8)) + 16 * (1 - min(1.0, abs(t - 8))), rate, 14
    )
    assert played(frames) == []


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("lasts_s", [1.0, 2.0])
def test_a_dissolve_is_told_as_a_scene(rate: float | str, lasts_s: float) -> None:
    before, after = textured(1), textured(2)

    def shown(t: float) -> Picture:
        share = min(1.0, max(0.0, (t - 8) / lasts_s))
        return before * (1 - share) + after * share

    keyframes = played(film(shown, rate, 16))
    assert [k.trigger for k in keyframes].count("scene") == 1
    assert all(8 <= k.pts_s <= 8 + lasts_s + 2.1 for k in keyframes)
    assert len(keyframes) <= 3
