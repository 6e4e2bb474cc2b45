"""Home Assistant's MQTT discovery: one document for the box and one for each camera.

Pure. Device-based discovery (`device`, `origin`, `components`), as Home Assistant 2024.12 and later
understands it; `default_entity_id` needs 2025.10 and is ignored before. The daemon publishes the
documents as retained states; the publisher repeats them when Home Assistant starts. What entities
there are is entities.py's business. Source: Home Assistant's `components/mqtt/schemas.py`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from typing import Any, Final

from edge.mqtt.entities import (
    CameraEntity,
    Component,
    box_components,
    camera_always,
    camera_now,
    default_entity_id,
)
from edge.mqtt.topics import Topics

ORIGIN_NAME: Final = "edge keyframe analyzer"
# Home Assistant's two words, made of ours: `stopped`, `stalled` and the like mean offline.
_IS_ONLINE: Final = "{{ 'online' if value == 'online' else 'offline' }}"


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
    version: str,
    device: dict[str, Any],
    components: dict[str, Component],
    availability: dict[str, Any],
) -> dict[str, Any]:
    identifier = device["identifiers"][0]
    for key, component in components.items():
        component["qos"] = 1  # each has to say so: the device's is not passed on
        component["unique_id"] = f"{identifier}-{key}"
        component["default_entity_id"] = default_entity_id(component, identifier, key)
    return {
        "device": device,
        "origin": {"name": ORIGIN_NAME, "sw_version": version},
        **availability,
        "components": components,
    }


def _availability(*topics: str) -> dict[str, Any]:
    """Available while `online` is on all of these topics."""
    return {
        "availability": [{"topic": topic, "value_template": _IS_ONLINE} for topic in topics],
        "availability_mode": "all",
    }


def _build_box(topics: Topics, version: str) -> dict[str, Any]:
    device = {
        "identifiers": [device_id(topics)],
        "name": topics.node,
        "manufacturer": ORIGIN_NAME,
        "model": "box",
        "sw_version": version,
    }
    return _build_document(version, device, box_components(topics), _availability(topics.status))


def _build_camera(topics: Topics, version: str, camera: CameraEntity) -> dict[str, Any]:
    device = {
        "identifiers": [device_id(topics, camera.name)],
        "name": camera.name,
        "manufacturer": ORIGIN_NAME,
        "model": "camera",
        "via_device": device_id(topics),
    }
    components = camera_now(topics, camera, _slug)
    for key, component in camera_always(topics, camera).items():
        components[key] = component | _availability(topics.status)
    both = _availability(topics.status, topics.camera_status(camera.name))
    return _build_document(version, device, components, both)
