"""What the MQTT tests share: a running broker, and publishers that are always stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.mqtt.commands import Command
from edge.mqtt.publisher import Publisher
from edge.mqtt.settings import MqttSettings
from tests.support.broker import Mosquitto, mosquitto_path
from tests.support.memory_outbox import MemoryOutbox

NODE = "box"
STATUS = "edge/box/status"


def settings_for(port: int, **changes: Any) -> MqttSettings:
    """Settings for a test: node `box`, quick retries."""
    values: dict[str, Any] = {
        "host": "127.0.0.1",
        "node": NODE,
        "port": port,
        "retry_first_s": 0.05,
        "retry_max_s": 0.3,
        "connect_timeout_s": 3,
    }
    return MqttSettings(**(values | changes))


def wait_until(condition: Callable[[], bool], timeout_s: float = 10, what: str = "") -> None:
    """Wait for a condition; fails the test after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {timeout_s} s: {what or condition}")
        time.sleep(0.01)


class Node:
    """A publisher with its outbox and the commands it received."""

    def __init__(self, settings: MqttSettings) -> None:
        self.outbox = MemoryOutbox()
        self.commands: list[Command] = []
        self.publisher = Publisher(settings, self.outbox, self.commands.append, ["porch", "yard"])

    def start(self) -> Node:
        self.publisher.start()
        return self

    def wait_connected(self) -> Node:
        wait_until(lambda: self.publisher.connected, what=self.publisher.last_error)
        return self


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    mosquitto_path()
    with Mosquitto(tmp_path / "broker") as running:
        yield running


@pytest.fixture
def make_node() -> Iterator[Callable[..., Node]]:
    """Makes and starts nodes, `make_node(port, **settings)`, and stops them after the test."""
    nodes: list[Node] = []

    def make(port: int, **changes: Any) -> Node:
        node = Node(settings_for(port, **changes))
        nodes.append(node)
        return node.start()

    yield make
    for node in nodes:
        node.publisher.stop(2)
        assert not node.publisher.is_alive()
