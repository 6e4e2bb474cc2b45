"""The store's disk is full to the last byte for a while: every finding reaches the subscriber."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.broker import Mosquitto, Subscriber
from tests.support.contract import check_lives, check_message, findings_of
from tests.support.daemon import DaemonProcess, wait_until
from tests.support.small_disk import fill, mounted_disk

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

CONFIG = """
node: box
mqtt: {{host: 127.0.0.1, port: {port}}}
http: {{enabled: false}}
vlm: {{model: demo, cache: ./compiled}}
store: {{folder: {store}, min_free: 0B}}
cameras:
  porch: {{input: "demo:yard"}}
rules:
  person: {{ask: "Is there a person?", describe: never}}
"""


def wait_for_troubles(subscriber: Subscriber, expected: list[str]) -> None:
    def last() -> list[str] | None:
        told = subscriber.payloads("edge/box/info")
        document: dict[str, Any] = json.loads(told[-1]) if told else {}
        return [word for word in document.get("troubles", ()) if word.startswith("disk")]

    wait_until(lambda: last() == expected, f"the box tells {expected}", 60)


def take_findings(subscriber: Subscriber, number: int) -> list[dict[str, Any]]:
    """Have keyframes taken and analysed, one after the other; the last message about each."""
    ended: list[dict[str, Any]] = []
    for _ in range(number):
        known = {f["id"] for f in findings_of(subscriber.messages)}
        subscriber.publish("edge/box/cmd/analyze/set", "porch")

        def new(known: set[str] = known) -> list[dict[str, Any]]:
            of_command = [
                f
                for f in findings_of(subscriber.messages)
                if f["type"] == "end" and f["trigger"]["kind"] == "command"
            ]
            return [f for f in of_command if f["id"] not in known]

        ended.append(wait_until(new, "the keyframe is reported and delivered", 60)[0])
    return ended


def test_a_full_disk_loses_no_finding(
    broker: Mosquitto, subscriber: Subscriber, tmp_path: Path
) -> None:
    with mounted_disk(tmp_path / "disk", 40) as disk:
        config = CONFIG.format(port=broker.port, store=disk / "store")
        daemon = DaemonProcess(tmp_path, config)
        daemon.store = disk / "store"
        with daemon:
            subscriber.wait_for_payload("edge/box/porch/status", "online", 30)
            (before,) = take_findings(subscriber, 1)
            assert before["frame"]["snapshot"] == before["id"]
            filler = fill(disk)
            full = take_findings(subscriber, 3)
            wait_for_troubles(subscriber, ["disk_full"])
            full += take_findings(subscriber, 2)
            assert [f["frame"]["snapshot"] for f in full[-2:]] == [None, None]
            told = [json.loads(text) for text in subscriber.payloads("edge/box/stats")]
            assert told[-1]["disk"]["state"] == "full"

            filler.unlink()
            wait_for_troubles(subscriber, [])
            (after,) = take_findings(subscriber, 1)
            assert after["frame"]["snapshot"] == after["id"]
            assert (disk / "store" / "edge.reserve").exists()
            assert daemon.stop() == 0
            assert daemon.log.count("the disk is full. Findings are kept") == 1
            stored = daemon.stored_ids()
    for message in subscriber.messages:
        if not message.topic.endswith("/set"):  # our own orders
            check_message(message, "edge/box")
    findings = findings_of(subscriber.messages)
    check_lives(findings)
    assert {f["id"] for f in findings} == stored
    assert "Traceback" not in daemon.log
