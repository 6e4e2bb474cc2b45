"""Home Assistant's discovery documents."""

from __future__ import annotations

import json
import re
from typing import Any

import jinja2
import jinja2.sandbox
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.findings import AskReply, RuleAttributes, VerdictReport
from edge.mqtt.commands import (
    AnalyzeCommand,
    AskCommand,
    Incoming,
    ReloadCommand,
    SetDescribe,
    parse_command,
)
from edge.mqtt.discovery import build_discovery, device_id, with_removals
from edge.mqtt.entities import MAX_STATE_BYTES, CameraEntity, RuleEntity
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
    "select": {"command_topic", "options"},
    "text": {"command_topic"},
}


def documents(*cameras: CameraEntity, topics: Topics = TOPICS) -> dict[str, Any]:
    built = build_discovery(topics, "1.2.3", cameras)
    return {topic: json.loads(payload) for topic, payload in built.items()}


def render(template: str, payload: str) -> str:
    """As Home Assistant does: the text, and the parsed JSON where it is JSON, in a sandbox."""
    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
        undefined=jinja2.StrictUndefined, autoescape=False
    )
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
        keys = {"device", "origin", "availability", "availability_mode", "components"}
        assert set(document) == keys
        assert document["origin"] == {"name": "edge keyframe analyzer", "sw_version": "1.2.3"}
        for component in document["components"].values():
            assert REQUIRED[component["platform"]] <= set(component)
            assert component["name"]
            assert component["qos"] == 1
            assert "object_id" not in component
            assert ENTITY_PATTERN.fullmatch(component["default_entity_id"])
            assert component["default_entity_id"].startswith(component["platform"] + ".")
            unique_ids.append(component["unique_id"])
    assert len(unique_ids) == len(set(unique_ids)) > 15


def test_what_a_camera_and_a_box_are_in_home_assistant() -> None:
    platforms = {key: c["platform"] for key, c in porch_components().items()}
    assert platforms == {
        "rule_parcel": "binary_sensor",
        "rule_plate": "sensor",
        "finding": "event",
        "summary": "sensor",
        "keyframe": "image",
        "motion": "binary_sensor",
        "status": "binary_sensor",
        "enabled": "switch",
        "sensitivity": "number",
        "describe": "select",
        "analyze": "button",
        "ask": "text",
        "answer": "sensor",
    }
    box = documents()["homeassistant/device/edge-box1/config"]["components"]
    assert {"waiting", "seconds_per_keyframe", "memory", "temperature", "reload"} <= set(box)
    diagnostic = {key for key, c in box.items() if c.get("entity_category") == "diagnostic"}
    assert diagnostic == set(box) - {"reload"}


def test_what_is_about_now_needs_the_camera_and_the_rest_the_box_alone() -> None:
    document = documents(PORCH)["homeassistant/device/edge-box1-porch/config"]
    assert document["availability_mode"] == "all"
    both = [entry["topic"] for entry in document["availability"]]
    assert both == ["edge/box1/status", "edge/box1/porch/status"]
    own = {key for key, c in document["components"].items() if "availability" in c}
    # who switched a camera off must be able to switch it on again
    assert own >= {"status", "enabled", "sensitivity", "describe", "finding", "summary", "keyframe"}
    assert own.isdisjoint({"motion", "rule_parcel", "rule_plate", "ask", "analyze"})
    for key in own:
        (entry,) = document["components"][key]["availability"]
        assert entry["topic"] == "edge/box1/status"
    for status in ("stalled", "frozen", "offline"):
        assert render(document["availability"][1]["value_template"], status) == "offline"


STATS = {
    "analysis_ms_median": 790.4,
    "keyframes_per_hour_budget": 4556,
    "counts": {"waiting": 2},
    "outbox": {"pending": 3},
    "analyzer": "ready",
    "rss_mb": {"main": 101.4, "analyzer": 1410.2},
    "temperature_c": 61.5,
    "effort": {"step": "small", "since": None, "load": 0.83, "load_at_full": 1.7},
}


