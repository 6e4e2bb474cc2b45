"""A camera's box whose keyframes other boxes analyse: the whole way to the finding."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.test_elsewhere import ask_now
from tests.support.broker import Mosquitto, Subscriber
from tests.support.contract import check_lives, findings_of
from tests.support.daemon import DaemonProcess, wait_until
from tests.support.openai_server import ScriptedServer
from tests.support.pool_boxes import WorkerBox

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

CONFIG = """
node: box
mqtt: {{host: 127.0.0.1, port: {port}}}
vlm: {{engine: pool, reuse: 0s, deadline: 10s}}
store: {{folder: ./store}}
http: {{enabled: false}}
cameras:
  yard: {{input: "demo:yard?events=calm", motion: {{enabled: false, scene: false}}}}
rules:
  person: {{ask: "Is there a person?", when: {{on: [periodic, command]}}}}
"""


def test_a_keyframe_waits_for_a_worker_and_is_analysed(tmp_path: Path) -> None:
    known: set[str] = set()
    with (
        Mosquitto(tmp_path / "mosquitto") as broker,
        Subscriber(broker.port, "edge/#") as subscriber,
        ScriptedServer() as server,
        DaemonProcess(tmp_path, CONFIG.format(port=broker.port)) as daemon,
    ):
        subscriber.wait_for_payload("edge/box/yard/status", "online", 30)
        wait_until(lambda: "no worker of the pool is ready" in daemon.log, "it is said")
        with WorkerBox(tmp_path, "w1", broker.port, server.url) as worker:
            wait_until(lambda: "the pool ready" in daemon.log, "a worker is there")
            first = ask_now(subscriber, known)
            assert (first["model"]["engine"], first["model"]["name"]) == ("pool", "scripted")
            assert first["verdicts"][0]["probability"] == pytest.approx(0.778, abs=0.001)
            worker.kill()
        with WorkerBox(tmp_path, "w2", broker.port, server.url):
            assert ask_now(subscriber, known)["status"] == "ok"
        info = [m.payload for m in subscriber.messages if m.topic == "edge/box/info"]
        assert json.loads(info[-1])["model"]["engine"] == "pool"
        assert daemon.stop() == 0
    check_lives(findings_of(subscriber.messages))
    assert known == daemon.stored_ids()
    assert "Traceback" not in daemon.log
