"""A subscriber that acts as Home Assistant: what it is told of a box, and that it all lives."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import jinja2.sandbox
import pytest

from tests.mqtt.test_home_assistant import faults_of
from tests.support.broker import Message, Mosquitto, Subscriber
from tests.support.contract import PUBLISHED, check_message
from tests.support.daemon import DaemonProcess

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

WAIT_S = 120.0  # on a machine that is busy with other things

CAMERA = "  {name}: {{input: 'demo:yard?seed={seed}&fps=5', periodic: 5s}}\n"
CONFIG = """
node: box
mqtt: {{host: 127.0.0.1, port: {port}, snapshots: true}}
http: {{enabled: false}}
vlm: {{model: demo, deadline: 5s, reuse: 0s}}
store: {{folder: ./store}}
cameras:
{cameras}
rules:
  person: {{ask: "Is there a person?", when: {{on: [motion, periodic]}}, describe: never}}
  sign: {{read: "What is on the sign?", max_chars: 20, when: {{on: periodic}}, describe: never}}
"""
RENDER = jinja2.sandbox.ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined)


class HomeAssistant:
    """What Home Assistant makes of the discovery documents; its commands go out through `mqtt`."""

    def __init__(self, mqtt: Subscriber) -> None:
        self.mqtt = mqtt

    def documents(self) -> dict[str, dict[str, Any]]:
        """The last one of each device that was not removed."""
        payloads = {
            m.topic: m.payload for m in self.mqtt.messages if m.topic.startswith("homeassistant/d")
        }
        return {topic: json.loads(payload) for topic, payload in payloads.items() if payload}

    def entity(self, entity_id: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """An entity's component and the document that it is in."""
        for document in self.documents().values():
            for component in document["components"].values():
                if component.get("default_entity_id") == entity_id:
                    return component, document
        raise KeyError(entity_id)

    def command(self, entity_id: str, value: str = "") -> None:
        """Press, switch or set the entity."""
        component, _ = self.entity(entity_id)
        payload = component.get("payload_press", value)
        if template := component.get("command_template"):
            payload = RENDER.from_string(template).render(value=value)
        self.mqtt.publish(component["command_topic"], payload)

    def wait_for(self, entity_id: str, *states: str, timeout_s: float = WAIT_S) -> str:
        """Wait until the entity has one of these states, any at all if none is named."""

        def has_state(messages: list[Message]) -> bool:
            return (state := self.state(entity_id, messages)) is not None and (
                not states or state in states
            )

        self.mqtt.wait_for(has_state, timeout_s)
        return str(self.state(entity_id, self.mqtt.messages))

    def state(self, entity_id: str, messages: list[Message]) -> str | None:
        """The entity's state as the messages so far make it; None if there is none yet."""
        component, document = self.entity(entity_id)
        shared = component if "availability" in component else document
        for entry in shared["availability"]:
            said = [m.text for m in messages if m.topic == entry["topic"]]
            if not said or _render(entry["value_template"], said[-1]) != "online":
                return "unavailable"
        topic = component.get("state_topic", component.get("image_topic"))
        told = [m for m in messages if m.topic == topic and m.payload]
        if not told:
            return None
        if component["platform"] == "image":
            return "image" if told[-1].payload.startswith(b"\xff\xd8") else "broken"
        if "json_attributes_topic" in component:
            said = [m.text for m in messages if m.topic == component["json_attributes_topic"]]
            template = component.get("json_attributes_template")
            attributes = _render(template, said[-1]) if template else said[-1]
            assert isinstance(json.loads(attributes), dict)
        template = component.get("value_template")
        state = _render(template, told[-1].text) if template else told[-1].text
        if component["platform"] == "event":
            assert not told[-1].retain, "Home Assistant leaves retained events out"
            state = json.loads(state)["event_type"]
            assert state in component["event_types"]
        assert len(state) <= 255
        return state


def _render(template: str, payload: str) -> str:
    names: dict[str, Any] = {"value": payload}
    if payload.startswith("{"):
        names["value_json"] = json.loads(payload)
    return RENDER.from_string(template).render(names)


