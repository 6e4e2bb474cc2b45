"""A finding in the terminal: its summary, and what the user's schema asked for."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from edge.cli.finding_lines import show_finding
from tests.support.finding_samples import build_finding

DETAILS = {"people": 3, "shelf_empty": False}


@pytest.mark.parametrize(
    ("fields", "lines"),
    [
        ({"summary": "Two men."}, ["Two men."]),
        ({"summary": "Two men.", "truncated": True}, ["Two men. [cut]"]),
        (
            {"summary": "people: 3, shelf_empty: no", "details": DETAILS},
            ["people: 3, shelf_empty: no"],
        ),
        (
            {"summary": "[b]Two[/b] men.", "details": DETAILS, "truncated": True},
            ["[b]Two[/b] men.", "people: 3, shelf_empty: no [cut]"],
        ),
        ({}, []),
    ],
    ids=["summary", "cut", "values", "both", "nothing"],
)
def test_the_end_shows_what_was_described(fields: dict[str, object], lines: list[str]) -> None:
    text = io.StringIO()
    show_finding(Console(file=text, width=200), build_finding("porch", 1, "end", **fields))
    assert [line.strip() for line in text.getvalue().splitlines()[1:]] == lines
