"""A program: Home Assistant's own MQTT discovery schemas are asked about our documents.

Run by a Python that has the `homeassistant` package (2025.10 or later), not by that of the tests:
reads {topic: document} as JSON from standard input and prints a JSON list of faults. Home Assistant
leaves out keys that it does not know without a word; here they are faults.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import re
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

import voluptuous
from homeassistant.components.mqtt.discovery import (
    TOPIC_MATCHER,
    MQTTDiscoveryPayload,
    _merge_common_device_options,
)
from homeassistant.components.mqtt.schemas import DEVICE_DISCOVERY_SCHEMA
from homeassistant.core import HomeAssistant


def faults_of(topic: str, document: dict[str, Any]) -> Iterator[str]:
    """What Home Assistant has against one document."""
    prefix, _, rest = topic.partition("/")
    if not TOPIC_MATCHER.match(rest):
        yield f"{topic}: is no discovery topic below {prefix}"
    try:
        DEVICE_DISCOVERY_SCHEMA(MQTTDiscoveryPayload(document))
    except voluptuous.Invalid as error:
        yield f"{topic}: {error}"
        return
    shared = {key: document[key] for key in ("device", "origin")}
    for key, component in document["components"].items():
        if len(component) == 1:  # a removal
            continue
        merged = MQTTDiscoveryPayload(component)
        _merge_common_device_options(merged, document)
        for fault in _component_faults({**shared, **merged}):
            yield f"{topic}: {key}: {fault}"


def _component_faults(config: dict[str, Any]) -> Iterator[str]:
    platform = config.pop("platform")
    module = importlib.import_module(f"homeassistant.components.mqtt.{platform}")
    try:
        checked = module.DISCOVERY_SCHEMA(dict(config))
    except voluptuous.Invalid as error:
        yield str(error)
        return
    yield from (f"{name} is unknown" for name in sorted(set(config) - set(map(str, checked))))
    if not re.fullmatch(rf"{platform}\.[a-z0-9_]+", config["default_entity_id"]):
        yield f"{config['default_entity_id']} is no entity id of {platform}"


async def main() -> None:
    """Check what comes on standard input; templates are only read while a Home Assistant runs."""
    documents = json.load(sys.stdin)
    with tempfile.TemporaryDirectory() as folder:
        running = HomeAssistant(folder)
        faults = [f for topic, one in documents.items() for f in faults_of(topic, one)]
        await running.async_stop(force=True)
    json.dump(faults, sys.stdout)


if __name__ == "__main__":
    asyncio.run(main())
