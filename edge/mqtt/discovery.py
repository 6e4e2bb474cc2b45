"""Home Assistant's MQTT discovery: one document for the box and one for each camera.

Pure. Device-based discovery (`device`, `origin`, `components`), as Home Assistant 2024.12 and later
understands it; `default_entity_id` needs 2025.10 and is ignored before. The daemon publishes the
documents as retained states; the publisher repeats them when Home Assistant starts.
Sources: Home Assistant's `components/mqtt/schemas.py` and the MQTT pages of each platform.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from edge.mqtt.commands import MAX_SENSITIVITY, MIN_SENSITIVITY
from edge.mqtt.topics import Topics

ORIGIN_NAME: Final = "edge keyframe analyzer"
STATS_EXPIRE_S: Final = 180  # the statistics come each minute

# Home Assistant refuses a state of more than 255 characters.
_TITLE: Final = (
    "{{ (value_json.summary or value_json.verdicts | map(attribute='answer') | join(', ')"
    " or value_json.trigger.kind)[:250] }}"
)
_DETAILS: Final = "{{ value_json.details | default({}) | tojson }}"
_ANSWER: Final = "{{ value_json.answer[:250] }}"
# An event's payload must be an object with `event_type`; the other keys become attributes.
_EVENT: Final = (
    "{{ {'event_type': value_json.type, 'id': value_json.id, 'camera': value_json.camera,"
    " 'time': value_json.time, 'status': value_json.status, 'severity': value_json.severity,"
    " 'trigger': value_json.trigger.kind, 'zones': value_json.zones,"
    " 'summary': value_json.summary[:250], 'objects': value_json.objects,"
    " 'details': value_json.details | default({}),"
    " 'alerts': value_json.verdicts | selectattr('alert') | map(attribute='rule') | list,"
    " 'verdicts': value_json.verdicts} | tojson }}"
)

Component = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RuleEntity:
    """A rule at a camera. One that only reports has a value instead of ON and OFF."""

    name: str
    title: str = ""  # shown to people; the name if empty
    reports_only: bool = False


@dataclass(frozen=True, slots=True)
class CameraEntity:
    """A camera, its rules, and whether its keyframes are published as pictures."""

    name: str
    rules: tuple[RuleEntity, ...] = ()
    has_snapshot: bool = False


def build_discovery(
    topics: Topics, version: str, cameras: Iterable[CameraEntity]
) -> dict[str, bytes]:
    """The documents of a box and its cameras: topic -> JSON. `version` is the program's."""
    box_id = device_id(topics)
    documents = {topics.discovery(box_id): _build_box(topics, version)}
    for camera in cameras:
        topic = topics.discovery(device_id(topics, camera.name))
        documents[topic] = _build_camera(topics, version, camera)
    return {
        topic: json.dumps(document, separators=(",", ":")).encode()
        for topic, document in documents.items()
    }


def with_removals(old: bytes, new: bytes) -> bytes:
    """`new`, telling Home Assistant also to remove the entities that only `old` has.

    A component is removed by naming its platform and nothing else; leaving it out is not enough.
    Both are documents of the same device, made by `build_discovery`.
    """
    document = json.loads(new)
    components = document["components"]
    for key, component in json.loads(old)["components"].items():
        components.setdefault(key, {"platform": component["platform"]})
    return json.dumps(document, separators=(",", ":")).encode()


def device_id(topics: Topics, camera: str = "") -> str:
    """The id of the box, or of one of its cameras, unique on the broker."""
    names = [topics.prefix, topics.node] + ([camera] if camera else [])
    return "-".join(_slug(name) for name in names)


def _slug(name: str) -> str:
    """`name` as letters, digits and `_`; a name that had to be changed gets a hash of itself.

    Discovery topics allow no other characters (besides `-`, which separates the names here), and
    entity ids only lower case.
    """
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    if plain == name:
        return plain
    digest = hashlib.sha256(name.encode()).hexdigest()[:6]
    return f"{plain}_{digest}" if plain else digest


def _build_document(
    topics: Topics, version: str, device: dict[str, Any], components: dict[str, Component]
) -> dict[str, Any]:
    identifier = device["identifiers"][0]
    for key, component in components.items():
        component["unique_id"] = f"{identifier}-{key}"
        entity = re.sub(r"[^a-z0-9_]", "_", f"{identifier}_{key}")
        component["default_entity_id"] = f"{component['platform']}.{entity}"
    return {
        "device": device,
        "origin": {"name": ORIGIN_NAME, "sw_version": version},
        # `stopped` is neither of Home Assistant's two words, so a template makes it one.
        "availability": [
            {
                "topic": topics.status,
                "value_template": "{{ 'online' if value == 'online' else 'offline' }}",
            }
        ],
        "qos": 1,
        "components": components,
    }


