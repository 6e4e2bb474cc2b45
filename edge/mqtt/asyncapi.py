"""The AsyncAPI document of all topics: what is said where, retained or not, what may be ordered.

Pure. Made of the topics of topics.py and the types that are published, so that it cannot differ
from them. Written by `edge schema`. Source: AsyncAPI 3.0.0 and its MQTT bindings 0.2.0; payloads
are JSON Schema of draft 7, which is what every tool for AsyncAPI reads.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from edge.findings import AskReply, CaptureStats, Finding, Info, RuleAttributes, Stats
from edge.mqtt.commands import (
    ASK_KEYS,
    DESCRIBE_WORDS,
    MAX_ID_CHARS,
    MAX_SENSITIVITY,
    MIN_SENSITIVITY,
)
from edge.mqtt.pool_topics import PoolTopics
from edge.mqtt.topics import Topics
from edge.pool import Job, JobAnswer, WorkerNote
from edge.questions import MAX_OPTION_CHARS, MAX_OPTIONS, MAX_QUESTION_CHARS

ASYNCAPI: Final = "3.0.0"
MQTT_BINDING: Final = "0.2.0"

Schema = dict[str, Any]

_DOCUMENTS: Final[tuple[type[BaseModel], ...]] = (
    Finding,
    Stats,
    Info,
    CaptureStats,
    RuleAttributes,
    AskReply,
    Job,
    JobAnswer,
    WorkerNote,
)
_SCHEMA_REF: Final = "#/components/schemas/{model}"
_NAMES: Final = {
    "prefix": "`mqtt.prefix` of the configuration; `edge` unless set. May have several levels.",
    "node": "`node` of the configuration; the host name unless set.",
    "camera": "A camera's name in the configuration.",
    "rule": "A rule's name in the configuration.",
    "asking": "`node` of a box with `vlm.engine: pool`.",
    "worker": "`node` of a box with `worker: true`.",
    "discovery": "`mqtt.discovery.prefix` of the configuration; `homeassistant` unless set.",
    "device": "The box's id, or a camera's: prefix, node and camera, joined by `-`.",
}


@dataclass(frozen=True, slots=True)
class Channel:
    """A topic, who speaks on it, and what. `about` is empty where the topics' own words do.

    `action` is what this software does. Where both ends of a topic are boxes of ours it is what the
    one end does, and `heard_by` the filter that the other subscribes to.
    """

    id: str
    address: str
    action: Literal["send", "receive"]
    payload: Schema
    about: str = ""
    retained: bool = False
    content_type: str = "text/plain"
    reply_on: str = ""  # the channel of the answer, where the asker names no topic
    heard_by: str = ""


def _words(*words: str) -> Schema:
    return {"type": "string", "enum": list(words)}


def _document(model: type[BaseModel]) -> Schema:
    return {"$ref": _SCHEMA_REF.format(model=model.__name__)}


def build_channels(topics: Topics) -> tuple[Channel, ...]:
    """Every channel there is; `topics` may be made of placeholders."""
    return (
        *_of_node(topics),
        *_of_camera(topics),
        *_commands(topics),
        *_home_assistant(topics),
        *_of_pool(topics.prefix),
    )


def _of_node(topics: Topics) -> tuple[Channel, ...]:
    json_type = "application/json"
    return (
        Channel("status", topics.status, "send", _words("online", "offline", "stopped"),
                _about(Topics.status), retained=True),
        Channel("info", topics.info, "send", _document(Info), _about(Topics.info),
                retained=True, content_type=json_type),
        Channel("stats", topics.stats, "send", _document(Stats), _about(Topics.stats),
                content_type=json_type),
    )  # fmt: skip


def _of_camera(topics: Topics) -> tuple[Channel, ...]:
    camera, rule, json_type = "{camera}", "{rule}", "application/json"
    on_off = _words("ON", "OFF")
    return (
        Channel("cameraStatus", topics.camera_status(camera), "send",
                _words("online", "offline", "stalled", "frozen"),
                _about(Topics.camera_status), retained=True),
        Channel("motion", topics.motion(camera), "send", on_off, _about(Topics.motion),
                retained=True),
        Channel("capture", topics.capture(camera), "send", _document(CaptureStats),
                _about(Topics.capture), retained=True, content_type=json_type),
        Channel("finding", topics.finding(camera), "send", _document(Finding),
                _about(Topics.finding), content_type=json_type),
        Channel("last", topics.last(camera), "send", _document(Finding), _about(Topics.last),
                retained=True, content_type=json_type),
        Channel("rule", topics.rule(camera, rule), "send", on_off, _about(Topics.rule),
                retained=True),
        Channel("ruleAttributes", topics.rule_attributes(camera, rule), "send",
                _document(RuleAttributes), _about(Topics.rule_attributes), retained=True,
                content_type=json_type),
        Channel("snapshot", topics.snapshot(camera), "send",
                {"type": "string", "format": "binary"}, _about(Topics.snapshot), retained=True,
                content_type="image/jpeg"),
        Channel("enabledState", topics.state(camera, "enabled"), "send", on_off,
                _about(Topics.state), retained=True),
        Channel("sensitivityState", topics.state(camera, "sensitivity"), "send",
                {"type": "string", "pattern": "^[0-9]{1,3}$"}, _about(Topics.state), retained=True),
        Channel("describeState", topics.state(camera, "describe"), "send",
                _words(*DESCRIBE_WORDS), _about(Topics.state), retained=True),
        Channel("askReply", topics.ask_reply(camera), "send", _document(AskReply),
                _about(Topics.ask_reply), content_type=json_type),
    )  # fmt: skip


def _commands(topics: Topics) -> tuple[Channel, ...]:
    camera = "{camera}"
    return (
        Channel("probe", topics.probe, "receive", {"type": "string"}, _about(Topics.probe)),
        Channel("enabledSet", topics.command(camera, "enabled"), "receive", _words("ON", "OFF"),
                "Switch the camera's analysis on or off; the result is on `enabled/state`."),
        Channel("sensitivitySet", topics.command(camera, "sensitivity"), "receive",
                {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?$"},
                f"How easily motion triggers, {MIN_SENSITIVITY} (least) to {MAX_SENSITIVITY} "
                "(most); the result is on `sensitivity/state`."),
        Channel("describeSet", topics.command(camera, "describe"), "receive",
                _words(*DESCRIBE_WORDS),
                "When keyframes are described in words; `configured` is what the rules say. The "
                "result is on `describe/state`."),
        Channel("askSet", topics.command(camera, "ask"), "receive", _ask(),
                "A question about what the camera sees now. The answer goes to MQTT 5's response "
                "topic, with the correlation data, or else to `ask/reply`.",
                content_type="application/json", reply_on="askReply"),
        Channel("reloadSet", topics.node_command("reload"), "receive", {"type": "string"},
                "Read the configuration again, whatever is sent."),
        Channel("analyzeSet", topics.node_command("analyze"), "receive", {"type": "string"},
                "Take a keyframe now: a camera's name, `{\"camera\": NAME}`, or nothing for all."),
    )  # fmt: skip


def _home_assistant(topics: Topics) -> tuple[Channel, ...]:
    parts = ("device", "origin", "components")
    document = {
        "type": "object",
        "required": list(parts),
        "properties": {part: {"type": "object"} for part in parts},
    }
    return (
        Channel("discovery", topics.discovery("{device}"), "send", document,
                _about(Topics.discovery), retained=True, content_type="application/json"),
        Channel("discoveryStatus", topics.discovery_status, "receive",
                _words("online", "offline"), _about(Topics.discovery_status)),
    )  # fmt: skip


def _of_pool(prefix: str) -> tuple[Channel, ...]:
    asking, worker = PoolTopics(prefix, "{asking}"), PoolTopics(prefix, "{worker}")
    return (
        Channel("poolJobs", asking.jobs, "send", _document(Job),
                f"{_about(PoolTopics.jobs)} A box with `vlm.engine: pool` names its answers' topic "
                "as MQTT 5's response topic and the job's id as correlation data; the message "
                "expires when no worker takes it.",
                content_type="application/json", reply_on="poolAnswers",
                heard_by=worker.shared_jobs),
        Channel("poolAnswers", asking.answers, "send", _document(JobAnswer),
                f"{_about(PoolTopics.answers)} A worker says that it has taken a job, then what it "
                "gave, each with the job's correlation data.",
                content_type="application/json", heard_by=asking.answers),
        Channel("poolWorker", worker.worker, "send", _document(WorkerNote),
                f"{_about(PoolTopics.worker)} Empty: the worker has left.", retained=True,
                content_type="application/json", heard_by=worker.all_workers),
    )  # fmt: skip


def _ask() -> Schema:
    option = {"type": "string", "minLength": 1, "maxLength": MAX_OPTION_CHARS}
    properties = {
        "id": {"type": "string", "minLength": 1, "maxLength": MAX_ID_CHARS},
        "question": {"type": "string", "minLength": 1, "maxLength": MAX_QUESTION_CHARS},
        "choices": {"type": "array", "minItems": 2, "maxItems": MAX_OPTIONS, "items": option},
    }
    return {
        "type": "object",
        "required": ["id", "question"],
        "properties": {key: properties[key] for key in ASK_KEYS},
        "additionalProperties": False,
    }


def _about(named: object) -> str:
    """What topics.py itself says of a topic."""
    return inspect.getdoc(named) or ""


def build_asyncapi(version: str) -> dict[str, Any]:
    """The whole document. `version` is the program's."""
    channels = build_channels(Topics("{node}", "{prefix}", "{discovery}"))
    return {
        "asyncapi": ASYNCAPI,
        "info": {
            "title": "Edge keyframe analyzer",
            "version": version,
            "description": "What a box says over MQTT, and what it can be told. `send` is what it "
            "publishes, `receive` what it listens to. Retained messages are not taken as orders. "
            "The channels of the pool are between boxes.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {channel.id: _channel(channel) for channel in channels},
        "operations": {
            **{channel.id: _operation(channel) for channel in channels},
            **{f"{channel.id}Heard": _hearing(channel) for channel in channels if channel.heard_by},
        },
        "components": {
            "messages": {channel.id: _message(channel) for channel in channels},
            "schemas": _schemas(),
        },
    }


def _channel(channel: Channel) -> dict[str, Any]:
    names = [name for name in _NAMES if f"{{{name}}}" in channel.address]
    return {
        "address": channel.address,
        "description": channel.about,
        "parameters": {name: {"description": _NAMES[name]} for name in names},
        "messages": {channel.id: {"$ref": f"#/components/messages/{channel.id}"}},
    }


def _operation(channel: Channel) -> dict[str, Any]:
    binding = {"qos": 1, "bindingVersion": MQTT_BINDING}
    if channel.action == "send":
        binding["retain"] = channel.retained
    operation: dict[str, Any] = {
        "action": channel.action,
        "channel": {"$ref": f"#/channels/{channel.id}"},
        "bindings": {"mqtt": binding},
    }
    if channel.reply_on:
        operation["reply"] = {"channel": {"$ref": f"#/channels/{channel.reply_on}"}}
    return operation


def _hearing(channel: Channel) -> dict[str, Any]:
    """What the other end does, where that is a box of ours, too."""
    return {
        "action": "receive",
        "channel": {"$ref": f"#/channels/{channel.id}"},
        "description": f"Subscribed to as `{channel.heard_by}`.",
        "bindings": {"mqtt": {"qos": 1, "bindingVersion": MQTT_BINDING}},
    }


def _message(channel: Channel) -> dict[str, Any]:
    return {"contentType": channel.content_type, "payload": channel.payload}


def _schemas() -> dict[str, Any]:
    wanted: list[tuple[type[BaseModel], Literal["serialization"]]] = [
        (model, "serialization") for model in _DOCUMENTS
    ]
    _, schemas = models_json_schema(wanted, ref_template=_SCHEMA_REF)
    definitions: dict[str, Any] = _as_draft_7(schemas["$defs"])
    return definitions


def _as_draft_7(schema: Any) -> Any:
    """The schema with tuples as draft 7 writes them."""
    if isinstance(schema, list):
        return [_as_draft_7(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        "items" if key == "prefixItems" else key: _as_draft_7(part) for key, part in schema.items()
    }
