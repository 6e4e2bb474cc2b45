"""Rows of the outbox reach the broker: all, in order, never too many under way."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.mqtt.conftest import STATUS, Node, wait_until
from tests.support.broker import Mosquitto, Subscriber
from tests.support.mqtt_proxy import MqttProxy

CAMERAS = ("porch", "yard", "gate")
FINDINGS = "edge/box/+/finding"

MakeNode = Callable[..., Node]


def add_rows(node: Node, count: int, first: int = 0) -> None:
    for number in range(first, first + count):
        camera = CAMERAS[number % len(CAMERAS)]
        node.outbox.add(camera, json.dumps({"n": number}))


def first_arrivals(subscriber: Subscriber) -> dict[str, list[int]]:
    """Per camera, the numbers in the order in which each came first."""
    arrived: dict[str, dict[int, None]] = {}
    for message in subscriber.messages:
        camera = message.topic.split("/")[2]
        arrived.setdefault(camera, {}).setdefault(json.loads(message.payload)["n"])
    return {camera: list(numbers) for camera, numbers in arrived.items()}


def last_arrivals(subscriber: Subscriber) -> list[int]:
    """The numbers in the order in which each came last."""
    arrived: dict[int, None] = {}
    for message in subscriber.messages:
        number = json.loads(message.payload)["n"]
        arrived.pop(number, None)
        arrived[number] = None
    return list(arrived)


def expected(count: int) -> dict[str, list[int]]:
    return {camera: list(range(index, count, 3)) for index, camera in enumerate(CAMERAS)}


def count_distinct(subscriber: Subscriber) -> int:
    return sum(len(numbers) for numbers in first_arrivals(subscriber).values())


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_a_row_is_retired_once_the_broker_has_it(
    broker: Mosquitto, make_node: MakeNode, version: str
) -> None:
    with Subscriber(broker.port, FINDINGS) as subscriber:
        node = make_node(broker.port, version=version)
        node.outbox.add("porch", "early")
        node.outbox.wait_empty()
        subscriber.wait_for_payload("edge/box/porch/finding", "early")
        row_id = node.outbox.add("porch", "late")
        began_s = time.monotonic()
        message = subscriber.wait_for_payload("edge/box/porch/finding", "late")
        assert message.mono_s - began_s < 1.0  # the new row woke the publisher
        assert (message.qos, message.retain) == (1, False)
        node.outbox.wait_empty()
        assert node.outbox.retired == [1, row_id]
        wait_until(lambda: node.publisher.stats().published == 2)


def test_without_a_subscriber_a_row_is_retired(broker: Mosquitto, make_node: MakeNode) -> None:
    """The broker then answers 0x10, no matching subscribers, which is a success."""
    node = make_node(broker.port)
    node.outbox.add("porch", "nobody listens")
    node.outbox.wait_empty()
    assert node.publisher.stats().refused == 0


@pytest.mark.parametrize(("max_in_flight", "num_rows"), [(7, 400), (20, 400), (40, 2000)])
def test_rows_made_while_the_broker_is_down_arrive_in_order_within_the_window(
    tmp_path: Path, make_node: MakeNode, max_in_flight: int, num_rows: int
) -> None:
    # mosquitto tells clients to keep to 20 unless this is raised
    broker = Mosquitto(tmp_path / "b", extra="max_inflight_messages 60", persistence=True)
    # Known to the broker beforehand: it misses nothing should the node be the first to come.
    with broker, Subscriber(broker.port, FINDINGS, client_id="watcher"):
        pass
    with MqttProxy(broker.port) as proxy:
        node = make_node(proxy.port, max_in_flight=max_in_flight)
        add_rows(node, num_rows)
        proxy.holds_pubacks = True
        with broker, Subscriber(broker.port, FINDINGS, client_id="watcher") as subscriber:
            wait_until(lambda: proxy.unacknowledged == max_in_flight)
            proxy.holds_pubacks = False
            node.outbox.wait_empty(30)
            subscriber.wait_for(lambda messages: len(messages) >= num_rows)
            assert first_arrivals(subscriber) == expected(num_rows)
            assert len(subscriber.messages) == num_rows  # no connection broke, so no duplicates
            assert proxy.max_unacknowledged == max_in_flight


def test_the_brokers_receive_maximum_lowers_the_window(tmp_path: Path, make_node: MakeNode) -> None:
    with (
        Mosquitto(tmp_path / "b", extra="max_inflight_messages 5") as broker,
        MqttProxy(broker.port) as proxy,
    ):
        node = make_node(proxy.port, max_in_flight=20)
        proxy.holds_pubacks = True
        add_rows(node, 300)
        wait_until(lambda: proxy.unacknowledged == 5)
        proxy.holds_pubacks = False
        node.outbox.wait_empty()
        assert proxy.max_unacknowledged == 5


def test_broken_connections_never_put_more_than_the_window_on_the_wire(
    broker: Mosquitto, make_node: MakeNode
) -> None:
    """paho by itself would send everything it holds again at once after each reconnect."""
    with MqttProxy(broker.port) as proxy, Subscriber(broker.port, FINDINGS) as subscriber:
        node = make_node(proxy.port, max_in_flight=10)
        add_rows(node, 600)
        for _ in range(4):
            proxy.holds_pubacks = True
            wait_until(lambda: proxy.unacknowledged == 10)
            connections = proxy.num_connections
            proxy.cut()
            proxy.holds_pubacks = False
            wait_until(lambda known=connections: proxy.num_connections > known)
        node.outbox.wait_empty(20)
        subscriber.wait_for(lambda _: count_distinct(subscriber) == 600)
        assert first_arrivals(subscriber) == expected(600)
        assert proxy.max_unacknowledged == 10
        assert not any(p.dup for p in proxy.published)  # nothing was paho's own repetition
        assert node.publisher.stats().connections >= 5


def test_a_broker_stopped_and_restarted_gets_everything(
    tmp_path: Path, make_node: MakeNode
) -> None:
    broker = Mosquitto(tmp_path / "b", persistence=True)
    with broker, Subscriber(broker.port, FINDINGS, client_id="dashboard") as subscriber:
        node = make_node(broker.port)
        add_rows(node, 30)
        node.outbox.wait_empty()
        broker.stop()
        wait_until(lambda: not node.publisher.connected)
        assert "lost" in node.publisher.last_error or "shutting down" in node.publisher.last_error
        add_rows(node, 300, first=30)
        time.sleep(1)  # several failed attempts
        assert "nothing listens on 127.0.0.1" in node.publisher.last_error
        assert node.outbox.num_pending == 300
        broker.start()
        node.outbox.wait_empty()
        subscriber.wait_for(lambda _: count_distinct(subscriber) == 330)
        assert first_arrivals(subscriber) == expected(330)


def test_a_killed_broker_gets_everything(tmp_path: Path, make_node: MakeNode) -> None:
    broker = Mosquitto(tmp_path / "b", persistence=True)
    with broker, MqttProxy(broker.port) as proxy:
        node = make_node(proxy.port)
        with Subscriber(broker.port, FINDINGS, client_id="dashboard") as subscriber:
            add_rows(node, 30)
            node.outbox.wait_empty()
            wait_until(lambda: b"dashboard" in (tmp_path / "b/mosquitto.db").read_bytes())
            # What it acknowledged in its last second it may lose; here it acknowledges nothing.
            proxy.swallows_pubacks = True
            add_rows(node, 300, first=30)
            wait_until(lambda: proxy.unacknowledged == 20)
            broker.kill()
            proxy.swallows_pubacks = False
            broker.start()
            node.outbox.wait_empty()
            subscriber.wait_for(lambda _: count_distinct(subscriber) == 330, 20)
            assert {c: sorted(n) for c, n in first_arrivals(subscriber).items()} == expected(330)


def test_a_line_that_swallows_acknowledgements_is_given_up(
    broker: Mosquitto, make_node: MakeNode
) -> None:
    with MqttProxy(broker.port) as proxy, Subscriber(broker.port, FINDINGS) as subscriber:
        proxy.swallows_pubacks = True
        node = make_node(proxy.port, ack_timeout_s=0.3)
        add_rows(node, 30)
        wait_until(lambda: proxy.num_connections >= 3)
        assert node.outbox.num_pending == 30  # nothing is retired without its PUBACK
        assert proxy.max_unacknowledged <= 20
        wait_until(lambda: "acknowledged nothing for 0.3 s" in node.publisher.last_error)
        proxy.swallows_pubacks = False
        node.outbox.wait_empty()
        subscriber.wait_for(lambda _: count_distinct(subscriber) == 30)
        assert first_arrivals(subscriber) == expected(30)


def test_a_dead_line_is_found_by_keepalive(broker: Mosquitto, make_node: MakeNode) -> None:
    with MqttProxy(broker.port) as proxy:
        node = make_node(proxy.port, keepalive_s=1).wait_connected()
        proxy.is_frozen = True
        wait_until(lambda: "keepalive timeout" in node.publisher.last_error)
        assert not node.publisher.connected
        proxy.is_frozen = False
        node.wait_connected()


def test_a_refused_publish_holds_up_its_camera_alone(
    tmp_path: Path, make_node: MakeNode, caplog: pytest.LogCaptureFixture
) -> None:
    """mosquitto answers 0x87, not authorised, until the ACL allows the topic."""
    allowed = "topic write edge/box/yard/#\ntopic write edge/box/status\ntopic read #\n"
    with (
        caplog.at_level(logging.WARNING),
        Mosquitto(tmp_path / "b", acl=allowed) as broker,
        Subscriber(broker.port, FINDINGS) as subscriber,
    ):
        node = make_node(broker.port)
        for number in range(60):
            node.outbox.add("porch", json.dumps({"n": number}))
            node.outbox.add("yard", json.dumps({"n": number}))
        yard = "edge/box/yard/finding"
        subscriber.wait_for(lambda _: len(subscriber.on(yard)) == 60)
        node.outbox.add("yard", json.dumps({"n": 60}))
        subscriber.wait_for(lambda _: len(subscriber.on(yard)) == 61)
        wait_until(lambda: node.publisher.stats().held_cameras == ("porch",))
        wait_until(lambda: node.outbox.num_pending == 60)
        refused = node.publisher.stats().refused
        wait_until(lambda: node.publisher.stats().refused >= refused + 3)  # it keeps trying
        assert len([r for r in caplog.records if "not authorised" in r.message]) == 1

        broker.set_acl("topic write edge/box/#\ntopic read #\n")
        node.outbox.wait_empty()
        subscriber.wait_for(lambda _: len(subscriber.on("edge/box/porch/finding")) == 60)
        assert first_arrivals(subscriber) == {
            "porch": list(range(60)),
            "yard": list(range(61)),
        }
        assert node.publisher.stats().connections == 1
        wait_until(lambda: node.publisher.stats().held_cameras == ())


def test_a_full_quota_delays_and_keeps_the_order(broker: Mosquitto, make_node: MakeNode) -> None:
    with MqttProxy(broker.port) as proxy, Subscriber(broker.port, FINDINGS) as subscriber:
        answers = iter([0] * 10 + [0x97] * 13)
        proxy.refuse = lambda topic: next(answers, 0) if topic.endswith("/finding") else 0
        node = make_node(proxy.port)
        for number in range(50):
            node.outbox.add("porch", json.dumps({"n": number}))
        node.outbox.wait_empty()
        assert node.publisher.stats().refused == 13
        # Rows under way behind a refused one arrive early, and once more in their turn.
        subscriber.wait_for(lambda _messages: last_arrivals(subscriber) == list(range(50)))


def test_a_row_too_large_for_the_broker_does_not_break_the_connection(
    tmp_path: Path, make_node: MakeNode
) -> None:
    """mosquitto announces its maximum packet size and hangs up on a larger one."""
    with Mosquitto(tmp_path / "b", extra="max_packet_size 10000") as broker:
        node = make_node(broker.port)
        large = node.outbox.add("porch", b"x" * 20_000)
        node.outbox.add("yard", "small")
        wait_until(lambda: node.outbox.retired == [2])
        assert node.publisher.stats().connections == 1
        assert node.publisher.stats().held_cameras == ("porch",)
        node.outbox.drop(large)  # retention gives it up
        node.outbox.add("porch", "small")
        node.outbox.wait_empty()


def test_a_failing_outbox_loses_and_repeats_nothing(
    broker: Mosquitto, make_node: MakeNode, caplog: pytest.LogCaptureFixture
) -> None:
    with MqttProxy(broker.port) as proxy, Subscriber(broker.port, FINDINGS) as subscriber:
        proxy.holds_pubacks = True
        node = make_node(proxy.port)
        add_rows(node, 10)
        wait_until(lambda: proxy.unacknowledged >= 10)
        node.outbox.is_broken = True
        proxy.holds_pubacks = False
        wait_until(lambda: "the disk is full" in caplog.text)
        assert node.outbox.num_pending == 10
        node.outbox.is_broken = False
        node.outbox.wait_empty()
        subscriber.wait_for(lambda messages: len(messages) >= 10)
        assert len(subscriber.messages) == 10
        assert caplog.text.count("the outbox fails") == 1
        assert node.publisher.is_alive()


def test_stopping_leaves_rows_in_the_outbox_and_says_stopped(
    broker: Mosquitto, make_node: MakeNode
) -> None:
    with MqttProxy(broker.port) as proxy, Subscriber(broker.port) as subscriber:
        node = make_node(proxy.port, ack_timeout_s=30).wait_connected()
        wait_until(lambda: proxy.unacknowledged == 0)
        proxy.holds_pubacks = True
        add_rows(node, 100)
        wait_until(lambda: proxy.unacknowledged == 20)
        proxy.holds_pubacks = False
        began_s = time.monotonic()
        assert node.publisher.stop(5)
        assert time.monotonic() - began_s < 4
        assert subscriber.wait_for_payload(STATUS, "stopped").topic == STATUS
        came = sum(m.topic.endswith("/finding") for m in subscriber.messages)
        assert came + node.outbox.num_pending >= 100  # what did not arrive is still there
