"""Retained states, the will, and the two goodbyes."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.errors import DeliveryError
from tests.mqtt.conftest import STATUS, Node, wait_until
from tests.support.broker import Mosquitto, Subscriber
from tests.support.mqtt_proxy import MqttProxy

MakeNode = Callable[..., Node]
MOTION = "edge/box/porch/motion"


def test_online_is_published_first_and_retained(broker: Mosquitto, make_node: MakeNode) -> None:
    with Subscriber(broker.port) as subscriber:
        node = make_node(broker.port)
        node.publisher.publish_state(MOTION, "ON")
        subscriber.wait_for_payload(MOTION, "ON")
        assert subscriber.messages[0].topic == STATUS
    with Subscriber(broker.port) as late:
        assert late.wait_for_payload(STATUS, "online").retain
        assert late.wait_for_payload(MOTION, "ON").retain


def test_a_state_is_published_when_it_changes_only(broker: Mosquitto, make_node: MakeNode) -> None:
    with Subscriber(broker.port, MOTION, STATUS) as subscriber:
        node = make_node(broker.port).wait_connected()
        for value in ("ON", "ON", "ON"):
            node.publisher.publish_state(MOTION, value)
            subscriber.wait_for_payload(MOTION, value)
        node.publisher.publish_state(MOTION, "OFF")
        subscriber.wait_for_payload(MOTION, "OFF")
        assert subscriber.payloads(MOTION) == ["ON", "OFF"]


def test_of_many_values_made_while_away_the_last_one_arrives(
    make_node: MakeNode, tmp_path: Path
) -> None:
    broker = Mosquitto(tmp_path / "b")
    node = make_node(broker.port)
    for number in range(1000):
        node.publisher.publish_state(MOTION, str(number))
    with broker, Subscriber(broker.port, MOTION) as subscriber:
        subscriber.wait_for_payload(MOTION, "999")
        assert subscriber.payloads(MOTION) == ["999"]


def test_states_return_after_a_broker_that_lost_its_data(
    tmp_path: Path, make_node: MakeNode
) -> None:
    broker = Mosquitto(tmp_path / "b")
    states = {f"edge/box/porch/rule/r{n}": "ON" for n in range(50)}
    with broker:
        node = make_node(broker.port)
        for topic, value in states.items():
            node.publisher.publish_state(topic, value)
        node.publisher.publish_state("edge/box/stats", "{}", retain=False)
        with Subscriber(broker.port) as subscriber:
            subscriber.wait_for(lambda messages: len({m.topic for m in messages}) >= 51)
        broker.kill()
        broker.lose_data()
        broker.start()
        with Subscriber(broker.port) as subscriber:
            for topic, value in {**states, STATUS: "online"}.items():
                subscriber.wait_for_payload(topic, value)
            # what is not retained was delivered once and is not repeated
            assert subscriber.on("edge/box/stats") == []


def test_a_value_that_is_not_retained_is_published_each_time(
    broker: Mosquitto, make_node: MakeNode
) -> None:
    with Subscriber(broker.port, "edge/box/stats") as subscriber:
        node = make_node(broker.port).wait_connected()
        for count in range(1, 4):
            node.publisher.publish_state("edge/box/stats", "same", retain=False)
            subscriber.wait_for(lambda messages, n=count: len(messages) == n)
        assert not any(m.retain for m in subscriber.messages)


def test_a_forgotten_state_is_cleared_at_the_broker(broker: Mosquitto, make_node: MakeNode) -> None:
    left_by_an_earlier_run = "edge/box/attic/status"
    with Subscriber(broker.port, "edge/box/#") as subscriber:
        subscriber.publish(left_by_an_earlier_run, "online", retain=True)
        node = make_node(broker.port)
        node.publisher.publish_state(MOTION, "ON")
        subscriber.wait_for_payload(MOTION, "ON")
        node.publisher.forget_state(MOTION)
        node.publisher.forget_state(left_by_an_earlier_run)
        subscriber.wait_for_payload(MOTION, "")
        subscriber.wait_for_payload(left_by_an_earlier_run, "")
        with Subscriber(broker.port, "edge/box/#") as late:
            late.wait_for_payload(STATUS, "online")
            assert {m.topic for m in late.messages} == {STATUS}
        node.publisher.publish_state(MOTION, "ON")  # the same value as before, yet a new state
        subscriber.wait_for_payload(MOTION, "ON")


@pytest.mark.parametrize("topic", ["", "edge/+/x", "edge/#", "a\0b", "x" * 70_000, "\ud800"])
def test_a_topic_that_cannot_be_published_on_is_refused(make_node: MakeNode, topic: str) -> None:
    node = make_node(1)
    with pytest.raises(DeliveryError, match="state topic"):
        node.publisher.publish_state(topic, "x")


def test_a_refused_state_is_tried_again_and_holds_up_nothing(
    tmp_path: Path, make_node: MakeNode, caplog: pytest.LogCaptureFixture
) -> None:
    denied = (
        "topic readwrite other\ntopic write edge/box/status\ntopic write edge/box/a\ntopic read #\n"
    )
    with (
        Mosquitto(tmp_path / "b", acl=denied) as broker,
        Subscriber(broker.port, "edge/#") as subscriber,
    ):
        node = make_node(broker.port)
        node.publisher.publish_state(MOTION, "ON")
        node.publisher.publish_state("edge/box/a", "1")
        subscriber.wait_for_payload("edge/box/a", "1")
        wait_until(lambda: node.publisher.stats().refused >= 3)
        assert len([r for r in caplog.records if "not authorised" in r.message]) == 1
        broker.set_acl("topic readwrite #\n")
        subscriber.wait_for_payload(MOTION, "ON")


def test_states_stay_within_the_window(broker: Mosquitto, make_node: MakeNode) -> None:
    with MqttProxy(broker.port) as proxy:
        proxy.holds_pubacks = True
        node = make_node(proxy.port, max_in_flight=4)
        for number in range(100):
            node.publisher.publish_state(f"edge/box/porch/rule/r{number}", "ON")
            node.outbox.add("porch", str(number))
        wait_until(lambda: proxy.unacknowledged == 4)
        proxy.holds_pubacks = False
        node.outbox.wait_empty()
        assert proxy.max_unacknowledged == 4


PROCESS = """
import sys, time
from edge.mqtt.publisher import Publisher
from edge.mqtt.settings import MqttSettings
from tests.support.memory_outbox import MemoryOutbox

