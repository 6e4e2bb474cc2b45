"""The entities that Home Assistant is to have: those of the box, of a camera, of its rules.

Pure. Each is a component of a device's discovery document, by its key: what it is called, where its
state comes from, how it is made of what is published there. The documents around them are
discovery.py's. Sources: the MQTT pages of each platform, and Home Assistant's `components/mqtt`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from edge.effort import EFFORTS
from edge.mqtt.commands import DESCRIBE_WORDS, MAX_SENSITIVITY, MIN_SENSITIVITY
from edge.mqtt.topics import Topics

STATS_EXPIRE_S: Final = 180  # the statistics come each minute
MAX_STATE_BYTES: Final = 250  # Home Assistant refuses a state of more than 255 characters
MAX_ASKED_CHARS: Final = 255  # the most that its text entity takes

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


def _cut(text: str) -> str:
    """A template for the expression `text` as a state: cut on a word, unknown if it is empty."""
    return (
        f"{{% set text = {text} %}}{{% set bytes = text.encode() %}}"
        f"{{{{ (text if bytes | length <= {MAX_STATE_BYTES} else"
        f" bytes[:{MAX_STATE_BYTES - 3}].decode('utf-8', 'ignore').rsplit(' ', 1)[0] ~ '…')"
        " or 'None' }}"
    )


_TITLE: Final = _cut(
    "value_json.summary or value_json.verdicts | map(attribute='answer') | join(', ')"
    " or value_json.trigger.kind"
)
_LAST: Final = (
    "{{ dict(value_json.details | default({}), id=value_json.id, camera=value_json.camera,"
    " time=value_json.time, status=value_json.status, severity=value_json.severity,"
    " trigger=value_json.trigger.kind, zones=value_json.zones, summary=value_json.summary,"
    " objects=value_json.objects, texts=value_json.texts,"
    " spatial_relations=value_json.spatial_relations) | tojson }}"
)
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
# From the attributes, not from ON and OFF: state and attributes then change in one step, and a
# state that became unknown is told ("None" is Home Assistant's word for it).
_RULE: Final = "{{ {'on': 'ON', 'off': 'OFF'}.get(value_json.state, 'None') }}"
_QUESTION: Final = "{{ {'id': 'home-assistant', 'question': value} | tojson }}"


def box_components(topics: Topics) -> dict[str, Component]:
    """The entities of the box itself."""

    def number(name: str, template: str, icon: str, **more: object) -> Component:
        return _stats_sensor(topics, name, template) | {
            "icon": icon,
            "state_class": "measurement",
            **more,
        }

    return {
        "analyzer": _stats_sensor(topics, "Analyzer", "value_json.analyzer")
        | {"device_class": "enum", "options": ["loading", "ready", "busy", "failed"]},
        "seconds_per_keyframe": number(
            "Time per keyframe",
            "(value_json.analysis_ms_median / 1000) | round(3)"
            " if value_json.analysis_ms_median is number else None",
            "mdi:timer-outline",
            device_class="duration",
            unit_of_measurement="s",
            suggested_display_precision=2,
        ),
        "budget": number(
            "Budget",
            "value_json.keyframes_per_hour_budget",
            "mdi:speedometer",
            unit_of_measurement="keyframes/h",
        ),
        "effort": _stats_sensor(topics, "Effort", "value_json.effort.step")
        | {"icon": "mdi:stairs-down", "device_class": "enum", "options": list(EFFORTS)},
        "load": number(
            "Load",
            "(value_json.effort.load * 100) | round if value_json.effort.load is number else None",
            "mdi:gauge",
            unit_of_measurement="%",
        ),
        "waiting": number(
            "Waiting keyframes",
            "value_json.counts.waiting",
            "mdi:tray-full",
            unit_of_measurement="keyframes",
        ),
        "outbox": number(
            "Undelivered messages",
            "value_json.outbox.pending",
            "mdi:tray-alert",
            unit_of_measurement="messages",
        ),
        "memory": number(
            "Memory",
            "value_json.rss_mb.values() | sum | round",
            "mdi:memory",
            device_class="data_size",
            unit_of_measurement="MB",
            suggested_display_precision=0,
        ),
        "temperature": number(
            "Processor temperature",
            "value_json.temperature_c",
            "mdi:thermometer",
            device_class="temperature",
            unit_of_measurement="°C",
        ),
        "reload": {
            "platform": "button",
            "name": "Reload configuration",
            "command_topic": topics.node_command("reload"),
            "payload_press": "reload",
            "entity_category": "config",
        },
    }


def _stats_sensor(topics: Topics, name: str, template: str) -> Component:
    return {
        "platform": "sensor",
        "name": name,
        "state_topic": topics.stats,
        "value_template": f"{{{{ {template} }}}}",
        "expire_after": STATS_EXPIRE_S,
        "entity_category": "diagnostic",
    }


def camera_now(
    topics: Topics, camera: CameraEntity, slug: Callable[[str], str]
) -> dict[str, Component]:
    """A camera's entities that mean nothing while it gives no pictures, its rules among them.

    `slug` makes a rule's name part of a key.
    """
    name = camera.name
    components: dict[str, Component] = {
        "motion": {
            "platform": "binary_sensor",
            "name": "Motion",
            "state_topic": topics.motion(name),
            "device_class": "motion",
        },
        "analyze": {
            "platform": "button",
            "name": "Analyze now",
            "command_topic": topics.node_command("analyze"),
            "payload_press": json.dumps({"camera": name}),
            "icon": "mdi:camera-iris",
        },
        "ask": {
            "platform": "text",
            "name": "Ask",
            "command_topic": topics.command(name, "ask"),
            "command_template": _QUESTION,
            "state_topic": topics.ask_reply(name),
            "value_template": f"{{{{ value_json.question[:{MAX_ASKED_CHARS}] }}}}",
            "min": 1,
            "max": MAX_ASKED_CHARS,
            "icon": "mdi:chat-question-outline",
        },
    }
    for rule in camera.rules:
        components[f"rule_{slug(rule.name)}"] = _rule(topics, name, rule)
    return components


def _rule(topics: Topics, camera: str, rule: RuleEntity) -> Component:
    attributes = topics.rule_attributes(camera, rule.name)
    return {
        "platform": "sensor" if rule.reports_only else "binary_sensor",
        "name": rule.title or rule.name,
        "state_topic": attributes,
        "value_template": _cut("value_json.answer") if rule.reports_only else _RULE,
        "json_attributes_topic": attributes,
    }


def camera_always(topics: Topics, camera: CameraEntity) -> dict[str, Component]:
    """A camera's entities that hold whether or not it is there: its settings, and what was."""
    name = camera.name
    return _settings(topics, name) | _past(topics, camera)


