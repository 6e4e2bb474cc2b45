"""Durations and sizes as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.config.quantities import (
    MAX_DURATION_S,
    MAX_SIZE_BYTES,
    format_duration,
    format_size,
    parse_duration,
    parse_size,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("5m", 300),
        ("2h", 7200),
        ("1d", 86_400),
        ("1h30m", 5400),
        ("1h 30m", 5400),
        ("250ms", 0.25),
        ("1s500ms", 1.5),
        ("1.5h", 5400),
        ("0s", 0),
        ("0", 0),
        (0, 0),
        (0.0, 0),
        (" 5m ", 300),
        ("3650d", MAX_DURATION_S),
    ],
)
def test_durations(text: object, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        *(30, 1.5, True, False, None, "", "30", "s", "-5s", "5 minutes", "5min", "1m1h", "1s1s"),
        *("0.1ms", "3651d", "1e3s", "5M", "1h30", "٣s", ["5s"], {"s": 5}, "5s5", "inf", "1..5s"),
    ],
)
def test_what_is_no_duration(text: object) -> None:
    with pytest.raises(ValueError, match=r".+\."):
        parse_duration(text)


@given(st.integers(0, int(MAX_DURATION_S * 1000)))
def test_durations_round_trip(milliseconds: int) -> None:
    written = format_duration(milliseconds / 1000)
    assert parse_duration(written) == milliseconds / 1000
    assert format_duration(parse_duration(written)) == written


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("200MB", 200_000_000),
        ("2GB", 2_000_000_000),
        ("2gb", 2_000_000_000),
        ("1.5 GB", 1_500_000_000),
        ("1GiB", 2**30),
        ("500kB", 500_000),
        ("500KB", 500_000),
        ("17B", 17),
        ("0B", 0),
        ("8192TiB", MAX_SIZE_BYTES),
    ],
)
def test_sizes(text: str, size_bytes: int) -> None:
    assert parse_size(text) == size_bytes


@pytest.mark.parametrize(
    "text",
    [
        200,
        0,
        True,
        None,
        "",
        "200",
        "MB",
        "-1MB",
        "2G",
        "2 gigabytes",
        "9000TiB",
        "iB",
        "5m",
        ["1B"],
    ],
)
def test_what_is_no_size(text: object) -> None:
    with pytest.raises(ValueError, match=r".+\."):
        parse_size(text)


@given(st.integers(0, MAX_SIZE_BYTES))
def test_sizes_round_trip(size_bytes: int) -> None:
    written = format_size(size_bytes)
    assert parse_size(written) == size_bytes
    assert format_size(parse_size(written)) == written
