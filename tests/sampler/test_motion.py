"""Movements in synthetic scenes: what gives keyframes, where and when, and what gives none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.frames import Frame, Image, Keyframe
from edge.geometry import Box, Polygon
from edge.sampler.sampler import Sampler
from edge.sampler.settings import SamplerSettings
from tests.support.synthetic_scene import Scene, Thing, frame_of, grid, textured, walks


def play(frames: list[Frame], **options: object) -> list[Keyframe]:
    sampler = Sampler(SamplerSettings("yard", **options))  # type: ignore[arg-type]
    chosen = [keyframe for frame in frames for keyframe in sampler.step(frame)]
    return chosen + sampler.flush()


def crossing(
    size: tuple[float, float] = (0.1, 0.3), speed: float = 0.2, start_s: float = 4
) -> Thing:
    """Something that crosses the whole picture from left to right; speed in widths a second."""
    way = 1 + size[0]
    return Thing(
        walks(start_s, start_s + way / speed, frm=(-size[0], 0.4), to=(1.0, 0.4), size=size)
    )


def comes_and_stays(stays_s: float = 60, start_s: float = 4) -> Thing:
    box_at = walks(
        start_s, start_s + 2, frm=(-0.1, 0.4), to=(0.4, 0.4), size=(0.1, 0.4), stays_s=stays_s
    )
    return Thing(box_at)


def phases(keyframes: list[Keyframe]) -> list[str]:
    return [keyframe.phase or keyframe.trigger for keyframe in keyframes]


@pytest.mark.parametrize("noise", [0.0, 1.0, 3.0, 8.0, 20.0])
def test_a_noisy_still_scene_gives_nothing(noise: float) -> None:
    assert play(Scene(noise=noise).frames(grid(12))) == []


@settings(max_examples=8, deadline=None)
@given(
    noise=st.floats(0, 15),
    seed=st.integers(0, 1000),
    fps=st.sampled_from([2.0, 5.0, 10.0]),
    brightness=st.floats(-40, 40),
)
def test_still_scenes_of_any_kind_give_nothing(
    noise: float, seed: int, fps: float, brightness: float
) -> None:
    scene = Scene(
        noise=noise, seed=seed, background=textured(seed), light=lambda _t: (1.0, brightness)
    )
    assert play(scene.frames(grid(6, fps))) == []


def test_noise_that_grows_at_dusk_is_not_motion() -> None:
    quiet, loud = Scene(noise=1), Scene(noise=12)
    frames = quiet.frames(grid(8)) + [
        frame_of(f.luma, f.pts_s, 100 + f.seq) for f in loud.frames(grid(8, start_s=8))
    ]
    assert play(frames) == []


@pytest.mark.parametrize("size", [(0.03, 0.06), (0.05, 0.15), (0.15, 0.5), (0.4, 0.8)], ids=str)
@pytest.mark.parametrize("speed", [0.1, 0.3])
def test_a_crossing_thing_gives_peaks_where_it_is(size: tuple[float, float], speed: float) -> None:
    thing = crossing(size, speed)
    keyframes = play(Scene((thing,)).frames(grid(8 + 1.2 / speed)))
    peaks = [k for k in keyframes if k.phase == "peak"]
    assert peaks
    for peak in peaks:
        there = thing.box_at(peak.pts_s)
        assert there is not None, "a peak shows the thing"
        assert peak.boxes[0].iou(there) > 0.55, (peak.boxes, there)
    assert peaks[0].pts_s - 4 < 0.8 + size[0] / speed
    assert keyframes[-1].phase == "after"
    left = thing.box_at(keyframes[-1].pts_s)
    assert left is None or left.width < 0.015, "the scene is empty again, but for a sliver"


def test_a_fast_thing_seen_in_two_pictures_gives_a_peak() -> None:
    keyframes = play(Scene((crossing((0.2, 0.4), speed=2.5),)).frames(grid(8)))
    assert phases(keyframes)[0] == "peak"


def test_something_comes_and_stays() -> None:
    thing = comes_and_stays()
    keyframes = play(Scene((thing,)).frames(grid(20)))
    assert set(phases(keyframes)) == {"peak", "after"}
    after = keyframes[-1]
    assert after.phase == "after"
    assert after.boxes[0].iou(Box(0.4, 0.4, 0.5, 0.8)) > 0.7
    assert 6 <= after.pts_s <= 7.5, "the first still picture, not a later one"
    assert after.started_pts_s == pytest.approx(4, abs=0.5)
    assert len(keyframes) <= 4


def test_before_is_the_empty_scene() -> None:
    scene = Scene((comes_and_stays(),), noise=0)
    empty = Scene(noise=0).frames([0.0])[0].image()
    keyframes = play(scene.frames(grid(20)))
    assert keyframes
    for keyframe in keyframes:
        assert keyframe.before is not None
        assert keyframe.before.shape == keyframe.image.shape
        assert np.array_equal(keyframe.before, empty)


def test_none_from_before_is_read_where_none_is_kept() -> None:
    read: list[float] = []

    def watched(frame: Frame) -> Frame:
        def image() -> Image:
            read.append(frame.pts_s)
            return frame.image()

        return replace(frame, read_image=image)

    frames = [watched(frame) for frame in Scene((comes_and_stays(),)).frames(grid(20))]
    kept = play(frames)
    in_all, read[:] = len(read), []
    keyframes = play(frames, keep_before=False)
    assert [k.pts_s for k in keyframes] == [k.pts_s for k in kept] == read
    assert all(keyframe.before is None for keyframe in keyframes)
    assert in_all > len(read)


@pytest.mark.parametrize("keep_before", [True, False])
def test_pictures_of_a_movement_are_expected_before_they_are_wanted(*, keep_before: bool) -> None:
    told: list[tuple[str, float]] = []

    def watched(frame: Frame) -> Frame:
        def read() -> Image:
            told.append(("wanted", frame.pts_s))
            return frame.image()

        return replace(
            frame, read_image=read, expect_image=lambda: told.append(("expected", frame.pts_s))
        )

    quiet = Scene(noise=3).frames(grid(12))
    assert play([watched(frame) for frame in quiet], keep_before=keep_before) == []
    assert told == []
    frames = [watched(frame) for frame in Scene((comes_and_stays(),)).frames(grid(20))]
    keyframes = play(frames, keep_before=keep_before)
    assert phases(keyframes)[-1] == "after"
    for keyframe in keyframes:
        at = told.index(("wanted", keyframe.pts_s))
        ahead = [moment_s for kind, moment_s in told[:at] if kind == "expected"]
        # Pictures are decoded in order: one that was expected later than this would be of no use.
        assert keyframe.pts_s - 1.5 <= max(ahead) <= keyframe.pts_s


def test_a_thing_taken_away_is_told_with_its_place() -> None:
    parcel = Box(0.7, 0.6, 0.78, 0.75)
    taker = walks(5, 7, frm=(-0.1, 0.4), to=(0.7, 0.4), size=(0.1, 0.4))
    back = walks(7, 9, frm=(0.7, 0.4), to=(-0.1, 0.4), size=(0.1, 0.4))
    things = (
        Thing(lambda t: parcel if t < 7 else None, luma=220),
        Thing(lambda t: taker(t) or back(t)),
    )
    keyframes = play(Scene(things).frames(grid(16)))
    after = keyframes[-1]
    assert after.phase == "after"
    assert any(box.iou(parcel) > 0.6 for box in after.boxes)


def test_a_thing_left_behind_is_told_with_its_place() -> None:
    parcel = Box(0.7, 0.6, 0.78, 0.75)
    bringer = walks(5, 7, frm=(-0.1, 0.4), to=(0.7, 0.4), size=(0.1, 0.4))
    back = walks(7, 9, frm=(0.7, 0.4), to=(-0.1, 0.4), size=(0.1, 0.4))
    things = (
        Thing(lambda t: parcel if t >= 7 else None, luma=220),
        Thing(lambda t: bringer(t) or back(t)),
    )
    after = play(Scene(things).frames(grid(16)))[-1]
    assert after.phase == "after"
    assert any(box.iou(parcel) > 0.6 for box in after.boxes)


@pytest.mark.parametrize(
    "light",
    [
        pytest.param(lambda t: (1.0, 0.0 if t < 6 else 45.0), id="step up"),
        pytest.param(lambda t: (1.0 if t < 6 else 0.5, 0.0), id="step down"),
        pytest.param(lambda t: (1.0, 60 * min(1, max(0, t - 6) / 3)), id="ramp of 3 s"),
        pytest.param(lambda t: (1 - 0.5 * min(1, max(0, t - 6)), 0.0), id="dimmed within 1 s"),
        pytest.param(lambda t: (1.0, 12 * np.sin(t)), id="flickering sun"),
        pytest.param(lambda t: (1.0, 255.0 if 6 <= t < 6.7 else 0.0), id="white-out"),
    ],
)
def test_light_over_the_whole_picture_is_no_motion(light: object) -> None:
    scene = Scene(light=light, noise=2)  # type: ignore[arg-type]
    assert play(scene.frames(grid(14))) == []


def test_a_soft_patch_of_light_is_no_motion() -> None:
    x, y = np.meshgrid(np.arange(320), np.arange(180))
    frames = []
    rng = np.random.default_rng(3)
    for seq, t in enumerate(grid(14)):
        middle = 20 + 40 * max(0.0, t - 5)
        glow = 60 * np.exp(-(((x - middle) / 45) ** 2 + ((y - 90) / 45) ** 2)) if t > 5 else 0
        luma = textured() + glow + rng.normal(0, 2, x.shape)
        frames.append(frame_of(np.clip(luma, 0, 255).astype(np.uint8), t, seq))
    assert play(frames) == []


def test_someone_who_comes_while_the_light_ramps_is_seen() -> None:
    scene = Scene((comes_and_stays(),), light=lambda t: (1.0, min(50.0, 8 * t)))
    assert "peak" in phases(play(scene.frames(grid(12))))


@pytest.mark.parametrize("shift_s", [0.0, 0.05, 0.1, 0.15])
def test_exposure_that_runs_away_from_a_large_bright_thing_hides_nothing(shift_s: float) -> None:
    """All of the picture darkens within the lag, and the thing itself changes much of the rest."""
    car = Thing(walks(4, 7, frm=(0.2, -0.7), to=(0.2, 1.0), size=(0.6, 0.7)), luma=250)
    scene = Scene((car,), light=lambda t: (1.0, -60 * min(max(0.0, t - shift_s - 5.2), 1.0)))
    times = [k.pts_s for k in play(scene.frames(grid(11)))]
    assert any(5.9 <= t <= 6.7 for t in times), times


def test_constant_brightness_and_another_clock_change_nothing() -> None:
    base = Scene((comes_and_stays(),))
    brighter = Scene((comes_and_stays(),), light=lambda _t: (1.0, 12.0))

    def told(keyframes: list[Keyframe], shift_s: float = 0) -> list[object]:
        return [(round(k.pts_s - shift_s, 3), k.phase, len(k.boxes)) for k in keyframes]

    plain = told(play(base.frames(grid(14))))
    assert plain
    assert told(play(base.frames(grid(14), shift_s=5000)), 5000) == plain
    assert told(play(brighter.frames(grid(14)))) == plain


@pytest.mark.parametrize("fps", [2.0, 5.0, 10.0, 25.0])
def test_any_frame_rate_tells_the_same_story(fps: float) -> None:
    things = (comes_and_stays(stays_s=8), Thing(comes_and_stays(start_s=22).box_at))
    keyframes = play(Scene(things).frames(grid(32, fps)))
    peaks = [k.pts_s for k in keyframes if k.phase == "peak"]
    afters = [k.pts_s for k in keyframes if k.phase == "after"]
    assert any(4 <= t <= 6.6 for t in peaks)
    assert any(22 <= t <= 24.6 for t in peaks)
    assert any(6 <= t <= 8 for t in afters)
    assert any(24 <= t <= 26 for t in afters)
    assert all(t < 9 or 13.9 < t < 16 or t >= 22 for t in peaks + afters)


def test_a_variable_frame_rate_is_no_matter() -> None:
    rng = np.random.default_rng(5)
    times = list(np.cumsum(rng.uniform(0.05, 0.6, 60)))
    keyframes = play(Scene((comes_and_stays(),)).frames(times))
    assert phases(keyframes)[0] == "peak"
    assert phases(keyframes)[-1] == "after"


def test_nothing_is_seen_under_a_mask() -> None:
    left = Polygon(((0, 0), (0.6, 0), (0.6, 1), (0, 1)))
    frames = Scene((comes_and_stays(),)).frames(grid(14))
    assert play(frames)
    assert play(frames, mask=(left,)) == []


def test_zones_are_named() -> None:
    zones = (
        ("path", Polygon(((0, 0.3), (0.6, 0.3), (0.6, 0.9), (0, 0.9)))),
        ("sky", Polygon(((0, 0), (1, 0), (1, 0.1), (0, 0.1)))),
    )
    frames = Scene((comes_and_stays(),)).frames(grid(14))
    keyframes = play(frames, zones=zones)
    assert keyframes
    assert {k.zones for k in keyframes} == {("path",)}
    assert Sampler(SamplerSettings("yard", zones=zones)).take(frames[0]).zones == ("path", "sky")


def test_gestures_of_someone_who_stays_are_near_duplicates() -> None:
    def arm(t: float) -> Box | None:
        return Box(0.5, 0.5, 0.54, 0.56) if t > 10 and int(t) % 3 == 0 else None

    stays = comes_and_stays()
    keyframes = play(Scene((stays, Thing(arm))).frames(grid(30)))
    calm = play(Scene((stays,)).frames(grid(30)))
    assert len(keyframes) - len(calm) <= 4, "seven gestures do not give seven keyframes"


def test_a_long_walk_gives_fewer_and_fewer_keyframes() -> None:
    def circles(t: float) -> Box | None:
        if t < 4:
            return None
        x, y = 0.45 + 0.35 * np.cos(t / 2), 0.35 + 0.3 * np.sin(t / 2)
        return Box(x, y, x + 0.08, y + 0.25)

    keyframes = play(Scene((Thing(circles),)).frames(grid(64)))
    assert 5 <= len(keyframes) <= 15


def test_a_second_thing_is_told_soon() -> None:
    first = crossing(speed=0.08, start_s=4)
    second = Thing(walks(9.4, 12, frm=(1.0, 0.05), to=(0.3, 0.05), size=(0.1, 0.2)))
    keyframes = play(Scene((first, second)).frames(grid(13)))
    assert any(9.4 <= k.pts_s <= 10.4 and len(k.boxes) == 2 for k in keyframes)


@pytest.mark.parametrize("start_s", [4.0, 4.05, 4.1, 4.15])
def test_a_car_that_was_shown_whole_is_shown_leaving_too(start_s: float) -> None:
    """Whatever part of it the border cuts in the very picture after the one that was kept."""
    there = walks(start_s, start_s + 4, frm=(0.4, -0.85), to=(0.4, 1.0), size=(0.2, 0.85))
    keyframes = play(Scene((Thing(there),)).frames(grid(12)))
    leaves_s = start_s + 4 * 1.0 / 1.85  # the border begins to cut it
    assert any(leaves_s - 0.5 <= k.pts_s <= leaves_s for k in keyframes)
    assert any(leaves_s + 0.1 < k.pts_s <= start_s + 4 for k in keyframes)


def test_sensitivity_is_one_knob() -> None:
    faint = Thing(crossing((0.04, 0.1)).box_at, luma=0)
    background = np.full((180, 320), 30, np.float32)
    scene = Scene((faint,), noise=1, background=background)
    assert play(scene.frames(grid(12)), sensitivity=0.0, threshold=40) == []
    assert play(scene.frames(grid(12)), sensitivity=1.0, threshold=40)


def test_motion_can_be_switched_off() -> None:
    assert play(Scene((comes_and_stays(),)).frames(grid(14)), motion=False) == []


def test_state_for_the_daemon() -> None:
    sampler = Sampler(SamplerSettings("yard"))
    moving, scores = set(), []
    for frame in Scene((comes_and_stays(),)).frames(grid(14)):
        sampler.step(frame)
        scores.append(sampler.motion_score)
        if sampler.is_moving:
            moving.add(round(frame.pts_s))
    assert {5, 6} <= moving <= {4, 5, 6, 7, 8}
    assert 0.1 < max(scores) <= 1
    assert scores[0] == scores[-1] == 0


def test_pictures_are_converted_only_when_chosen() -> None:
    converted = []
    frames = Scene((comes_and_stays(),)).frames(grid(14))

    def counted(frame: Frame) -> Frame:
        def image() -> np.ndarray:
            converted.append(frame.pts_s)
            return frame.read_image()

        return Frame(**{**{n: getattr(frame, n) for n in Frame.__slots__}, "read_image": image})

    keyframes = play([counted(frame) for frame in frames])
    assert len(converted) == len(keyframes) + 1, "and one quiet picture for the movement"
