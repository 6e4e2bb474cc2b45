"""configs/home.yaml as the daemon would run it: its configuration, topics and discovery."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from edge.config.load import load_config
from edge.config.models import Config
from edge.daemon.wiring import discovery_documents, mqtt_settings
from edge.mqtt.topics import Topics

CONFIGS = Path(__file__).parents[2] / "configs"


@cache
def home_config() -> Config:
    """The file's configuration, with passwords of no consequence."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MQTT_PASSWORD", "x")
        patch.setenv("CAMERA_PASSWORD", "x")
        return load_config(CONFIGS / "home.yaml").config


def home_topics() -> Topics:
    """Its topics."""
    settings = mqtt_settings(home_config())
    return Topics(settings.node, settings.prefix, settings.discovery_prefix)


def home_discovery() -> dict[str, dict[str, Any]]:
    """What Home Assistant is told, by topic."""
    documents = discovery_documents(home_config(), home_topics())
    return {topic: json.loads(document) for topic, document in documents.items()}


def home_entities() -> dict[str, dict[str, Any]]:
    """The components by the entity ids that they get."""
    return {
        component["default_entity_id"]: component
        for document in home_discovery().values()
        for component in document["components"].values()
    }
