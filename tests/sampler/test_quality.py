"""A keyframe's quality, and that the best moment of a movement is the one that is kept."""

from __future__ import annotations

import numpy as np
import pytest

from edge.frames import Frame, Keyframe
from edge.geometry import Box
from edge.sampler.sampler import Sampler
from edge.sampler.settings import SamplerSettings
from tests.support.synthetic_scene import Scene, Thing, frame_of, grid, textured, walks


def peaks(frames: list[Frame], **options: object) -> list[Keyframe]:
    sampler = Sampler(SamplerSettings("yard", **options))  # type: ignore[arg-type]
    keyframes = [k for frame in frames for k in sampler.step(frame)] + sampler.flush()
    return [k for k in keyframes if k.phase == "peak"]


def crossing(size: tuple[float, float], luma: int = 235) -> Thing:
    return Thing(walks(4, 9, frm=(-size[0], 0.3), to=(1.0, 0.3), size=size), luma)


def best(frames: list[Frame]) -> float:
    return max(k.quality for k in peaks(frames))


def test_quality_is_a_share_and_a_larger_thing_is_better() -> None:
    small = best(Scene((crossing((0.05, 0.1)),)).frames(grid(12)))
    large = best(Scene((crossing((0.15, 0.5)),)).frames(grid(12)))
    assert 0 < small < large < 1
    assert large > 0.5


def test_what_the_border_cuts_is_worse() -> None:
    def half_in(t: float) -> Box | None:
        return Box(0.0, 0.3, min(0.06, 0.02 * (t - 4)), 0.7) if 4.5 < t < 9 else None

    def wholly_in(t: float) -> Box | None:
        return Box(0.1, 0.3, 0.1 + min(0.06, 0.02 * (t - 4)), 0.7) if 4.5 < t < 9 else None

    cut, whole = (best(Scene((Thing(at),)).frames(grid(12))) for at in (half_in, wholly_in))
    assert cut < whole


def test_a_faint_thing_is_worse_than_a_clear_one() -> None:
    soft = Thing(crossing((0.15, 0.5)).box_at, luma=150)
    sharp = crossing((0.15, 0.5))
    assert best(Scene((soft,)).frames(grid(12))) < best(Scene((sharp,)).frames(grid(12)))


@pytest.mark.parametrize("window_s", [1.0, 2.0])
def test_of_several_pictures_the_largest_whole_one_is_kept(window_s: float) -> None:
    def comes_near(t: float) -> Box | None:
        if not 4 <= t < 7:
            return None
        size = 0.1 + 0.2 * min(1.0, (t - 4) / 1.0)
        x = 0.3 + 0.05 * (t - 4)
        return Box(x, 0.2, x + size, 0.2 + 2 * size)

    frames = Scene((Thing(comes_near),)).frames(grid(12))
    first = peaks(frames, max_window_s=window_s)[0]
    assert 4.8 <= first.pts_s <= 4 + window_s + 0.3
    assert peaks(frames, max_window_s=0.0)[0].pts_s < 4.8


def test_what_has_just_been_shown_is_worth_half() -> None:
    def stands_and_turns(t: float) -> Box | None:
        if t < 4:
            return None
        x = 0.4 + 0.02 * np.sin(2 * t)
        return Box(x, 0.3, x + 0.1, 0.8)

    shown = peaks(Scene((Thing(stands_and_turns),)).frames(grid(40)))
    others = [k.quality for k in shown[1:]]
    assert all(quality < shown[0].quality for quality in others)


def test_whole_frames_are_rated_too() -> None:
    frame = frame_of(textured().astype(np.uint8), 0.0)
    assert 0.5 < Sampler(SamplerSettings("yard")).take(frame).quality <= 1
