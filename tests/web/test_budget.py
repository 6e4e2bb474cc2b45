"""What the box is, what it can take, and what its rules cost."""

from __future__ import annotations

from dataclasses import replace

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
