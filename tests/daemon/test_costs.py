"""What rules took of the analyzer's time."""

from __future__ import annotations

import pytest

from edge.daemon.costs import STEP_S, WINDOW_S, Costs
from edge.present import RuleCost


def test_a_pass_is_divided_among_its_rules() -> None:
    costs = Costs()
    costs.count_keyframe(["person", "parcel"], 800.0, 0.0)
    costs.count_keyframe(["parcel"], 500.0, 1.0)
    costs.count_description(["person"], 1000.0, 2.0)
    assert costs.last_hour(["parcel", "person", "gate"], 3.0) == (
        RuleCost("person", 1, 1400.0),
        RuleCost("parcel", 2, 900.0),
        RuleCost("gate", 0, 0.0),
    )


def test_an_hour_is_remembered() -> None:
    costs = Costs()
    for n in range(3):
        costs.count_keyframe(["person"], 100.0, n * STEP_S)
    assert costs.last_hour(["person"], WINDOW_S - 1)[0].keyframes == 3
    assert costs.last_hour(["person"], WINDOW_S + STEP_S)[0].keyframes == 1
    assert costs.last_hour(["person"], WINDOW_S + 2 * STEP_S)[0] == RuleCost("person", 0, 0.0)


def test_rules_that_are_gone_are_not_told() -> None:
    costs = Costs()
    costs.count_keyframe(["old", "new"], 100.0, 0.0)
    assert costs.last_hour(["new"], 1.0) == (RuleCost("new", 1, pytest.approx(50.0)),)
