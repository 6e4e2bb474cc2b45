"""Pace: what a look takes between and beyond what was measured."""

from __future__ import annotations

import math

import pytest

from edge.pace import Pace, PacePoint

PACE = Pace(
    (
        PacePoint(100, 1, 10.0),
        PacePoint(100, 4, 16.0),
        PacePoint(200, 1, 20.0),
        PacePoint(200, 4, 32.0),
    )
)


@pytest.mark.parametrize(
    ("pixels", "questions", "ms"),
    [
        pytest.param(100, 1, 10, id="as measured"),
        pytest.param(150, 1, 15, id="between sizes"),
        pytest.param(100, 2, 12, id="between numbers of questions"),
        pytest.param(150, 4, 24, id="between both"),
        pytest.param(300, 1, 30, id="larger"),
        pytest.param(100, 7, 22, id="more questions"),
        pytest.param(10, 1, 10, id="smaller costs as much as the smallest"),
    ],
)
def test_lines(pixels: int, questions: int, ms: float) -> None:
    assert PACE.look_ms(pixels, questions) == pytest.approx(ms)


def test_one_point_tells_of_all() -> None:
    assert Pace((PacePoint(100, 1, 10.0),)).look_ms(5000, 9) == 10


def test_noise_does_not_make_more_cost_less() -> None:
    pace = Pace((PacePoint(100, 1, 10.0), PacePoint(200, 1, 8.0)))
    assert pace.look_ms(10_000, 1) == 8


@pytest.mark.parametrize(
    ("pixels", "questions", "ms"), [(0, 1, 1.0), (1, 0, 1.0), (1, 1, 0.0), (1, 1, math.nan)]
)
def test_what_is_no_measurement(pixels: int, questions: int, ms: float) -> None:
    with pytest.raises(ValueError, match="not a measurement"):
        PacePoint(pixels, questions, ms)


def test_nothing_is_no_pace() -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        Pace(())