def _settings(topics: Topics, camera: str) -> dict[str, Component]:
    return {
        "status": {
            "platform": "binary_sensor",
            "name": "Connection",
            "state_topic": topics.camera_status(camera),
            "value_template": "{{ 'ON' if value == 'online' else 'OFF' }}",
            "device_class": "connectivity",
            "entity_category": "diagnostic",
        },
        "enabled": {
            "platform": "switch",
            "name": "Analysis",
            "command_topic": topics.command(camera, "enabled"),
            "state_topic": topics.state(camera, "enabled"),
            "entity_category": "config",
            "icon": "mdi:eye-outline",
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
            "icon": "mdi:tune-variant",
        },
        "describe": {
            "platform": "select",
            "name": "Descriptions",
            "command_topic": topics.command(camera, "describe"),
            "state_topic": topics.state(camera, "describe"),
            "options": list(DESCRIBE_WORDS),
            "entity_category": "config",
            "icon": "mdi:text-recognition",
        },
    }


def _past(topics: Topics, camera: CameraEntity) -> dict[str, Component]:
    name = camera.name
    components: dict[str, Component] = {
        "finding": {
            "platform": "event",
            "name": "Finding",
            "state_topic": topics.finding(name),
            "event_types": ["new", "update", "end"],
            "value_template": _EVENT,
            "icon": "mdi:eye-check",
        },
        "summary": {
            "platform": "sensor",
            "name": "Last finding",
            "state_topic": topics.last(name),
            "value_template": _TITLE,
            "json_attributes_topic": topics.last(name),
            "json_attributes_template": _LAST,
            "icon": "mdi:text-box-outline",
        },
        "answer": {
            "platform": "sensor",
            "name": "Answer",
            "state_topic": topics.ask_reply(name),
            "value_template": _cut("value_json.answer or value_json.error"),
            "json_attributes_topic": topics.ask_reply(name),
            "icon": "mdi:chat-processing-outline",
        },
    }
    if camera.has_snapshot:
        components["keyframe"] = {
            "platform": "image",
            "name": "Keyframe",
            "image_topic": topics.snapshot(name),
            "content_type": "image/jpeg",
        }
    return components


def default_entity_id(component: Component, device: str, key: str) -> str:
    """What the entity is called in Home Assistant until somebody renames it."""
    name = re.sub(r"[^a-z0-9_]", "_", f"{device}_{key}")
    return f"{component['platform']}.{name}"
