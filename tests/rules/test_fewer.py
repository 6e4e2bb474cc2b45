"""Few questions: which rules are asked, and that none is forgotten."""

from __future__ import annotations

from collections import Counter

import pytest

from edge.rules.fewer import MAX_QUESTIONS, choose_few
from edge.rules.rule import Rule
from tests.support.rules import make_rule


def names(rules: list[Rule]) -> list[str]:
    return [rule.name for rule in rules]


def test_rules_of_one_look_come_together() -> None:
    rules = [make_rule(f"r{n}") for n in range(MAX_QUESTIONS + 3)]
    assert names(choose_few(rules, {}, 0.0)) == names(rules[:MAX_QUESTIONS])
    assert names(choose_few(rules[:2], {}, 0.0)) == ["r0", "r1"]


def test_a_rule_that_was_never_asked_goes_first_then_the_severe() -> None:
    mild, severe = make_rule("mild", severity=0), make_rule("severe", severity=2, zones=("left",))
    assert names(choose_few([mild, severe], {}, 10.0)) == ["severe"]
    assert names(choose_few([mild, severe], {"severe": 0.0}, 10.0)) == ["mild"]


def test_the_severe_are_asked_oftener_and_none_is_forgotten() -> None:
    rules = [
        make_rule("information", severity=0, zones=("left",)),
        make_rule("warning", severity=1, zones=("right",)),
        make_rule("alarm", severity=2),
    ]
    last: dict[str, float] = {}
    asked: Counter[str] = Counter()
    for second in range(1, 1301):
        (chosen,) = choose_few(rules, last, float(second))
        last[chosen.name] = float(second)
        asked[chosen.name] += 1
    assert asked["alarm"] > 2 * asked["warning"] > 4 * asked["information"] > 0
    assert asked["information"] >= 80


def test_the_order_of_the_rules_stays() -> None:
    rules = [make_rule("a", severity=0), make_rule("b", severity=2), make_rule("c", severity=1)]
    last = {"a": 0.0, "b": 0.0, "c": 0.0}
    assert names(choose_few(rules, last, 10.0)) == ["a", "b", "c"]


def test_a_clock_that_stands_still_is_no_trouble() -> None:
    rules = [make_rule("a", zones=("left",)), make_rule("b")]
    assert len(choose_few(rules, {"a": 5.0, "b": 5.0}, 5.0)) == 1


@pytest.mark.parametrize("num", [1, 9])
def test_one_at_least(num: int) -> None:
    assert choose_few([make_rule(f"r{n}") for n in range(num)], {}, 0.0)
