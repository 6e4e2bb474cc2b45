"""Rule: what it refuses, and when two rules mean the same."""

from __future__ import annotations

import math

import pytest

from edge.calibration import Calibration
from edge.condition import parse_condition
from edge.questions import count, text, yes_no
from edge.rules.rule import Rule
from edge.schedule import parse_schedule
from tests.support.rules import make_rule


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"name": ""}, "has no name"),
        ({"cameras": ()}, "has no camera"),
        ({"question": yes_no("other", "?")}, "asks the question 'other'"),
        ({"triggers": frozenset()}, "never asked"),
        ({"every_s": 0.0}, "`every` above 0 s, not 0.0"),
        ({"every_s": math.nan}, "`every` above 0 s"),
        ({"confirm": 0}, "`confirm` and `clear` of at least 1, not 0, 1"),
        ({"clear": 0}, "`confirm` and `clear` of at least 1, not 1, 0"),
        ({"min_confidence": 0.4}, "`min_confidence` within 0.5 to 1, not 0.4"),
        ({"min_confidence": 1.1}, "`min_confidence` within 0.5 to 1"),
        ({"min_confidence": math.nan}, "`min_confidence` within 0.5 to 1"),
        ({"for_s": -1.0}, "`for` of at least 0 s, not -1.0"),
        ({"for_s": math.inf}, "`for` of at least 0 s"),
        ({"cooldown_s": math.nan}, "`cooldown` of at least 0 s"),
        ({"severity": 3}, "severity of 0 to 2, not 3"),
        ({"severity": -1}, "severity of 0 to 2"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_refuses(changes: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=f"^rule '.*' .*{says}"):
        make_rule(**changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "condition",
    [
        parse_condition("count", count("q", "?").options, ">= 2"),
        parse_condition("text", (), "stop"),
    ],
    ids=["count", "text"],
)
def test_refuses_the_condition_of_another_question(condition: object) -> None:
    with pytest.raises(ValueError, match="a condition for another question"):
        Rule(
            name="parcel",
            question=yes_no("parcel", "?"),
            condition=condition,  # type: ignore[arg-type]
            cameras=("porch",),
        )


def test_asking_only_every_so_often_needs_no_trigger() -> None:
    assert make_rule(triggers=frozenset(), every_s=60.0).every_s == 60.0


@pytest.mark.parametrize(
    ("changes", "is_same"),
    [
        ({}, True),
        ({"confirm": 3, "clear": 2, "for_s": 5.0, "cooldown_s": 9.0, "severity": 2}, True),
        ({"schedule": parse_schedule("Mo-Fr"), "describe": "never", "every_s": 5.0}, True),
        ({"cameras": ("porch", "yard"), "min_confidence": 0.9}, True),
        ({"calibration": Calibration(2.0)}, True),
        ({"alert": "no"}, False),
        ({"alert": None}, False),
        ({"zones": ("left",)}, False),
        ({"question": yes_no("parcel", "Is there a big parcel?")}, False),
        ({"question": count("parcel", "Is there a parcel?"), "alert": ">= 1"}, False),
    ],
    ids=str,
)
def test_meaning(changes: dict[str, object], is_same: bool) -> None:
    changed = make_rule(**changes)  # type: ignore[arg-type]
    assert (changed.meaning == make_rule().meaning) is is_same


def test_meaning_of_a_text_rule_depends_on_its_pattern() -> None:
    meanings = {
        make_rule(question=text("parcel", "Read it."), alert=alert).meaning
        for alert in ("/a/", "/a/i", "/b/", "a", None)
    }
    assert len(meanings) == 4  # `a` is the pattern a without case
