"""The mosquitto configuration and ACL that we hand out, in a real mosquitto."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.mqtt.commands import ReloadCommand
from tests.mqtt.conftest import Node, settings_for, wait_until
from tests.support.broker import Mosquitto, Subscriber, mosquitto_path, write_passwords

CONFIGS = Path(__file__).parents[2] / "configs" / "mosquitto"
USERS = {name: f"{name}-password" for name in ("box1", "box2", "dashboard", "homeassistant")}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    """mosquitto as on Debian: its own main file, ours in conf.d."""
    mosquitto_path()
    folder = tmp_path_factory.mktemp("etc")
    write_passwords(folder / "edge.passwords", USERS)
    (folder / "edge.acl").write_text((CONFIGS / "edge.acl").read_text())
    (folder / "conf.d").mkdir()

    def main_file(port: int) -> str:
        ours = (CONFIGS / "edge.conf").read_text()
        ours = ours.replace("/etc/mosquitto/", f"{folder}/")
        ours = ours.replace("\nlistener 1883\n", f"\nlistener {port} 127.0.0.1\n")
        (folder / "conf.d" / "edge.conf").write_text(ours)
        user = "user root\n" if os.geteuid() == 0 else ""
        return (
            f"persistence true\npersistence_location {folder}/\nlog_dest stderr\n{user}"
            f"include_dir {folder}/conf.d\n"
        )

    with Mosquitto(folder, config=main_file) as running:
        yield running


def subscriber_of(broker: Mosquitto, user: str, *filters: str) -> Subscriber:
    return Subscriber(broker.port, *filters, username=user, password=USERS[user])


@pytest.fixture
def box1(broker: Mosquitto) -> Iterator[Node]:
    settings = settings_for(broker.port, node="box1", username="box1", password=USERS["box1"])
    node = Node(settings).start().wait_connected()
    yield node
    node.publisher.stop(2)


def test_a_box_delivers_and_obeys(broker: Mosquitto, box1: Node) -> None:
    discovery = "homeassistant/device/edge-box1-porch/config"
    with subscriber_of(broker, "homeassistant", "edge/#", "homeassistant/#") as home:
        box1.publisher.publish_state("edge/box1/porch/motion", "ON")
        box1.publisher.publish_state(discovery, "{}")
        box1.outbox.add("porch", "finding", topic="edge/box1/porch/finding")
        home.wait_for_payload("edge/box1/porch/motion", "ON")
        home.wait_for_payload("edge/box1/porch/finding", "finding")
        home.wait_for_payload(discovery, "{}")
        wait_until(lambda: "Sending SUBACK to edge-box1" in broker.log)
        home.publish("edge/box1/cmd/reload/set", "")
        wait_until(lambda: box1.commands == [ReloadCommand()])
        home.publish("homeassistant/status", "online")
        home.wait_for(lambda _: len(home.on(discovery)) == 2)
    assert box1.publisher.stats().refused == 0


def test_a_box_cannot_write_in_anothers_name(broker: Mosquitto, box1: Node) -> None:
    with subscriber_of(broker, "dashboard", "edge/#") as dashboard:
        for topic in ("edge/box2/porch/motion", "edge/box2/cmd/reload/set", "homeassistant/status"):
            box1.publisher.publish_state(topic, "forged")
        box1.publisher.publish_state("edge/box1/porch/motion", "OFF")
        dashboard.wait_for_payload("edge/box1/porch/motion", "OFF")
        wait_until(lambda: box1.publisher.stats().refused >= 3)
        assert not [m for m in dashboard.messages if m.payload == b"forged"]


def test_a_box_does_not_hear_anothers_commands(broker: Mosquitto, box1: Node) -> None:
    with (
        subscriber_of(broker, "box2", "edge/+/cmd/+/set") as box2,
        subscriber_of(broker, "homeassistant") as home,
    ):
        home.publish("edge/box1/cmd/reload/set", "1")
        home.publish("edge/box2/cmd/reload/set", "2")
        box2.wait_for_payload("edge/box2/cmd/reload/set", "2")
        assert box2.on("edge/box1/cmd/reload/set") == []


def test_a_dashboard_changes_nothing(broker: Mosquitto, box1: Node) -> None:
    wait_until(lambda: "Sending SUBACK to edge-box1" in broker.log)
    with (
        subscriber_of(broker, "dashboard", "edge/#") as dashboard,
        subscriber_of(broker, "homeassistant", "edge/#") as home,
    ):
        dashboard.publish("edge/box1/cmd/reload/set", "from the dashboard")
        dashboard.publish("edge/box1/status", "forged", retain=True)
        home.publish("edge/box1/cmd/reload/set", "from home")
        home.wait_for_payload("edge/box1/cmd/reload/set", "from home")
        assert home.payloads("edge/box1/cmd/reload/set") == ["from home"]
        assert home.payloads("edge/box1/status") == ["online"]
        wait_until(lambda: len(box1.commands) == 1)
        assert dashboard.payloads("edge/box1/status") == ["online"]


def test_nobody_comes_in_without_a_password(broker: Mosquitto) -> None:
    for changes in ({}, {"username": "box1", "password": "wrong"}):
        node = Node(settings_for(broker.port, node="box1", **changes)).start()
        wait_until(lambda tried=node: "refused" in tried.publisher.last_error)
        node.publisher.stop(1)