publisher = Publisher(
    MqttSettings(host="127.0.0.1", port=int(sys.argv[1]), node="box"), MemoryOutbox(), print
)
publisher.start()
time.sleep(60)
"""


def test_after_a_killed_process_the_broker_publishes_the_will(broker: Mosquitto) -> None:
    with Subscriber(broker.port, STATUS) as subscriber:
        process = subprocess.Popen([sys.executable, "-c", PROCESS, str(broker.port)])
        try:
            subscriber.wait_for_payload(STATUS, "online")
            process.send_signal(signal.SIGKILL)
            subscriber.wait_for_payload(STATUS, "offline")
        finally:
            process.kill()
            process.wait()
    with Subscriber(broker.port, STATUS) as late:
        assert late.wait_for_payload(STATUS, "offline").retain


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_a_stop_says_stopped_and_no_will_follows(
    broker: Mosquitto, make_node: MakeNode, version: str
) -> None:
    with Subscriber(broker.port, STATUS) as subscriber:
        node = make_node(broker.port, version=version)
        subscriber.wait_for_payload(STATUS, "online")
        assert node.publisher.stop(5)
        subscriber.wait_for_payload(STATUS, "stopped")
        wait_until(lambda: "Client edge-box disconnected" in broker.log)
        assert subscriber.payloads(STATUS) == ["online", "stopped"]
        node.publisher.stop(1)  # once more does no harm


def test_a_stop_the_broker_does_not_acknowledge_leaves_the_will(
    broker: Mosquitto, make_node: MakeNode
) -> None:
    with MqttProxy(broker.port) as proxy, Subscriber(broker.port, STATUS) as subscriber:
        node = make_node(proxy.port)
        subscriber.wait_for_payload(STATUS, "online")
        wait_until(lambda: node.publisher.stats().in_flight == 0)
        proxy.swallows_pubacks = True
        assert not node.publisher.stop(0.5)
        subscriber.wait_for_payload(STATUS, "offline")


def test_states_set_just_before_a_stop_still_arrive(broker: Mosquitto, make_node: MakeNode) -> None:
    with Subscriber(broker.port) as subscriber:
        node = make_node(broker.port).wait_connected()
        for number in range(60):
            node.publisher.publish_state(f"edge/box/c{number}/status", "offline")
        assert node.publisher.stop(5)
        subscriber.wait_for_payload(STATUS, "stopped")
        assert sum(m.text == "offline" for m in subscriber.messages) == 60


def test_home_assistant_coming_up_gets_the_discovery_again(
    broker: Mosquitto, make_node: MakeNode
) -> None:
    config = "homeassistant/device/edge-box/config"
    with Subscriber(broker.port) as subscriber:
        node = make_node(broker.port)
        node.publisher.publish_state(config, "{}")
        node.publisher.publish_state(MOTION, "ON")
        subscriber.wait_for_payload(MOTION, "ON")
        subscriber.wait_for_payload(config, "{}")
        subscriber.publish("homeassistant/status", "offline")
        subscriber.publish("homeassistant/status", "online")
        subscriber.wait_for(lambda _: len(subscriber.on(config)) == 2)
        assert len(subscriber.on(MOTION)) == 1
