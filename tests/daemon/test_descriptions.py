"""What a finding says of its descriptions."""

from __future__ import annotations

import pytest

from edge.daemon.descriptions import description_fields
from edge.questions import Description


def own(said: str, /, **details: object) -> Description:
    return Description(said, (), (), (), details=details)


PLAIN = Description("A man.", ("man",), ("STOP",), ("man left of sign",))


@pytest.mark.parametrize(
    ("descriptions", "summary", "details"),
    [
        ([PLAIN], "A man.", {}),
        ([own("n: 3", n=3)], "n: 3", {"n": 3}),
        ([own("n: 3", n=3), own("m: no", m=False)], "n: 3, m: no", {"n": 3, "m": False}),
        ([own("n: 3", n=3), own("n: 4, a: 1", n=4, a=1)], "n: 3, a: 1", {"n": 3, "a": 1}),
        ([own("n: 3", n=3), PLAIN], "A man.", {"n": 3}),
        ([own("Calm.", summary="Calm."), PLAIN], "Calm.", {"summary": "Calm."}),
        ([own(""), own("n: 1", n=1)], "n: 1", {"n": 1}),
    ],
    ids=["built-in", "own", "two", "same key", "both", "own summary", "nothing told"],
)
def test_fields(descriptions: list[Description], summary: str, details: dict[str, object]) -> None:
    fields = description_fields(descriptions)
    assert (fields["summary"], fields["details"]) == (summary, details)
    has_plain = PLAIN in descriptions
    assert fields["objects"] == (["man"] if has_plain else [])
    assert fields["spatial_relations"] == (["man left of sign"] if has_plain else [])


def test_none() -> None:
    assert description_fields([]) == {}
