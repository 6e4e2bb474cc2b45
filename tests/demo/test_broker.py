"""The demo's own broker: a real mosquitto, started and stopped."""

from __future__ import annotations

import queue
import socket

import paho.mqtt.client as mqtt
import pytest

from edge.demo import broker as broker_module
from edge.demo.broker import LocalBroker
from edge.errors import DeliveryError


def listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def test_carries_messages():
    arrived: queue.Queue[bytes] = queue.Queue()
    subscribed: queue.Queue[object] = queue.Queue()
    with LocalBroker() as broker:
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        client.on_message = lambda _client, _data, message: arrived.put(message.payload)
        client.on_subscribe = lambda *_: subscribed.put(True)
        client.on_connect = lambda c, *_: c.subscribe("yard/#", qos=1)
        client.connect(broker.host, broker.port)
        client.loop_start()
        try:
            subscribed.get(timeout=10)
            client.publish("yard/door", b"open", qos=1)
            assert arrived.get(timeout=10) == b"open"
        finally:
            client.disconnect()
            client.loop_stop()
    assert not listens(broker.port)


def test_two_at_once_have_ports_of_their_own():
    with LocalBroker() as one, LocalBroker() as two:
        assert one.port != two.port
        assert listens(one.port)
        assert listens(two.port)


def test_stops_twice_and_starts_again():
    broker = LocalBroker()
    broker.stop()
    broker.start()
    broker.start()
    broker.stop()
    broker.stop()
    assert not listens(broker.port)
    with broker:
        assert listens(broker.port)


def test_only_on_loopback():
    with LocalBroker() as broker, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # sends nothing; tells this machine's own address
        own = probe.getsockname()[0]
        if own.startswith("127."):
            pytest.skip("this machine has no address beside loopback")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((own, broker.port), timeout=1)


def test_not_installed_names_the_package(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(broker_module, "_SBIN", str(tmp_path))
    with pytest.raises(DeliveryError, match="apt install mosquitto"):
        LocalBroker().start()


def test_found_where_debian_puts_it(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with LocalBroker() as broker:
        assert listens(broker.port)


def test_port_taken():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(DeliveryError, match=rf"port {port} of 127.0.0.1 is taken"):
            LocalBroker(port).start()


def test_what_a_failing_mosquitto_says_is_shown(monkeypatch, tmp_path):
    program = tmp_path / "mosquitto"
    program.write_text("#!/bin/sh\necho out of cheese >&2\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(DeliveryError, match=r"exit status 3.*out of cheese"):
        LocalBroker().start()


def test_mosquitto_that_never_listens(monkeypatch, tmp_path):
    program = tmp_path / "mosquitto"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(broker_module, "START_TIMEOUT_S", 0.3)
    with pytest.raises(DeliveryError, match=r"takes no connection on 127.0.0.1:\d+ after 0.3 s"):
        LocalBroker().start()