def _build_box(topics: Topics, version: str) -> dict[str, Any]:
    device = {
        "identifiers": [device_id(topics)],
        "name": topics.node,
        "manufacturer": ORIGIN_NAME,
        "model": "box",
        "sw_version": version,
    }

    def number(name: str, path: str, unit: str, icon: str) -> Component:
        return _stats_sensor(topics, name, path) | {
            "unit_of_measurement": unit,
            "icon": icon,
            "state_class": "measurement",
        }

    components = {
        "analyzer": _stats_sensor(topics, "Analyzer", "analyzer")
        | {"device_class": "enum", "options": ["loading", "ready", "busy", "failed"]},
        "analysis": number("Analysis time", "analysis_ms_median", "ms", "mdi:timer-outline"),
        "budget": number("Budget", "keyframes_per_hour_budget", "keyframes/h", "mdi:speedometer"),
        "waiting": number("Waiting keyframes", "counts.waiting", "keyframes", "mdi:tray-full"),
        "outbox": number("Undelivered messages", "outbox.pending", "messages", "mdi:tray-alert"),
        "reload": {
            "platform": "button",
            "name": "Reload configuration",
            "command_topic": topics.node_command("reload"),
            "payload_press": "reload",
            "entity_category": "config",
        },
    }
    return _build_document(topics, version, device, components)


def _stats_sensor(topics: Topics, name: str, path: str) -> Component:
    return {
        "platform": "sensor",
        "name": name,
        "state_topic": topics.stats,
        "value_template": f"{{{{ value_json.{path} }}}}",
        "expire_after": STATS_EXPIRE_S,
        "entity_category": "diagnostic",
    }


def _build_camera(topics: Topics, version: str, camera: CameraEntity) -> dict[str, Any]:
    name = camera.name
    device = {
        "identifiers": [device_id(topics, name)],
        "name": name,
        "manufacturer": ORIGIN_NAME,
        "model": "camera",
        "via_device": device_id(topics),
    }
    components = _camera_readings(topics, name) | _camera_controls(topics, name)
    if camera.has_snapshot:
        components["keyframe"] = {
            "platform": "image",
            "name": "Keyframe",
            "image_topic": topics.snapshot(name),
            "content_type": "image/jpeg",
        }
    for rule in camera.rules:
        components[f"rule_{_slug(rule.name)}"] = _build_rule(topics, name, rule)
    return _build_document(topics, version, device, components)


def _camera_readings(topics: Topics, camera: str) -> dict[str, Component]:
    return {
        "finding": {
            "platform": "event",
            "name": "Finding",
            "state_topic": topics.finding(camera),
            "event_types": ["new", "update", "end"],
            "value_template": _EVENT,
            "icon": "mdi:eye-check",
        },
        "summary": {
            "platform": "sensor",
            "name": "Last finding",
            "state_topic": topics.last(camera),
            "value_template": _TITLE,
            "json_attributes_topic": topics.last(camera),
            "json_attributes_template": _DETAILS,
            "icon": "mdi:text-box-outline",
        },
        "motion": {
            "platform": "binary_sensor",
            "name": "Motion",
            "state_topic": topics.motion(camera),
            "device_class": "motion",
        },
        "status": {
            "platform": "binary_sensor",
            "name": "Connection",
            "state_topic": topics.camera_status(camera),
            "value_template": "{{ 'ON' if value == 'online' else 'OFF' }}",
            "device_class": "connectivity",
            "entity_category": "diagnostic",
        },
    }


def _camera_controls(topics: Topics, camera: str) -> dict[str, Component]:
    return {
        "enabled": {
            "platform": "switch",
            "name": "Analysis",
            "command_topic": topics.command(camera, "enabled"),
            "state_topic": topics.state(camera, "enabled"),
            "entity_category": "config",
        },
        "sensitivity": {
            "platform": "number",
            "name": "Motion sensitivity",
            "command_topic": topics.command(camera, "sensitivity"),
            "state_topic": topics.state(camera, "sensitivity"),
            "min": MIN_SENSITIVITY,
            "max": MAX_SENSITIVITY,
            "step": 1,
            "unit_of_measurement": "%",
            "entity_category": "config",
        },
        "analyze": {
            "platform": "button",
            "name": "Analyze now",
            "command_topic": topics.node_command("analyze"),
            "payload_press": json.dumps({"camera": camera}),
        },
    }


def _build_rule(topics: Topics, camera: str, rule: RuleEntity) -> Component:
    attributes = topics.rule_attributes(camera, rule.name)
    common = {"name": rule.title or rule.name, "json_attributes_topic": attributes}
    if rule.reports_only:
        return common | {
            "platform": "sensor",
            "state_topic": attributes,
            "value_template": _ANSWER,
        }
    return common | {"platform": "binary_sensor", "state_topic": topics.rule(camera, rule.name)}
