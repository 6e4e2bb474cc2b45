"""What the box is, what it can take, and what its rules cost."""

from __future__ import annotations

from dataclasses import replace

from edge.pace import Needs, RuleNeed
from edge.present import RuleCost
from tests.support.daemon import wait_until
from tests.web.conftest import Running


def test_budget(box: Running) -> None:
    costs = (RuleCost("person", 2, 1500.0), RuleCost("gate", 0, 0.0))
    box.door.present = replace(box.door.present, costs=costs)
    budget = wait_until(
        lambda: (told := box.get("/api/v1/budget").json())["rules"] and told, "the costs are told"
    )
    assert budget["keyframes_per_hour"] == 3000
    assert budget["waiting"] == 1
    assert (budget["window_s"], budget["load"]) == (10.0, 0.15)
    person, gate = budget["rules"]
    assert person == {"rule": "person", "keyframes": 2, "spent_ms": 1500.0, "share": 1.0}
    assert gate["share"] == 0.0
    assert budget["needs"] is None, "nothing was measured"


def test_what_the_configuration_needs(box: Running) -> None:
    needs = Needs(1200.0, 60.0, 72_000.0, (RuleNeed("person", 600.0, 72_000.0),))
    box.door.present = replace(box.door.present, needs=needs)
    told = wait_until(lambda: box.get("/api/v1/budget").json()["needs"], "the needs are told")
    assert told == {
        "keyframes_per_hour": 3000,
        "keyframe_ms": 1200.0,
        "clocked_per_hour": 60.0,
        "clock_share": 0.02,
        "rules": [{"rule": "person", "each_ms": 600.0, "clock_share": 0.02}],
    }


def test_info(box: Running) -> None:
    info = box.get("/api/v1/info").json()
    assert info["schema"] == "edge.info/1"
    assert info["model"] == {
        "name": "tiny",
        "precision": "int8",
        "demonstration": True,
        "engine": "openvino",
        "answers": "logits",
    }
    assert (info["cameras"], info["rules"]) == (["porch"], ["person"])


def test_a_box_without_a_model(box: Running) -> None:
    box.door.present = replace(box.door.present, model=None)
    wait_until(lambda: box.get("/api/v1/info").json()["model"] is None, "there is no model")
