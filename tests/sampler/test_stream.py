"""What is not movement: scene cuts, tamper, the period, gaps, sizes, the end of the stream."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge.frames import Frame, Keyframe
from edge.geometry import Box, Polygon
from edge.sampler.look import rasterise
from edge.sampler.sampler import Sampler
from edge.sampler.settings import SamplerSettings
from edge.sampler.turning import is_shifted
from edge.sampler.view import View
from tests.support.synthetic_scene import (
    Scene,
    Thing,
    after_gap,
    frame_of,
    grid,
    textured,
    walks,
)

COMES = Thing(walks(4, 6, frm=(-0.1, 0.4), to=(0.4, 0.4), size=(0.1, 0.4), stays_s=60))


def run(sampler: Sampler, frames: list[Frame]) -> list[Keyframe]:
    return [keyframe for frame in frames for keyframe in sampler.step(frame)]


def sampler_of(**options: object) -> Sampler:
    return Sampler(SamplerSettings("yard", **options))  # type: ignore[arg-type]


def joined(*parts: list[Frame]) -> list[Frame]:
    """Frames of several scenes as one stream, without a gap."""
    frames = [frame for part in parts for frame in part]
    return [replace(frame, seq=i, after_gap=i == 0) for i, frame in enumerate(frames)]


# Scene cuts


def test_a_cut_gives_one_scene_keyframe_at_the_cut() -> None:
    frames = joined(
        Scene(background=textured(1)).frames(grid(6)),
        Scene(background=textured(2)).frames(grid(6, start_s=6)),
        Scene(background=textured(3)).frames(grid(6, start_s=12)),
    )
    keyframes = run(sampler_of(), frames)
    assert [(k.trigger, k.pts_s) for k in keyframes] == [("scene", 6.0), ("scene", 12.0)]
    assert keyframes[0].boxes == ()
    assert keyframes[0].score > 0.6


def test_a_single_foreign_picture_is_no_cut() -> None:
    frames = Scene().frames(grid(12))
    odd = Scene(background=textured(9)).frames([6.0])[0]
    frames[30] = replace(odd, seq=30, after_gap=False)
    assert [k for k in run(sampler_of(), frames) if k.trigger == "scene"] == []


def test_scene_can_be_switched_off() -> None:
    frames = joined(
        Scene(background=textured(1)).frames(grid(6)),
        Scene(background=textured(2)).frames(grid(6, start_s=6)),
    )
    assert all(k.trigger != "scene" for k in run(sampler_of(scene=False), frames))


# Tamper


def flat(value: float, times: list[float]) -> list[Frame]:
    return Scene(background=np.full((180, 320), value, np.float32), noise=1).frames(times)


@pytest.mark.parametrize("fps", [2.0, 5.0, 10.0])
@pytest.mark.parametrize(("value", "kind"), [(2, "black"), (120, "covered")])
def test_covered_and_black_cameras_are_told_once(value: float, kind: str, fps: float) -> None:
    frames = joined(
        Scene().frames(grid(10, fps)),
        flat(value, grid(10, fps, start_s=10)),
        Scene().frames(grid(6, fps, start_s=20)),
    )
    sampler = sampler_of()
    keyframes, states = [], {}
    for frame in frames:
        keyframes += sampler.step(frame)
        states[frame.pts_s] = sampler.tamper
    tamper = [k for k in keyframes if k.trigger == "tamper"]
    assert [k.detail for k in tamper] == [kind]
    assert 12.8 <= tamper[0].pts_s <= 14.2
    assert states[9.0] == ""
    assert states[15.0] == kind
    assert states[24.0] == ""


@pytest.mark.parametrize("fps", [2.0, 5.0, 10.0])
def test_a_frozen_picture_is_told(fps: float) -> None:
    live = Scene(noise=2).frames(grid(5, fps))
    still = [frame_of(live[-1].luma, t, 25 + i) for i, t in enumerate(grid(30, fps, start_s=5))]
    sampler = sampler_of()
    keyframes = run(sampler, live + still)
    assert [(k.trigger, k.detail) for k in keyframes] == [("tamper", "frozen")]
    assert keyframes[0].pts_s == pytest.approx(25, abs=1)
    assert sampler.tamper == "frozen"
    sampler.step(replace(Scene(noise=2, seed=9).frames([36.0])[0], after_gap=False))
    assert sampler.tamper == ""


def test_a_codec_that_repeats_pictures_is_not_frozen() -> None:
    rng = np.random.default_rng(1)
    pictures = [Scene(noise=2).luma(0, rng) for _ in range(10)]
    frames = [frame_of(pictures[int(t // 10)], t, i) for i, t in enumerate(grid(95))]
    assert run(sampler_of(), frames) == []


@pytest.mark.parametrize("fps", [2.0, 5.0, 10.0])
@pytest.mark.parametrize("turn_s", [0.0, 2.0], ids=["knocked", "turned slowly"])
def test_a_moved_camera_is_told(turn_s: float, fps: float) -> None:
    wide = textured(4, width_px=520)
    rng = np.random.default_rng(2)
    frames = []
    for i, t in enumerate(grid(24, fps)):
        share = 0.0 if t < 10 else 1.0 if not turn_s else min(1.0, (t - 10) / turn_s)
        x = round(70 * share)
        luma = wide[:, x : x + 320] + rng.normal(0, 2, (180, 320))
        frames.append(frame_of(np.clip(luma, 0, 255).astype(np.uint8), t, i))
    sampler = sampler_of()
    keyframes = run(sampler, frames)
    assert [k.detail for k in keyframes if k.trigger == "tamper"] == ["moved"]
    assert all(k.trigger != "scene" for k in keyframes)
    assert sampler.tamper == "moved"


def test_a_new_view_becomes_the_usual_one() -> None:
    wide = textured(4, width_px=520)
    frames = []
    rng = np.random.default_rng(2)
    for i, t in enumerate(grid(80, fps=2)):
        part = wide[:, 70:390] if t >= 10 else wide[:, :320]
        luma = part + rng.normal(0, 2, part.shape)
        frames.append(frame_of(np.clip(luma, 0, 255).astype(np.uint8), t, i))
    sampler = sampler_of()
    run(sampler, frames)
    assert sampler.tamper == ""


def test_tamper_can_be_switched_off() -> None:
    frames = joined(Scene().frames(grid(10)), flat(120, grid(10, start_s=10)))
    assert all(k.trigger != "tamper" for k in run(sampler_of(tamper=False), frames))


# Period and command


@pytest.mark.parametrize("fps", [5.0, 2.0, 12.5])
def test_periodic_keyframes_are_on_time(fps: float) -> None:
    keyframes = run(sampler_of(periodic_s=4.0), Scene().frames(grid(18, fps)))
    assert {k.trigger for k in keyframes} == {"periodic"}
    times = [k.pts_s for k in keyframes]
    assert times == pytest.approx([0, 4, 8, 12, 16], abs=1 / fps)


def test_a_period_does_not_drift_nor_catch_up() -> None:
    times = [0.0, 1.0, 5.2, 8.1, 30.0, 31.0, 32.1]
    keyframes = run(sampler_of(periodic_s=4.0), Scene().frames(times))
    assert [k.pts_s for k in keyframes if k.trigger == "periodic"] == [0.0, 5.2, 8.1, 30.0, 32.1]


def test_a_clock_set_back_by_a_reconnect_keeps_the_period() -> None:
    sampler = sampler_of(periodic_s=10.0)
    run(sampler, Scene().frames(grid(4, start_s=5000)))
    later = Scene().frames(grid(8))
    keyframes = run(sampler, [after_gap(later[0]), *later[1:]])
    assert [k.trigger for k in keyframes] == ["periodic"]
    assert keyframes[0].pts_s == pytest.approx(6.2, abs=0.3)


def test_take_gives_the_very_frame() -> None:
    frame = Scene().frames([3.0])[0]
    keyframe = sampler_of().take(frame)
    assert keyframe.trigger == "command"
    assert keyframe.phase is None
    assert (keyframe.camera, keyframe.seq, keyframe.pts_s) == ("yard", 0, 3.0)
    assert np.array_equal(keyframe.image, frame.image())
    assert keyframe.sharpness > 0


# Gaps, sizes, the end


def test_a_gap_alone_gives_nothing() -> None:
    sampler = sampler_of()
    run(sampler, Scene(background=textured(1)).frames(grid(6)))
    rest = Scene(background=textured(2)).frames(grid(6, start_s=600))
    assert run(sampler, rest) == [], "its first frame says after_gap"


def test_a_clock_that_jumps_back_is_a_gap() -> None:
    sampler = sampler_of()
    run(sampler, Scene(background=textured(1)).frames(grid(6, start_s=100)))
    rest = [replace(f, after_gap=False) for f in Scene(background=textured(2)).frames(grid(6))]
    assert run(sampler, rest) == []


def test_what_is_pending_comes_out_before_a_gap() -> None:
    frames = Scene((COMES,)).frames(grid(4.6))
    sampler = sampler_of()
    assert run(sampler, frames) == []
    chosen = sampler.step(after_gap(Scene().frames([60.0])[0]))
    assert [(k.trigger, k.phase) for k in chosen] == [("motion", "peak")]
    assert chosen[0].pts_s < 5
    assert not sampler.is_moving


def test_flush_hands_out_what_is_pending_once() -> None:
    sampler = sampler_of()
    assert run(sampler, Scene((COMES,)).frames(grid(4.6))) == []
    assert [k.phase for k in sampler.flush()] == ["peak"]
    assert sampler.flush() == []


def test_flush_tells_a_scene_that_has_just_come_to_rest() -> None:
    sampler = sampler_of()
    run(sampler, Scene((COMES,)).frames(grid(6.8)))
    assert [k.phase for k in sampler.flush()] == ["after"]


def test_flush_without_frames() -> None:
    assert sampler_of().flush() == []


def test_the_size_may_change() -> None:
    sampler = sampler_of()
    run(sampler, Scene().frames(grid(6)))
    small = textured(1, width_px=240, height_px=180)
    later = Scene((COMES,), background=small).frames(grid(12))
    frames = [replace(f, pts_s=f.pts_s + 6, after_gap=False) for f in later]
    keyframes = run(sampler, frames)
    assert keyframes[0].phase == "peak"
    assert keyframes[-1].phase == "after"
    assert all(k.image.shape == (180, 240, 3) for k in keyframes)
    assert all(k.before is None or k.before.shape == k.image.shape for k in keyframes)


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (16, 16), (320, 16), (40, 300)], ids=str)
def test_tiny_and_odd_sizes_are_survived(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    frames = [
        frame_of(rng.integers(0, 255, (size[1], size[0]), dtype=np.uint8), t, i)
        for i, t in enumerate(grid(4))
    ]
    sampler = sampler_of(mask=(Polygon(((0, 0), (0.5, 0), (0.5, 0.5))),), periodic_s=1.0)
    assert len(run(sampler, frames)) >= 4


def test_a_picture_masked_as_a_whole_is_survived() -> None:
    everything = Polygon(((0, 0), (1, 0), (1, 1), (0, 1)))
    assert run(sampler_of(mask=(everything,)), Scene((COMES,)).frames(grid(12))) == []


# Masks and settings


def test_a_mask_covers_just_its_polygon() -> None:
    mask = rasterise([Polygon(((0.25, 0), (0.75, 0), (0.75, 1), (0.25, 1)))], 10, 40)
    assert mask[:, :9].all()
    assert mask[:, 31:].all()
    assert not mask[:, 11:29].any()


@pytest.mark.parametrize(
    "wrong",
    [
        {"sensitivity": 1.5},
        {"sensitivity": float("nan")},
        {"threshold": 0},
        {"threshold": 256},
        {"contour_area": 0},
        {"lightning_threshold": 0.1},
        {"scene_threshold": -0.1},
        {"periodic_s": 0.0},
        {"max_window_s": -1.0},
    ],
    ids=str,
)
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        sampler_of(**wrong)


def test_boxes_are_inside_the_frame() -> None:
    sampler = sampler_of()
    for keyframe in run(sampler, Scene((COMES,)).frames(grid(14))):
        assert all(isinstance(box, Box) for box in keyframe.boxes)
        assert [box.area for box in keyframe.boxes] == sorted(
            (box.area for box in keyframe.boxes), reverse=True
        )


def test_views_are_not_written_to() -> None:
    # OpenCV's phase correlation multiplies its inputs by the window where it need not pad them.
    old = View.of_luma(textured(1).astype(np.uint8), 0.0)
    new = View.of_luma(textured(2).astype(np.uint8), 1.0)
    small = old.small.copy(), new.small.copy()
    assert not is_shifted(old, new)
    assert np.array_equal(old.small, small[0])
    assert np.array_equal(new.small, small[1])


@pytest.mark.parametrize("shift_px", [24, 80])
def test_a_shifted_view_is_known_again(shift_px: int) -> None:
    wide = textured(4, width_px=520).astype(np.uint8)
    old = View.of_luma(wide[:, :320], 0.0)
    new = View.of_luma(wide[:, shift_px : shift_px + 320], 1.0)
    assert is_shifted(old, new)
    assert not is_shifted(old, old)