@pytest.mark.parametrize(
    ("key", "state"),
    [
        ("seconds_per_keyframe", "0.79"),
        ("budget", "4556"),
        ("waiting", "2"),
        ("outbox", "3"),
        ("analyzer", "ready"),
        ("memory", "1512.0"),
        ("temperature", "61.5"),
        ("effort", "small"),
        ("load", "83.0"),
    ],
)
def test_the_box_tells_how_it_is(key: str, state: str) -> None:
    component = documents()["homeassistant/device/edge-box1/config"]["components"][key]
    assert render(component["value_template"], json.dumps(STATS)) == state
    unknown = STATS | dict.fromkeys(
        ("analysis_ms_median", "keyframes_per_hour_budget", "temperature_c")
    )
    unknown["effort"] = STATS["effort"] | {"load": None}
    told = render(component["value_template"], json.dumps(unknown))
    is_left_out = key in ("seconds_per_keyframe", "budget", "temperature", "load")
    assert told == ("None" if is_left_out else state)


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
        ({"summary": "ä" * 400}, "ä" * 123 + "…"),
        ({"summary": "word " * 60}, ("word " * 49).strip() + "…"),
        ({"summary": "x" * 250}, "x" * 250),
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
    ids=["summary", "cut", "cut on a word", "just fits", "answers", "trigger"],
)
def test_the_title_is_the_best_short_text(changes: dict[str, Any], title: str) -> None:
    document = build_finding("porch", 0).model_copy(
        update={"summary": "", "verdicts": []} | changes
    )
    template = porch_components()["summary"]["value_template"]
    assert render(template, document.model_dump_json()) == title
    assert len(title.encode()) <= MAX_STATE_BYTES


@settings(deadline=None)
@given(summary=st.text(min_size=1, max_size=600))
def test_whatever_was_written_the_state_fits(summary: str) -> None:
    document = build_finding("porch", 0).model_copy(update={"summary": summary})
    template = porch_components()["summary"]["value_template"]
    state = render(template, document.model_dump_json())
    assert len(state.encode()) <= MAX_STATE_BYTES
    if len(summary.encode()) <= MAX_STATE_BYTES:
        assert state == summary
    else:
        assert summary.startswith(state.removesuffix("…"))


def test_the_last_finding_has_all_of_it_as_attributes() -> None:
    sensor = porch_components()["summary"]
    assert sensor["json_attributes_topic"] == sensor["state_topic"] == "edge/box1/porch/last"
    document = build_finding("porch", 0, details={"people": 3, "open": None, "id": "not ours"})
    document = document.model_copy(update={"summary": "A long text. " * 40})
    template = sensor["json_attributes_template"]
    shown = json.loads(render(template, document.model_dump_json()))
    assert (shown["people"], shown["open"], shown["id"]) == (3, None, document.id)
    assert shown["summary"] == document.summary
    assert shown["trigger"] == "motion"
    keys = ("camera", "time", "status", "severity", "zones", "objects", "texts")
    for key in (*keys, "spatial_relations"):
        assert shown[key] == json.loads(document.model_dump_json())[key]


def test_a_rule_is_a_binary_sensor_and_a_reporting_one_a_sensor() -> None:
    components = porch_components()
    parcel, plate = components["rule_parcel"], components["rule_plate"]
    assert (parcel["platform"], parcel["name"]) == ("binary_sensor", "Parcel at the door")
    # one topic for both, so that who waits for the state reads the attributes that belong to it
    assert parcel["state_topic"] == "edge/box1/porch/rule/parcel/attributes"
    assert parcel["json_attributes_topic"] == parcel["state_topic"]
    for word, state in (("on", "ON"), ("off", "OFF"), ("unknown", "None")):
        told = RuleAttributes(rule="parcel", camera="porch", state=word, since=None)
        assert render(parcel["value_template"], told.model_dump_json()) == state
    assert (plate["platform"], plate["name"]) == ("sensor", "plate")
    attributes = RuleAttributes(
        rule="plate", camera="porch", state="unknown", since=None, answer="AB 123"
    )
    assert plate["state_topic"] == "edge/box1/porch/rule/plate/attributes"
    assert render(plate["value_template"], attributes.model_dump_json()) == "AB 123"
    unasked = attributes.model_copy(update={"answer": ""})
    assert render(plate["value_template"], unasked.model_dump_json()) == "None"


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
    describe = components["describe"]
    for word in describe["options"]:
        sent = Incoming(describe["command_topic"], word.encode())
        assert parse_command(TOPICS, ["porch"], sent) == SetDescribe("porch", word)


@pytest.mark.parametrize("question", ["Is it open?", 'A "quoted" \\ </b> one, ä', "x" * 255])
def test_a_question_typed_in_home_assistant_is_one_here(question: str) -> None:
    component = porch_components()["ask"]
    payload = render(component["command_template"], question)
    command = parse_command(
        TOPICS, ["porch"], Incoming(component["command_topic"], payload.encode())
    )
    assert isinstance(command, AskCommand)
    assert command.question == question
    assert command.reply_to.topic == component["state_topic"] == "edge/box1/porch/ask/reply"
    reply = AskReply(id=command.id, camera="porch", question=question, answer="yes " * 100)
    assert render(component["value_template"], reply.model_dump_json()) == question
    shown = render(porch_components()["answer"]["value_template"], reply.model_dump_json())
    assert shown.startswith("yes yes")
    assert len(shown.encode()) <= MAX_STATE_BYTES
    failed = reply.model_copy(update={"answer": "", "error": "no picture"})
    told = render(porch_components()["answer"]["value_template"], failed.model_dump_json())
    assert told == "no picture"


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