def test_home_assistant(broker: Mosquitto, subscriber: Subscriber, tmp_path: Path) -> None:
    both = CAMERA.format(name="porch", seed=1) + CAMERA.format(name="back-yard", seed=2)
    config = CONFIG.format(port=broker.port, cameras=both)
    ha = HomeAssistant(subscriber)
    porch = "edge_box_porch"
    with DaemonProcess(tmp_path, config) as daemon:
        assert daemon.process is not None
        subscriber.wait_for(lambda _: len(ha.documents()) == 3, WAIT_S)
        assert [
            fault for document in ha.documents().values() for fault in faults_of(document)
        ] == []
        entities = [
            component["default_entity_id"]
            for document in ha.documents().values()
            for component in document["components"].values()
        ]
        assert len(set(entities)) == len(entities) > 30

        ha.wait_for(f"binary_sensor.{porch}_status", "ON")
        ha.command(f"text.{porch}_ask", 'Is the "gate" open?')
        ha.wait_for(f"text.{porch}_ask", 'Is the "gate" open?')
        ha.command(f"number.{porch}_sensitivity", "77")
        ha.wait_for(f"number.{porch}_sensitivity", "77")
        ha.command(f"select.{porch}_describe", "always")
        ha.wait_for(f"select.{porch}_describe", "always")
        ha.command(f"button.{porch}_analyze")
        subscriber.wait_for(lambda ms: any(b'"kind":"command"' in m.payload for m in ms), WAIT_S)
        ha.command("button.edge_box_reload")
        subscriber.wait_for(lambda _: daemon.log.count("was read again") == 1, WAIT_S)
        subscriber.wait_for(lambda ms: any(m.topic.endswith("/snapshot") for m in ms), WAIT_S)
        for device in ("edge-box", "edge-box-porch"):
            for component in ha.documents()[f"homeassistant/device/{device}/config"][
                "components"
            ].values():
                if component["platform"] != "button":
                    state = ha.wait_for(component["default_entity_id"])
                    assert state != "unavailable", component

        ha.command(f"switch.{porch}_enabled", "OFF")
        ha.wait_for(f"switch.{porch}_enabled", "OFF")
        ha.wait_for(f"binary_sensor.{porch}_motion", "unavailable")
        ha.command(f"switch.{porch}_enabled", "ON")  # it is still there to be switched on
        ha.wait_for(f"switch.{porch}_enabled", "ON")

        told = {topic: len(subscriber.on(topic)) for topic in ha.documents()}
        subscriber.publish("homeassistant/status", "online")
        subscriber.wait_for(
            lambda _: all(len(subscriber.on(t)) == n + 1 for t, n in told.items()), WAIT_S
        )

        daemon.config.write_text(CONFIG.format(port=broker.port, cameras=both.splitlines()[1]))
        daemon.process.send_signal(signal.SIGHUP)
        subscriber.wait_for(lambda _: len(ha.documents()) == 2, WAIT_S)
        _check_that_nothing_is_left(broker, subscriber, "edge/box/porch/")
        assert daemon.stop() == 0
        # another camera goes while the daemon does not run
        daemon.config.write_text(config.replace("back-yard", "front"))
        daemon.start()
        subscriber.wait_for(lambda _: any("front" in topic for topic in ha.documents()), WAIT_S)
        _check_that_nothing_is_left(broker, subscriber, "edge/box/back-yard/")
        assert daemon.stop() == 0
    assert "Traceback" not in daemon.log
    used = {check_message(m, "edge/box") for m in subscriber.messages if _is_ours(m)}
    assert used == {channel.id for channel in PUBLISHED} | {"discovery"}, "every topic was used"
    assert all(ha.state(e, subscriber.messages) == "unavailable" for e in _now(ha))


def _check_that_nothing_is_left(broker: Mosquitto, subscriber: Subscriber, root: str) -> None:
    """Whoever comes now hears nothing of what lay below `root`."""
    subscriber.wait_for(
        lambda ms: all(
            [m.payload for m in ms if m.topic == topic][-1] == b""
            for topic in {m.topic for m in ms if m.topic.startswith(root)}
            if topic.rpartition("/")[2] in ("status", "motion", "state", "last", "attributes")
        ),
        WAIT_S,
    )
    with Subscriber(broker.port, "#") as late:
        late.wait_for_payload("edge/box/status", "online", WAIT_S)
        assert [m for m in late.messages if m.topic.startswith(root) and m.payload] == []


def _is_ours(message: Message) -> bool:
    return not message.topic.endswith("/set") and message.topic != "homeassistant/status"


def _now(ha: HomeAssistant) -> list[str]:
    """Entities with a state that the box's documents still name."""
    return [
        component["default_entity_id"]
        for document in ha.documents().values()
        for component in document["components"].values()
        if "default_entity_id" in component and component["platform"] != "button"
    ]
