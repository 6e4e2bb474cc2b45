"""Home Assistant's discovery documents."""

from __future__ import annotations

import json
import re
from typing import Any

import jinja2
import pytest

from edge.findings import RuleAttributes, VerdictReport
from edge.mqtt.commands import AnalyzeCommand, Incoming, ReloadCommand, parse_command
from edge.mqtt.discovery import (
    CameraEntity,
    RuleEntity,
    build_discovery,
    device_id,
    with_removals,
)
from edge.mqtt.topics import Topics
from tests.support.finding_samples import build_finding

TOPICS = Topics("box1")
PORCH = CameraEntity(
    "porch",
    rules=(
        RuleEntity("parcel", title="Parcel at the door"),
        RuleEntity("plate", reports_only=True),
    ),
    has_snapshot=True,
)
# Home Assistant's TOPIC_MATCHER (components/mqtt/discovery.py).
TOPIC_PATTERN = re.compile(r"homeassistant/device/(?:[a-zA-Z0-9_-]+/)?[a-zA-Z0-9_-]+/config")
ENTITY_PATTERN = re.compile(r"[a-z_]+\.[a-z0-9_]+")

# What each platform cannot do without.
REQUIRED = {
    "binary_sensor": {"state_topic"},
    "sensor": {"state_topic"},
    "event": {"state_topic", "event_types"},
    "image": {"image_topic"},
    "switch": {"command_topic"},
    "number": {"command_topic"},
    "button": {"command_topic"},
}


def documents(*cameras: CameraEntity, topics: Topics = TOPICS) -> dict[str, Any]:
    built = build_discovery(topics, "1.2.3", cameras)
    return {topic: json.loads(payload) for topic, payload in built.items()}


def render(template: str, payload: str) -> str:
    """As Home Assistant does: the text, and the parsed JSON where it is JSON."""
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)
    names: dict[str, Any] = {"value": payload}
    if payload.startswith("{"):
        names["value_json"] = json.loads(payload)
    return environment.from_string(template).render(names)


def porch_components() -> dict[str, Any]:
    return documents(PORCH)["homeassistant/device/edge-box1-porch/config"]["components"]


def test_one_document_for_the_box_and_one_for_each_camera() -> None:
    found = documents(PORCH, CameraEntity("yard"))
    assert list(found) == [
        "homeassistant/device/edge-box1/config",
        "homeassistant/device/edge-box1-porch/config",
        "homeassistant/device/edge-box1-yard/config",
    ]
    box, porch, yard = found.values()
    assert porch["device"]["via_device"] == box["device"]["identifiers"][0] == "edge-box1"
    assert "keyframe" in porch["components"]
    assert "keyframe" not in yard["components"]


def test_every_component_has_what_its_platform_needs() -> None:
    unique_ids: list[str] = []
    for document in documents(PORCH, CameraEntity("yard")).values():
        assert set(document) == {"device", "origin", "availability", "qos", "components"}
        assert document["origin"] == {"name": "edge keyframe analyzer", "sw_version": "1.2.3"}
        for component in document["components"].values():
            assert REQUIRED[component["platform"]] <= set(component)
            assert component["name"]
            assert "object_id" not in component
            assert ENTITY_PATTERN.fullmatch(component["default_entity_id"])
            assert component["default_entity_id"].startswith(component["platform"] + ".")
            unique_ids.append(component["unique_id"])
    assert len(unique_ids) == len(set(unique_ids)) > 15


@pytest.mark.parametrize("status", ["online", "offline", "stopped"])
def test_the_box_is_available_only_while_online(status: str) -> None:
    (entry,) = documents()["homeassistant/device/edge-box1/config"]["availability"]
    assert entry["topic"] == "edge/box1/status"
    expected = "online" if status == "online" else "offline"
    assert render(entry["value_template"], status) == expected


def test_a_finding_becomes_an_event_of_its_type() -> None:
    verdict = VerdictReport(
        rule="parcel", answer="yes", probability=0.9, verdict="yes", state="on", alert=True
    )
    hostile = "x" * 300 + "</script>'\"{{ 7*7 }}"
    document = build_finding("porch", 0).model_copy(
        update={
            "type": "update",
            "verdicts": [verdict],
            "summary": hostile,
            "details": {"people": 3, "said": hostile},
        }
    )
    component = porch_components()["finding"]
    rendered = json.loads(render(component["value_template"], document.model_dump_json()))
    assert rendered["event_type"] in component["event_types"]
    assert rendered["event_type"] == "update"
    assert rendered["id"] == document.id
    assert rendered["summary"] == hostile[:250]
    assert rendered["details"] == {"people": 3, "said": hostile}
    assert rendered["alerts"] == ["parcel"]
    assert rendered["verdicts"][0]["probability"] == 0.9


