"""Details on one line."""

from __future__ import annotations

import pytest

from edge.details import MAX_LINE_CHARS, one_line


@pytest.mark.parametrize(
    ("details", "line"),
    [
        ({}, ""),
        ({"people": 3, "queue": "short", "empty": False}, "people: 3, queue: short, empty: no"),
        ({"a": None, "b": True, "c": 0.5, "d": ""}, "a: unknown, b: yes, c: 0.5, d:"),
        ({"a": ["x", 2], "b": []}, "a: x / 2, b: none"),
        ({"a": {"b": 1, "c": [{"d": True}]}}, "a: (b: 1, c: (d: yes))"),
        ({"a": "two  words\n"}, "a: two words"),
    ],
)
def test_line(details: dict[str, object], line: str) -> None:
    assert one_line(details) == line


def test_the_line_is_bounded() -> None:
    line = one_line({"a": "x" * 1000})
    assert len(line) == MAX_LINE_CHARS
    assert line.endswith("x…")
    assert one_line({"a": "x" * 7}, 10) == "a: xxxxxxx"
