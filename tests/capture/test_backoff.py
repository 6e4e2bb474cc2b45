"""The waits between tries."""

import pytest

from edge.capture.backoff import DELAYS_S, JITTER_FRAC, Backoff


def steady(random: float = 0.5) -> Backoff:
    return Backoff(lambda: random)


def test_delays_grow_to_a_minute_and_stay() -> None:
    backoff = steady()
    assert [backoff.failed() for _ in range(8)] == [1, 2, 5, 10, 30, 60, 60, 60]


@pytest.mark.parametrize(("random", "factor"), [(0.0, 0.8), (0.5, 1.0), (1.0, 1.2)])
def test_jitter_is_a_fifth_either_way(random: float, factor: float) -> None:
    backoff = steady(random)
    assert [backoff.failed() for _ in DELAYS_S] == pytest.approx([d * factor for d in DELAYS_S])
    assert pytest.approx(0.2) == JITTER_FRAC


@pytest.mark.parametrize(
    ("frames_mono_s", "next_delay_s"),
    [
        ([], 5.0),
        ([0.0], 5.0),
        ([0.0, 30.0, 59.9], 5.0),
        ([0.0, 30.0, 60.0], 1.0),
        ([100.0, 500.0], 1.0),
    ],
    ids=str,
)
def test_a_minute_of_frames_starts_over(frames_mono_s: list[float], next_delay_s: float) -> None:
    backoff = steady()
    backoff.failed()
    backoff.failed()
    for mono_s in frames_mono_s:
        backoff.frame(mono_s)
    assert backoff.failed() == next_delay_s


def test_short_connections_do_not_add_up_to_a_minute() -> None:
    backoff = steady()
    delays = []
    for start_s in range(0, 200, 40):
        backoff.frame(start_s)
        backoff.frame(start_s + 39.0)
        delays.append(backoff.failed())
    assert delays == [1, 2, 5, 10, 30]


def test_a_refused_source_waits_longest_at_once() -> None:
    backoff = steady()
    assert backoff.refused() == 60.0
    assert backoff.failed() == 60.0
