"""What this box holds at the broker, recorded in the store, so that a later run can take it back.

Cameras and rules that went while the daemon was stopped are cleared at its next start, and a name
(`node`, `prefix`) that the box no longer has is handed to the publisher, which sees whether it may
be cleared. Another broker's topics cannot be reached, and are forgotten.
"""

from __future__ import annotations

import logging
from typing import Any

from edge.config.models import Config
from edge.errors import StoreError
from edge.findings import Info
from edge.mqtt.former import Former
from edge.mqtt.publisher import Publisher
from edge.mqtt.settings import MqttSettings
from edge.mqtt.topics import Topics
from edge.store.database import Store

log = logging.getLogger(__name__)

HELD = "held"  # the store's key
MAX_NAMES = 4  # former ones; a box is seldom renamed


def former_names(settings: MqttSettings, store: Store) -> tuple[Former, ...]:
    """The names that this box had at the broker of `settings`, but for the one that it has now."""
    root = Topics(settings.node, settings.prefix, settings.discovery_prefix).root
    return tuple(name for name in _load(settings, store) if name.root != root)[:MAX_NAMES]


def hold(
    config: Config, settings: MqttSettings, publisher: Publisher, store: Store, info: Info
) -> None:
    """Record what is held from now on; clear what was held under this name and is gone."""
    root, topics = publisher.topics.root, held_topics(config, publisher.topics)
    for name in _load(settings, store):
        if name.root == root:
            for topic in set(name.topics) - set(topics):
                publisher.forget_state(topic)
    now = Former(root, topics, info.model_dump_json().encode())
    names = (now, *former_names(settings, store))
    try:
        store.save_state(HELD, {"broker": settings.address, "names": [_as_json(n) for n in names]})
    except StoreError as error:
        log.warning("what this box holds at the broker cannot be recorded: %s", error)


def held_topics(config: Config, topics: Topics) -> tuple[str, ...]:
    """Every retained topic of the configured cameras and rules."""
    of_cameras = [topic for camera in config.cameras for topic in topics.held_by_camera(camera)]
    of_rules = [
        topic
        for rule in config.rules
        for camera in config.cameras_of(rule)
        for topic in topics.held_by_rule(camera, rule)
    ]
    return (*of_cameras, *of_rules)


def _load(settings: MqttSettings, store: Store) -> list[Former]:
    """The recorded names, the latest first; none of another broker's, or where none can be read."""
    try:
        saved = store.load_state(HELD)
        if saved is None or saved["broker"] != settings.address:
            return []
        return [_parse(name) for name in saved["names"]]
    except (StoreError, ValueError, KeyError, TypeError, AttributeError) as error:
        log.warning("what this box held at the broker is not known: %s", error)
        return []


def _as_json(name: Former) -> dict[str, Any]:
    return {"root": name.root, "topics": list(name.topics), "info": name.info.decode()}


def _parse(saved: dict[str, Any]) -> Former:
    return Former(
        str(saved["root"]), tuple(str(t) for t in saved["topics"]), str(saved["info"]).encode()
    )
