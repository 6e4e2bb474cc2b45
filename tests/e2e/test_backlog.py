"""2,000 findings made while the broker is away, through the real store, publisher and broker."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge.daemon.reporter import Reporter
from edge.findings import Finding
from edge.mqtt.publisher import Publisher
from edge.mqtt.settings import MAX_IN_FLIGHT, MqttSettings
from edge.store.database import open_store
from edge.store.settings import StoreSettings
from tests.support.broker import Mosquitto, Subscriber
from tests.support.contract import check_lives, check_message, findings_of
from tests.support.daemon import wait_until
from tests.support.keyframes import make_keyframe
from tests.support.mqtt_proxy import MqttProxy

pytestmark = pytest.mark.e2e

CAMERAS = ("porch", "drive", "garden", "garage")
NUM_FINDINGS = 2000


def test_findings_made_without_a_broker_arrive_complete_and_in_order(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path / "mosquitto", extra="max_inflight_messages 100")
    with (
        open_store(StoreSettings(tmp_path / "store")) as store,
        MqttProxy(broker.port) as proxy,
    ):
        settings = MqttSettings(
            "127.0.0.1", "box", port=proxy.port, max_in_flight=MAX_IN_FLIGHT, retry_max_s=1.0
        )
        publisher = Publisher(settings, store, lambda _: None, CAMERAS)
        publisher.start()
        try:
            reporter = Reporter("box", store, publisher)
            for number in range(NUM_FINDINGS):
                camera = CAMERAS[number % len(CAMERAS)]
                finding = reporter.open(make_keyframe(camera), snapshot=False)
                reporter.end(finding.id, {})
            assert not publisher.connected
            assert store.outbox_stats().pending == 2 * NUM_FINDINGS
            with broker, Subscriber(broker.port, "edge/#") as subscriber:
                wait_until(lambda: store.outbox_stats().pending == 0, "all is delivered", 90)
                subscriber.wait_for(lambda ms: len(findings_of(ms)) >= 2 * NUM_FINDINGS, 30)
                messages = subscriber.messages
                assert publisher.stop(5)
        finally:
            publisher.stop(1)
        for message in messages:
            check_message(message, "edge/box")
        findings = findings_of(messages)
        check_lives(findings)  # in order and without a gap for each camera
        assert {f["id"] for f in findings} == set(store.finding_ids())
        assert len({f["id"] for f in findings}) == NUM_FINDINGS
        assert proxy.max_unacknowledged <= MAX_IN_FLIGHT == 40
        for camera in CAMERAS:
            last = json.loads(
                next(m.payload for m in reversed(messages) if m.topic.endswith(f"{camera}/last"))
            )
            assert Finding.model_validate(last).type == "end"
