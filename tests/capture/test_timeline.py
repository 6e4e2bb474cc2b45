"""Timestamps: growing time out of bad ones, the grid of frames handed on, lag."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.capture.timeline import FrameGrid, LagMeter, Timeline

INTERVAL_S = 0.04


def place_all(
    raws: list[float | None], monos: list[float] | None = None, *, live: bool = True
) -> tuple[list[float], list[bool]]:
    timeline = Timeline(INTERVAL_S, live=live, start_s=None)
    monos = monos or [i * INTERVAL_S for i in range(len(raws))]
    placed = [timeline.place(raw, mono) for raw, mono in zip(raws, monos, strict=True)]
    return [round(p.pts_s, 4) for p in placed], [p.gap for p in placed]


@pytest.mark.parametrize(
    ("raws", "pts", "gaps"),
    [
        ([7.0, 7.04, 7.08], [0, 0.04, 0.08], []),
        ([None, 0.04, 0.08], [0, 0.04, 0.08], []),
        ([None, 95443.04, 95443.08], [0, 0.04, 0.08], []),
        ([None, None, None], [0, 0.04, 0.08], []),
        ([1.0, None, 1.08], [0, 0.04, 0.08], []),
        ([1.0, 1.0, 1.08], [0, 0.001, 0.08], []),
        ([1.0, 0.9, 1.08], [0, 0.001, 0.08], []),
        ([50.0, 50.04, 1.0, 1.04], [0, 0.04, 0.08, 0.12], [2]),
        ([1.0, 1.04, 9000.0, 9000.04], [0, 0.04, 0.08, 0.12], [2]),
        ([95443.7, 0.01, 0.05], [0, 0.04, 0.08], [1]),
    ],
    ids=["plain", "first-missing", "first-missing-large", "all-missing", "one-missing", "repeated",
         "small-step-back", "restarted-clock", "jump", "wrap"],
)  # fmt: skip
def test_live(raws: list[float | None], pts: list[float], gaps: list[int]) -> None:
    got, broken = place_all(raws)
    assert got == pytest.approx(pts)
    assert [i for i, gap in enumerate(broken) if gap] == gaps


def test_a_live_pause_that_really_passed_keeps_its_length() -> None:
    pts, gaps = place_all([0.0, 0.04, 20.04], [0.0, 0.04, 20.04])
    assert pts == [0.0, 0.04, 20.04]
    assert gaps == [False, False, True]


def test_a_live_clock_that_restarts_after_a_pause_counts_the_pause() -> None:
    pts, gaps = place_all([500.0, 500.04, 0.0], [0.0, 0.04, 3.04])
    assert pts == [0.0, 0.04, 3.04]
    assert gaps == [False, False, True]


def test_a_recordings_pause_is_kept_and_its_damage_is_not() -> None:
    pts, gaps = place_all([0.0, 0.04, 3600.0, 3600.04, 1e9, 1e9 + 0.04], live=False)
    assert pts == pytest.approx([0.0, 0.04, 3600.0, 3600.04, 3600.08, 3600.12])
    assert gaps == [False, False, True, False, True, False]


def test_a_time_lapse_is_not_all_gaps() -> None:
    _, gaps = place_all([0.0, 30.0, 60.0, 90.0], live=False)
    assert gaps == [False, True, False, False]


def test_a_recordings_time_starts_with_the_recording() -> None:
    timeline = Timeline(INTERVAL_S, live=False, start_s=1.4)
    assert timeline.place(1.9, 0.0).pts_s == pytest.approx(0.5)


def test_a_loop_goes_on_growing_after_a_gap() -> None:
    timeline = Timeline(INTERVAL_S, live=False, start_s=0.0)
    first = [timeline.place(raw, 0.0) for raw in (0.0, 0.04)]
    timeline.restart()
    second = [timeline.place(raw, 0.0) for raw in (0.0, 0.04)]
    assert [p.pts_s for p in first + second] == pytest.approx([0.0, 0.04, 0.08, 0.12])
    assert [p.gap for p in first + second] == [False, False, True, False]


@given(
    raws=st.lists(st.none() | st.floats(-1e6, 1e6), min_size=2),
    steps=st.lists(st.floats(0, 100), min_size=1),
    live=st.booleans(),
)
def test_time_always_grows(raws: list[float | None], steps: list[float], live: bool) -> None:
    timeline = Timeline(INTERVAL_S, live=live, start_s=None)
    mono_s, placed = 0.0, []
    for index, raw in enumerate(raws):
        mono_s += steps[index % len(steps)]
        placed.append(timeline.place(raw, mono_s).pts_s)
    assert all(a < b for a, b in pairwise(placed))


@pytest.mark.parametrize(
    ("stream_fps", "grid_fps", "expected"),
    [(25.0, 5.0, 50), (30.0, 5.0, 50), (12.5, 5.0, 50), (5.0, 5.0, 50), (4.0, 5.0, 40),
     (6.0, 5.0, 50), (29.97, 7.0, 70), (25.0, 0.5, 5), (25.0, 100.0, 250)],
)  # fmt: skip
def test_rate_of_frames_on_the_grid(stream_fps: float, grid_fps: float, expected: int) -> None:
    grid = FrameGrid(grid_fps)
    handed_on = sum(grid.is_due(i / stream_fps) for i in range(round(10 * stream_fps)))
    assert handed_on == pytest.approx(expected, abs=1)


def test_frames_of_a_multiple_rate_fall_exactly_on_the_grid() -> None:
    grid = FrameGrid(5.0)
    assert [i for i in range(21) if grid.is_due(i * 0.04)] == [0, 5, 10, 15, 20]


@given(jitter=st.lists(st.floats(-0.012, 0.012), min_size=50, max_size=50))
def test_jitter_neither_loses_nor_adds_a_frame(jitter: list[float]) -> None:
    for stream_fps in (5.0, 25.0):
        grid = FrameGrid(5.0)
        times = [i / stream_fps + jitter[i] for i in range(48)]
        due = [t for t in times if grid.is_due(t)]
        assert len(due) == (48 if stream_fps == 5.0 else 10)


def test_a_pause_owes_no_frames() -> None:
    grid = FrameGrid(5.0)
    times = [0.0, 0.04, 3.0, 3.04, 3.08, 3.12, 3.16, 3.2]
    assert [t for t in times if grid.is_due(t)] == [0.0, 3.0, 3.2]


def test_restarted_grid_takes_the_next_frame() -> None:
    grid = FrameGrid(1.0)
    assert grid.is_due(0.0)
    grid.restart()
    assert grid.is_due(0.1)
    assert not grid.is_due(0.2)


def test_lag_is_measured_against_the_least_delay() -> None:
    meter = LagMeter()
    packets = [(100.0, 5.0), (100.5, 5.1), (101.0, 5.6), (101.5, 8.6), (None, 9.0), (102.0, 6.6)]
    lags = [meter.lag_s(raw_s, mono_s) for raw_s, mono_s in packets]
    assert lags == pytest.approx([0.0, 0.0, 0.0, 2.5, 0.0, 0.0], abs=0.01)


@pytest.mark.parametrize("jump_s", [-50.0, 5000.0])
def test_a_jump_of_the_camera_clock_is_not_lag(jump_s: float) -> None:
    meter = LagMeter()
    meter.lag_s(100.0, 0.0)
    assert meter.lag_s(100.0 + jump_s, 0.04) == 0.0
    assert meter.lag_s(101.0 + jump_s, 4.04) == pytest.approx(3.0, abs=0.01)


def test_a_slow_camera_clock_is_not_lag() -> None:
    meter = LagMeter()
    hour_s = 3600
    worst = max(meter.lag_s(t * (1 - 100e-6), float(t)) for t in range(24 * hour_s))
    assert worst < 0.1


def test_restarted_meter_takes_the_present_delay_for_none() -> None:
    meter = LagMeter()
    meter.lag_s(0.0, 0.0)
    assert meter.lag_s(1.0, 5.0) == pytest.approx(4.0, abs=0.01)
    meter.restart()
    assert meter.lag_s(1.1, 5.1) == 0.0
