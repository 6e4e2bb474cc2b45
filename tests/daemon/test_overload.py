"""Overload: told when most keyframes go unseen, with the figures, and not too often."""

from __future__ import annotations

import pytest

from edge.daemon.overload import TOLD_AGAIN_S, OverloadWatch
from edge.findings import KeyframeCounts


def counts(analysed: int, superseded: int, stale: int = 0) -> KeyframeCounts:
    return KeyframeCounts(
        keyframes=analysed + superseded + stale,
        analysed=analysed,
        superseded=superseded,
        stale=stale,
    )


def test_most_keyframes_unseen_is_told_with_figures_and_remedy() -> None:
    watch = OverloadWatch()
    assert watch.line(counts(5, 1), 0, None, is_up=True) == ""
    assert watch.line(counts(6, 40), 30, 9000, is_up=True) == ""  # too short a time
    line = watch.line(counts(7, 54, 3), 180, 61_000, is_up=True)
    assert "In the last 3 min it looked at 2 of 58 keyframes; 53 gave way to newer ones" in line
    assert "3 waited for too long. One takes 61.0 s here." in line
    for key in ("zones", "sensitivity", "edge tune", "vlm.pixels: small"):
        assert key in line


def test_lasting_overload_is_told_every_ten_minutes() -> None:
    watch = OverloadWatch()
    lines = [
        watch.line(counts(minute, 20 * minute), 60.0 * minute, None, is_up=True)
        for minute in range(31)
    ]
    told = [minute for minute, line in enumerate(lines) if line]
    assert told == [1, 11, 21]
    assert TOLD_AGAIN_S == 600
    assert "In the last 10 min it looked at 10 of 210 keyframes" in lines[11]


@pytest.mark.parametrize(
    "later",
    [
        pytest.param(counts(0, 9), id="few"),
        pytest.param(counts(100, 100), id="half of them seen"),
    ],
)
def test_silence(later: KeyframeCounts) -> None:
    watch = OverloadWatch()
    assert watch.line(counts(0, 0), 0, None, is_up=True) == ""
    assert watch.line(later, 120, None, is_up=True) == ""


def test_a_burst_long_ago_does_not_count() -> None:
    watch = OverloadWatch()
    watch.line(counts(0, 0), 0, None, is_up=True)
    assert watch.line(counts(0, 9), 60, None, is_up=True) == ""
    assert watch.line(counts(0, 9), 600, None, is_up=True) == ""
    assert watch.line(counts(0, 18), 660, None, is_up=True) == ""
    assert watch.line(counts(0, 19), 720, None, is_up=True) != ""


def test_keyframes_missed_without_a_model_do_not_count() -> None:
    watch = OverloadWatch()
    watch.line(counts(0, 0), 0, None, is_up=False)
    assert watch.line(counts(0, 0, 500), 60, None, is_up=False) == ""
    assert watch.line(counts(0, 0, 505), 120, None, is_up=True) == ""


def test_a_model_that_is_replaced_at_its_deadline_is_too_slow() -> None:
    watch = OverloadWatch()
    watch.line(counts(0, 0), 0, None, is_up=True)
    line = watch.line(counts(0, 30), 60, None, is_up=False)
    assert "In the last 1 min it looked at 0 of 30 keyframes" in line
