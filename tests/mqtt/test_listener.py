"""The listener of `edge watch`: what it hears, and what it is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.errors import DeliveryError
from edge.mqtt.listener import Listener
from tests.mqtt.conftest import settings_for
from tests.support.broker import Mosquitto, Subscriber
from tests.support.ports import free_port


def test_messages_are_heard(tmp_path: Path) -> None:
    with (
        Mosquitto(tmp_path) as broker,
        Listener(settings_for(broker.port), ["edge/box/+/finding"]) as listener,
        Subscriber(broker.port) as other,
    ):
        other.publish("edge/box/porch/finding", b"{}")
        heard = next(m for m in listener.messages(idle_s=10) if m is not None)
    assert (heard.topic, heard.payload, heard.retained) == ("edge/box/porch/finding", b"{}", False)


def test_no_broker_is_an_error_that_says_where() -> None:
    port = free_port()
    with pytest.raises(DeliveryError, match=f"nothing listens on 127.0.0.1:{port}"):
        Listener(settings_for(port), ["edge/#"]).__enter__()
