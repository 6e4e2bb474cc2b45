"""The daemon with a model on a server: away and back again, with and without a model here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.broker import Mosquitto, Subscriber
from tests.support.contract import check_lives, findings_of
from tests.support.daemon import DaemonProcess, wait_until
from tests.support.openai_server import ScriptedServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

KEY = "sk-0123456789-secret"
CONFIG = """
node: box
mqtt: {{host: 127.0.0.1, port: {port}}}
vlm:
  engine: openai
  openai: {{url: "{url}", model: qwen, key: "{key}"}}
  standby: {standby}
  model: demo
  deadline: 5s
  reuse: 0s
store: {{folder: ./store}}
http: {{enabled: false}}
cameras:
  yard: {{input: "demo:yard?events=calm", motion: {{enabled: false, scene: false}}}}
rules:
  person: {{ask: "Is there a person?", when: {{on: [periodic, command]}}}}
"""


def ask_now(subscriber: Subscriber, known: set[str]) -> dict[str, Any]:
    """Have a keyframe taken; the end of its finding."""
    subscriber.publish("edge/box/cmd/analyze/set", "yard")

    def ended(messages: list[Any]) -> dict[str, Any] | None:
        new = (f for f in findings_of(messages) if f["type"] == "end" and f["id"] not in known)
        return next(new, None)

    subscriber.wait_for(lambda messages: ended(messages) is not None, 60)
    finding = ended(subscriber.messages)
    assert finding is not None
    known.add(finding["id"])
    return finding


def last_json(subscriber: Subscriber, topic: str) -> dict[str, Any]:
    return json.loads([m.payload for m in subscriber.messages if m.topic == topic][-1])


@pytest.mark.parametrize("standby", ["local", "none"])
def test_a_server_goes_away_and_comes_back(
    broker: Mosquitto, subscriber: Subscriber, tmp_path: Path, standby: str
) -> None:
    known: set[str] = set()
    with ScriptedServer() as server:
        config = CONFIG.format(port=broker.port, url=server.url, key=KEY, standby=standby)
        with DaemonProcess(tmp_path, config) as daemon:
            subscriber.wait_for_payload("edge/box/yard/status", "online", 30)
            first = ask_now(subscriber, known)
            assert first["model"]["name"] == "qwen"
            assert (first["model"]["engine"], first["model"]["answers"]) == ("openai", "logprobs")
            assert first["verdicts"][0]["probability"] == pytest.approx(0.778, abs=0.001)
            assert last_json(subscriber, "edge/box/info")["model"]["engine"] == "openai"
            server.stop()
            if standby == "none":
                subscriber.publish("edge/box/cmd/analyze/set", "yard")
                wait_until(lambda: "left alone" in daemon.log, "the server is found to be away")
                server.start()  # the keyframe waited
                subscriber.wait_for(
                    lambda ms: len([f for f in findings_of(ms) if f["type"] == "end"]) == 2, 60
                )
                second = [f for f in findings_of(subscriber.messages) if f["type"] == "end"][-1]
                known.add(second["id"])
            else:
                second = ask_now(subscriber, known)
                assert second["model"]["engine"] == "openvino"
                subscriber.wait_for(
                    lambda _: (
                        last_json(subscriber, "edge/box/info")["model"]["engine"] == "openvino"
                    )
                )
                server.start()
                subscriber.wait_for(
                    lambda _: last_json(subscriber, "edge/box/info")["model"]["engine"] == "openai",
                    60,
                )
            assert second["status"] == "ok"
            assert ask_now(subscriber, known)["model"]["engine"] == "openai"
            assert daemon.stop() == 0
        log = daemon.log
    check_lives(findings_of(subscriber.messages))
    assert known == daemon.stored_ids()
    assert KEY not in log
    assert "Traceback" not in log
    assert any(asked.key == f"Bearer {KEY}" for asked in server.asked)
