"""What holds for any scene: noise is nothing; clocks, brightness and rates do not matter."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.frames import Frame, Keyframe
from edge.sampler.sampler import Sampler
from edge.sampler.settings import SamplerSettings
from tests.support.synthetic_scene import Scene, Thing, frame_of, grid, textured, walks


def played(frames: list[Frame]) -> list[Keyframe]:
    sampler = Sampler(SamplerSettings("yard"))
    return [k for frame in frames for k in sampler.step(frame)] + sampler.flush()


def visits(
    size: float, speed: float, y: float, luma: int
) -> tuple[Thing, list[tuple[float, float]]]:
    """Something crosses twice, from the left and from the right; and when it is in the picture."""
    way_s = (1 + size) / speed
    spans = [(3.0, 3 + way_s), (10 + way_s, 10 + 2 * way_s)]
    box = (size, min(0.9 - y, 3 * size))
    there = walks(*spans[0], frm=(-size, y), to=(1.0, y), size=box)
    back = walks(*spans[1], frm=(1.0, y), to=(-size, y), size=box)
    return Thing(lambda t: there(t) or back(t), luma), spans


things = st.builds(
    visits,
    size=st.floats(0.04, 0.25),
    speed=st.floats(0.15, 0.4),
    y=st.floats(0.05, 0.5),
    luma=st.sampled_from([40, 210]),
)


def told(keyframes: list[Keyframe], shift_s: float = 0.0) -> list[object]:
    return [
        (round(k.pts_s - shift_s, 3), k.trigger, k.phase, k.boxes, round(k.score, 6))
        for k in keyframes
    ]


@settings(max_examples=10, deadline=None)
@given(
    noise=st.floats(0, 40),
    seed=st.integers(0, 10_000),
    fps=st.sampled_from([1.0, 2.0, 5.0, 10.0, 25.0]),
    gain=st.floats(0.2, 1.2),
)
def test_a_static_scene_gives_nothing_whatever_its_noise(
    noise: float, seed: int, fps: float, gain: float
) -> None:
    scene = Scene(noise=noise, seed=seed, background=textured(seed), light=lambda _t: (gain, 0.0))
    assert played(scene.frames(grid(min(20.0, 60 / fps), fps))) == []


@settings(max_examples=4, deadline=None)
@given(
    visit=things,
    shift_s=st.floats(0, 1e6),
    brightness=st.integers(-20, 20),
    seed=st.integers(0, 1000),
)
def test_another_clock_and_constant_brightness_change_nothing(
    visit: tuple[Thing, list[tuple[float, float]]], shift_s: float, brightness: int, seed: int
) -> None:
    thing, spans = visit
    frames = Scene((thing,), noise=1.5, seed=seed).frames(grid(spans[1][1] + 3))
    shift_s = round(shift_s * 64) / 64  # so that times keep their distances exactly enough
    other = [
        replace(
            frame_of((f.luma.astype(np.int16) + brightness).astype(np.uint8), f.pts_s, f.seq),
            pts_s=f.pts_s + shift_s,
        )
        for f in frames
    ]
    plain = told(played(frames))
    assert plain
    assert [one[:3] for one in told(played(other), shift_s)] == [one[:3] for one in plain]


@settings(max_examples=4, deadline=None)
@given(visit=things, seed=st.integers(0, 1000))
def test_halving_the_frame_rate_keeps_the_events(
    visit: tuple[Thing, list[tuple[float, float]]], seed: int
) -> None:
    thing, spans = visit
    frames = Scene((thing,), noise=1.5, seed=seed).frames(grid(spans[1][1] + 4, 10.0))
    for every in (1, 2, 4):
        times = [k.pts_s for k in played(frames[::every])]
        for begins_s, ends_s in spans:
            assert any(begins_s <= t <= ends_s for t in times), (every, spans, times)
        assert all(
            any(begins_s <= t <= ends_s + 1.5 for begins_s, ends_s in spans) for t in times
        ), (every, spans, times)
