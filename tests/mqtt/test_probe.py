"""What `edge doctor` asks of a broker: may this node publish, hear its commands, be discovered?"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from edge.errors import DeliveryError
from edge.mqtt.probe import probe
from edge.mqtt.settings import TlsSettings
from edge.mqtt.tls import certificate_end_s
from tests.mqtt.conftest import NODE, STATUS, Node, settings_for
from tests.support.broker import Mosquitto, Subscriber, make_certificates

USERS = {"box": "secret"}
ALL = """user box
topic write edge/box/#
topic read edge/box/+/+/set
topic write homeassistant/device/+/config
"""


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_a_broker_that_allows_everything(tmp_path: Path, version: str) -> None:
    with Mosquitto(tmp_path / "b", users=USERS, acl=ALL) as broker:
        account = {"username": "box", "password": "secret", "version": version}
        report = probe(settings_for(broker.port, **account))
        assert (report.own_refusal, report.discovery_refusal) == ("", "")
        assert report.came_back
        assert 0 < report.round_trip_s < 5


@pytest.mark.parametrize(
    ("acl", "own", "discovery", "came_back"),
    [
        pytest.param(
            "user box\ntopic read #\n", "not authorised", "not authorised", False, id="none"
        ),
        pytest.param("user box\ntopic write edge/box/#\n", "", "not authorised", False, id="own"),
        pytest.param(
            ALL.replace("topic read edge/box/+/+/set\n", ""), "", "", False, id="hears nothing"
        ),
        pytest.param(ALL.partition("topic write home")[0], "", "not authorised", True, id="unseen"),
    ],
)
def test_what_rules_deny(
    tmp_path: Path, acl: str, own: str, discovery: str, came_back: bool
) -> None:
    with Mosquitto(tmp_path / "b", users=USERS, acl=acl) as broker:
        report = probe(settings_for(broker.port, username="box", password="secret"))
    assert own in report.own_refusal
    assert bool(own) == bool(report.own_refusal)
    assert discovery in report.discovery_refusal
    assert bool(discovery) == bool(report.discovery_refusal)
    assert report.came_back is came_back


def test_a_broker_that_is_not_there_or_lets_nobody_in(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path / "b", users=USERS)
    with pytest.raises(DeliveryError, match="nothing listens"):
        probe(settings_for(broker.port))
    with broker, pytest.raises(DeliveryError, match="refused the connection"):
        probe(settings_for(broker.port, username="box", password="wrong"))


def test_a_running_node_is_not_disturbed(
    broker: Mosquitto, make_node, caplog: pytest.LogCaptureFixture
) -> None:
    node: Node = make_node(broker.port).wait_connected()
    with Subscriber(broker.port) as subscriber:
        assert probe(settings_for(broker.port)).came_back
        subscriber.publish(f"edge/{NODE}/porch/enabled/set", "OFF")
        subscriber.wait_for(lambda messages: len(messages) >= 3)
        assert subscriber.payloads(STATUS) == ["online"], "its connection was not taken over"
    assert node.publisher.stats().connections == 1
    assert not node.publisher.stats().commands_refused
    assert "refused" not in caplog.text
    with Subscriber(broker.port) as late:
        late.wait_for_payload(STATUS, "online")
        assert [m.topic for m in late.messages if m.retain] == [STATUS], "nothing stays behind"


def test_until_when_a_certificate_is_valid(tmp_path: Path) -> None:
    files = make_certificates(tmp_path)
    with Mosquitto(tmp_path / "b", tls=files) as broker:
        settings = settings_for(broker.port, host="localhost", tls=TlsSettings(ca=files.ca))
        end_s = certificate_end_s(settings)
        assert end_s is not None
        assert 0 < end_s - time.time() <= 86_400
        stranger = settings_for(broker.port, host="localhost", tls=TlsSettings(ca=files.other_ca))
        with pytest.raises(DeliveryError, match="is not accepted"):
            certificate_end_s(stranger)
    assert certificate_end_s(settings_for(broker.port)) is None
