"""Reaching the broker: absence, refusals, TLS; and what the user is told."""

from __future__ import annotations

import logging
import re
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.errors import DeliveryError
from edge.mqtt.rival import Ended, Ending, RivalWatch
from edge.mqtt.settings import TlsSettings
from edge.mqtt.tls import build_tls_context
from tests.mqtt.conftest import Node, settings_for, wait_until
from tests.support.broker import (
    Certificates,
    Mosquitto,
    make_certificates,
    mosquitto_path,
)

MakeNode = Callable[..., Node]
PASSWORD = "correct horse battery staple"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    mosquitto_path()
    return make_certificates(tmp_path_factory.mktemp("certificates"))


def wait_for_error(node: Node, text: str) -> None:
    wait_until(lambda: text in node.publisher.last_error, what=f"{text!r}")
    assert not node.publisher.connected


def test_an_absent_broker_is_a_state(
    make_node: MakeNode, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broker = Mosquitto(tmp_path / "b")
    node = make_node(broker.port)
    wait_for_error(node, f"nothing listens on 127.0.0.1:{broker.port}")
    assert node.publisher.is_alive()
    with broker:
        node.wait_connected()
        assert node.publisher.last_error == ""
    assert caplog.text.count("nothing listens") == 1  # told once, however often it is tried


def test_a_name_that_cannot_be_resolved(make_node: MakeNode) -> None:
    node = make_node(1883, host="no-such-host.invalid")
    wait_for_error(node, "the name 'no-such-host.invalid' cannot be resolved")


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_a_wrong_password_is_told_and_never_shown(
    tmp_path: Path, make_node: MakeNode, caplog: pytest.LogCaptureFixture, version: str
) -> None:
    caplog.set_level(logging.DEBUG)
    with Mosquitto(tmp_path / "b", users={"box1": "right"}) as broker:
        node = make_node(broker.port, version=version, username="box1", password=PASSWORD)
        # mosquitto 2.0 answers 0x87 under MQTT 5 and "not authorised" (5) under 3.1.1
        wait_for_error(node, "refused the connection")
        assert "box1" in node.publisher.last_error
        assert "authorised" in node.publisher.last_error or "password" in node.publisher.last_error
        wait_until(lambda: broker.log.count("disconnected, not authorised") >= 3)
        assert node.publisher.stats().connections == 0
        assert PASSWORD not in caplog.text + repr(node.publisher.stats())


def test_the_right_password_connects(tmp_path: Path, make_node: MakeNode) -> None:
    with Mosquitto(tmp_path / "b", users={"box1": PASSWORD}) as broker:
        make_node(broker.port, username="box1", password=PASSWORD).wait_connected()


def serve_bytes(answer: bytes, *, hang: bool = False) -> tuple[int, Callable[[], None]]:
    """A server that answers each connection's first bytes with `answer`, then closes or hangs."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(1000)
                connection.sendall(answer)
                if hang:
                    over.wait(10)

    thread = threading.Thread(target=serve)
    thread.start()

    def close() -> None:
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        listener.close()

    return listener.getsockname()[1], close


@pytest.mark.parametrize(
    ("answer", "hang", "version", "told"),
    [
        (b"\x20\x02\x00\x01", False, "5", "does not speak MQTT 5; set the version to 3.1.1"),
        (b"\x20\x03\x00\x84\x00", False, "5", "does not speak MQTT 5; set the version to 3.1.1"),
        (b"\x20\x02\x00\x01", False, "3.1.1", "may not speak MQTT 3.1.1"),
        (b"\x20\x03\x00\x85\x00", False, "5", "does not accept the client id 'edge-box'"),
        (b"\x20\x03\x00\x89\x00", False, "5", "it is busy (0x89)"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", False, "5", "instead of answering"),
        (b"\x20\x01\x00", False, "5", "instead of answering"),
        (
            b"\x20\x03\x00\x00\x00" + b"\x30\x05\x00\x02\xff\xff\x00",
            True,
            "5",
            "sent what is not MQTT",
        ),
        (
            b"\x20\x03\x00\x00\x00" + b"\xe0\x02\x8e\x00",
            False,
            "5",
            "another client uses the name 'edge-box' (node 'box'); give this box another `node`",
        ),
        (b"", False, "5", "may not speak MQTT 5"),
        (b"", True, "5", "does not answer as an MQTT broker"),
    ],
    ids=[
        "3.1.1 broker", "no version 5", "no version 3.1.1", "client id", "busy",
        "web server", "garbled", "topic is not UTF-8", "taken over", "closes", "silent",
    ],
)  # fmt: skip
def test_what_is_no_broker_for_us_is_told_apart(
    make_node: MakeNode, answer: bytes, hang: bool, version: str, told: str
) -> None:
    port, close = serve_bytes(answer, hang=hang)
    try:
        node = make_node(port, version=version, connect_timeout_s=0.5)
        wait_for_error(node, told)
        assert node.publisher.is_alive()
    finally:
        node.publisher.stop(1)
        close()


def test_tls_with_the_right_ca(
    tmp_path: Path, make_node: MakeNode, certificates: Certificates
) -> None:
    with Mosquitto(tmp_path / "b", tls=certificates) as broker:
        node = make_node(broker.port, host="localhost", tls=TlsSettings(ca=certificates.ca))
        node.wait_connected()
        for number in range(200):
            node.outbox.add("porch", "x" * 2000 + str(number))
        node.outbox.wait_empty()


def test_tls_without_verification_takes_any_certificate(
    tmp_path: Path, make_node: MakeNode, certificates: Certificates
) -> None:
    with Mosquitto(tmp_path / "b", tls=certificates) as broker:
        make_node(broker.port, tls=TlsSettings(verify=False)).wait_connected()


@pytest.mark.parametrize(
    ("host", "ca", "told"),
    [
        ("localhost", "other_ca", "certificate of localhost:"),
        ("localhost", None, "is not accepted: "),
        ("127.0.0.1", "ca", "IP address mismatch"),
    ],
    ids=["wrong CA", "system CAs", "wrong host name"],
)
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # paho leaves it to be collected
def test_tls_that_cannot_be_trusted(
    tmp_path: Path,
    make_node: MakeNode,
    certificates: Certificates,
    host: str,
    ca: str | None,
    told: str,
) -> None:
    with Mosquitto(tmp_path / "b", tls=certificates) as broker:
        tls = TlsSettings(ca=getattr(certificates, ca) if ca else None)
        node = make_node(broker.port, host=host, tls=tls)
        wait_for_error(node, told)


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_tls_to_a_port_without_it(broker: Mosquitto, make_node: MakeNode) -> None:
    node = make_node(broker.port, tls=TlsSettings(verify=False))
    wait_for_error(node, f"127.0.0.1:{broker.port}")
    assert "TLS" in node.publisher.last_error or "no connection" in node.publisher.last_error


def test_a_client_certificate_is_our_name(
    tmp_path: Path, make_node: MakeNode, certificates: Certificates
) -> None:
    with Mosquitto(tmp_path / "b", tls=certificates, require_certificate=True) as broker:
        tls = TlsSettings(certificates.ca, certificates.client_cert, certificates.client_key)
        make_node(broker.port, host="localhost", tls=tls).wait_connected()
        wait_until(lambda: "u'box1'" in broker.log)


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_a_missing_client_certificate_is_told(
    tmp_path: Path, make_node: MakeNode, certificates: Certificates
) -> None:
    with Mosquitto(tmp_path / "b", tls=certificates, require_certificate=True) as broker:
        node = make_node(broker.port, host="localhost", tls=TlsSettings(ca=certificates.ca))
        wait_for_error(node, "certificate required")


def test_files_that_cannot_be_used_are_named(tmp_path: Path, certificates: Certificates) -> None:
    ca, cert, key = certificates.ca, certificates.client_cert, certificates.client_key
    absent, rubbish, locked = tmp_path / "absent.pem", tmp_path / "rubbish.pem", tmp_path / "e.key"
    rubbish.write_text("not a certificate")
    command = ["openssl", "ec", "-aes128", "-passout", "pass:x", "-in", key, "-out", locked]
    subprocess.run(command, check=True, capture_output=True)
    cases = [
        (TlsSettings(ca=absent), f"the CA file {absent} does not exist"),
        (TlsSettings(ca=rubbish), f"the CA file {rubbish} cannot be used"),
        (TlsSettings(ca=tmp_path), f"the CA file {tmp_path} cannot be read"),
        (TlsSettings(ca, absent), f"the client certificate {absent} does not exist"),
        (TlsSettings(ca, cert, absent), f"the client key {absent} does not exist"),
        (TlsSettings(ca, rubbish), f"the client certificate {rubbish} cannot be used"),
        (TlsSettings(ca, cert, certificates.server_key), "KEY_VALUES_MISMATCH"),
        (TlsSettings(ca, cert, locked), "the client key is encrypted"),
    ]
    for tls, told in cases:
        with pytest.raises(DeliveryError, match=re.escape(told)):
            build_tls_context(tls)


def test_a_renewed_file_is_taken_up_without_a_restart(
    tmp_path: Path, make_node: MakeNode, certificates: Certificates
) -> None:
    ca = tmp_path / "ca.pem"
    with Mosquitto(tmp_path / "b", tls=certificates) as broker:
        node = make_node(broker.port, host="localhost", tls=TlsSettings(ca=ca))
        wait_for_error(node, "does not exist")
        ca.write_bytes(certificates.ca.read_bytes())
        node.wait_connected()


def test_old_tls_versions_are_refused(certificates: Certificates) -> None:
    context = build_tls_context(TlsSettings(ca=certificates.ca))
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert context.check_hostname
    assert context.verify_mode == ssl.CERT_REQUIRED


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_two_boxes_of_one_node_are_told_and_slow_down(
    broker: Mosquitto, make_node: MakeNode, version: str
) -> None:
    nodes = [make_node(broker.port, version=version, retry_max_s=30) for _ in range(2)]
    wait_until(lambda: any("another client uses" in n.publisher.last_error for n in nodes), 20)
    told = next(n for n in nodes if "another client uses" in n.publisher.last_error)
    assert "give this box another `node`" in told.publisher.last_error
    assert sum(n.publisher.stats().connections for n in nodes) < 12


SETTINGS = settings_for(1883, retry_max_s=60)
LOST = Ended("lost", Ending.LOST)


def test_a_broker_that_names_the_takeover_is_believed() -> None:
    text, wait_s = RivalWatch(SETTINGS).judge(Ended("closed", Ending.TAKEN_OVER), 900)
    assert (
        text == "another client uses the name 'edge-box' (node 'box'); give this box another `node`"
    )
    assert wait_s == 300


def test_connections_lost_soon_several_in_a_row_raise_the_suspicion() -> None:
    watch = RivalWatch(SETTINGS)
    assert [watch.judge(LOST, 1) for _ in range(2)] == [("lost", 0.0)] * 2
    assert watch.judge(Ended("nothing listens"), 0) == ("nothing listens", 0.0)
    text, wait_s = watch.judge(LOST, 20)
    assert (text.startswith("lost, "), "(node 'box')" in text, wait_s) == (True, True, 60)
    assert watch.judge(LOST, 70)[1] == 60  # as long as the other one waited
    assert watch.judge(LOST, 3600) == ("lost", 0.0)  # the other one is gone


def test_a_bad_line_raises_no_suspicion() -> None:
    watch = RivalWatch(SETTINGS)
    assert {watch.judge(LOST, lasted_s) for lasted_s in (60, 1, 1) * 20} == {("lost", 0.0)}


def test_a_refused_subscription_is_logged(
    make_node: MakeNode, caplog: pytest.LogCaptureFixture
) -> None:
    connack = b"\x20\x03\x00\x00\x00"
    suback = b"\x90\x05\x00\x01\x00\x01\x87"  # the last of two filters
    port, close = serve_bytes(connack + suback, hang=True)
    try:
        node = make_node(port).wait_connected()
        wait_until(lambda: "refused to send us homeassistant/status" in caplog.text)
        assert caplog.text.count("refused to send us") == 1
    finally:
        node.publisher.stop(0.2)
        close()