@pytest.mark.parametrize(
    ("changes", "title"),
    [
        ({"summary": "A parcel lies on the step."}, "A parcel lies on the step."),
        ({"summary": "ä" * 400}, "ä" * 250),
        (
            {
                "verdicts": [
                    VerdictReport(rule="r", answer="yes", probability=1, verdict="yes", state="on"),
                    VerdictReport(rule="c", answer="3", probability=1, verdict="no", state="off"),
                ]
            },
            "yes, 3",
        ),
        ({}, "motion"),
    ],
    ids=["summary", "cut", "answers", "trigger"],
)
def test_the_title_is_the_best_short_text(changes: dict[str, Any], title: str) -> None:
    document = build_finding("porch", 0).model_copy(
        update={"summary": "", "verdicts": []} | changes
    )
    template = porch_components()["summary"]["value_template"]
    assert render(template, document.model_dump_json()) == title


def test_details_are_attributes_of_the_last_finding() -> None:
    sensor = porch_components()["summary"]
    assert sensor["json_attributes_topic"] == sensor["state_topic"] == "edge/box1/porch/last"
    document = build_finding("porch", 0, details={"people": 3, "open": None})
    template = sensor["json_attributes_template"]
    assert json.loads(render(template, document.model_dump_json())) == {"people": 3, "open": None}
    older = '{"summary": "as an older version left it"}'
    assert json.loads(render(template, older)) == {}


def test_a_rule_is_a_binary_sensor_and_a_reporting_one_a_sensor() -> None:
    components = porch_components()
    parcel, plate = components["rule_parcel"], components["rule_plate"]
    assert (parcel["platform"], parcel["name"]) == ("binary_sensor", "Parcel at the door")
    assert parcel["state_topic"] == "edge/box1/porch/rule/parcel"
    assert parcel["json_attributes_topic"] == "edge/box1/porch/rule/parcel/attributes"
    assert (plate["platform"], plate["name"]) == ("sensor", "plate")
    attributes = RuleAttributes(
        rule="plate", camera="porch", state="unknown", since=None, answer="AB 123"
    )
    assert plate["state_topic"] == "edge/box1/porch/rule/plate/attributes"
    assert render(plate["value_template"], attributes.model_dump_json()) == "AB 123"


def test_controls_send_what_the_publisher_understands() -> None:
    components = porch_components()
    analyze = components["analyze"]
    sent = Incoming(analyze["command_topic"], analyze["payload_press"].encode())
    assert parse_command(TOPICS, ["porch"], sent) == AnalyzeCommand("porch")
    reload = documents()["homeassistant/device/edge-box1/config"]["components"]["reload"]
    sent = Incoming(reload["command_topic"], reload["payload_press"].encode())
    assert parse_command(TOPICS, [], sent) == ReloadCommand()
    sensitivity = components["sensitivity"]
    for value in (sensitivity["min"], sensitivity["max"]):
        sent = Incoming(sensitivity["command_topic"], str(value).encode())
        parse_command(TOPICS, ["porch"], sent)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("front door", "front_door"),
        ("Porch", "porch"),
        ("tür", "tur"),
        ("门", "窗"),
        ("a-b", "a_b"),
    ],
)
def test_unlike_names_never_share_an_id(first: str, second: str) -> None:
    found = documents(CameraEntity(first), CameraEntity(second), topics=Topics("Box 1"))
    assert len(found) == 3
    assert all(TOPIC_PATTERN.fullmatch(topic) for topic in found)


def test_ids_tell_node_camera_and_prefix_apart() -> None:
    ids = {
        device_id(Topics("a-b")),
        device_id(Topics("a"), "b"),
        device_id(Topics("b", prefix="edge/a")),
        device_id(Topics("b", prefix="other")),
    }
    assert len(ids) == 4


def test_a_removed_rule_is_named_for_removal() -> None:
    topic = "homeassistant/device/edge-box1-porch/config"
    old = build_discovery(TOPICS, "1", [PORCH])[topic]
    new = build_discovery(TOPICS, "1", [CameraEntity("porch", has_snapshot=True)])[topic]
    components = json.loads(with_removals(old, new))["components"]
    assert components["rule_parcel"] == {"platform": "binary_sensor"}
    assert components["rule_plate"] == {"platform": "sensor"}
    assert components["motion"] == json.loads(new)["components"]["motion"]
    assert with_removals(new, new) == new
