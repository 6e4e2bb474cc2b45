"""Reloads with edits of every kind, and SIGTERM at a bad moment, on the daemon as a process."""

from __future__ import annotations

import json
import signal
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from tests.support.broker import Mosquitto, Subscriber
from tests.support.contract import check_lives, check_message, findings_of
from tests.support.daemon import DaemonProcess, wait_until
from tests.support.ports import free_port
from tests.support.rtsp import RtspServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

# a camera may well be called as one of the daemon's own processes is
CONFIG = """
node: box
mqtt: {{host: 127.0.0.1, port: {port}}}
http: {{enabled: false}}
vlm: {{model: demo}}
store: {{folder: ./store}}
log: {{level: {level}}}
cameras:
  analyzer: {{input: "demo:yard"}}
  {second}: {{input: "demo:yard"}}
rules:
  person: {{ask: "Is there a {what}?"}}
"""


def test_edits_are_taken_over_and_the_rest_goes_on(
    broker: Mosquitto, subscriber: Subscriber, tmp_path: Path
) -> None:
    def config(level: str = "info", second: str = "yard", what: str = "person") -> str:
        return CONFIG.format(port=broker.port, level=level, second=second, what=what)

    with DaemonProcess(tmp_path, config()) as daemon:
        assert daemon.process is not None
        for camera in ("analyzer", "yard"):
            subscriber.wait_for_payload(f"edge/box/{camera}/status", "online", 30)
        before = {child.pid for child in _children(daemon)}

        def reload(text: str, expected: str) -> None:
            seen = daemon.log.count(expected)
            daemon.config.write_text(text)
            daemon.process.send_signal(signal.SIGHUP)
            wait_until(lambda: daemon.log.count(expected) > seen, expected, 20)

        reload("cameras: [", "everything goes on as before")
        reload(config(level="debug", what="dog"), "was read again")
        assert {child.pid for child in _children(daemon)} == before
        reload(config(second="gate"), "was read again")
        subscriber.wait_for_payload("edge/box/gate/status", "online", 30)
        after = {child.pid for child in _children(daemon)}
        assert len(before - after) == len(after - before) == 1, "only the renamed camera's"

        children = _children(daemon)
        for child in children:
            child.suspend()
        assert daemon.stop() == 0
        assert not [child for child in children if child.is_running()]
    assert "Traceback" not in daemon.log
    assert "process ended" not in daemon.log, "nothing that was asked for is told as a failure"


MANY = """
node: box
mqtt: {{host: 127.0.0.1, port: {port}}}
http: {{port: {http}}}
vlm: {{model: demo, deadline: 30s, reuse: 0s}}
store: {{folder: ./store}}
log: {{level: {level}}}
cameras:
  room: {{input: {url}, periodic: 2s}}
  yard: {{input: "demo:yard?fps=5", periodic: 3s}}
  {third}: {{input: "demo:yard?fps={fps}", periodic: 5s}}
rules:
  person: {{ask: "Is there a {what}?", when: {{on: [motion, periodic]}}, describe: never}}
"""
NUM_RELOADS = 50
BROKEN = ("cameras: [", "cameras: {}", "mqtqt: 1", "rules: {r: {ask: x?, cameras: [nobody]}}", "")
UNCHANGED = ("room", "yard")


@dataclass
class Box:
    """The daemon, and the three ways to have it reload."""

    daemon: DaemonProcess
    subscriber: Subscriber
    url: str

    def configuration(self) -> dict[str, Any]:
        """What `info` says of the file."""
        return json.loads(self.subscriber.payloads("edge/box/info")[-1])["configuration"]

    def reload(self, text: str, number: int) -> dict[str, Any]:
        """Write the file, and have it read in turn by signal, MQTT and HTTP; what became of it."""
        before = self.configuration()
        self.daemon.config.write_text(text)
        way = ("signal", "mqtt", "http")[number % 3]
        if way == "signal":
            assert self.daemon.process is not None
            self.daemon.process.send_signal(signal.SIGHUP)
        elif way == "mqtt":
            self.subscriber.publish("edge/box/cmd/reload/set", "now")
        else:
            with requests.post(f"{self.url}/api/v1/reload", timeout=30) as reply:
                assert reply.ok, reply.text
        self.subscriber.wait_for(lambda _: self.configuration() != before, 30)
        report = self.configuration()
        if way == "http":
            assert reply.json() == report
        return report

    def stats(self) -> dict[str, Any]:
        with requests.get(f"{self.url}/api/v1/stats", timeout=30) as reply:
            return reply.json()["cameras"]

    def held(self) -> dict[str, int]:
        """Children, descriptors and threads of the main process."""
        assert self.daemon.process is not None
        main = psutil.Process(self.daemon.process.pid)
        return {
            "children": len(_children(self.daemon)),
            "descriptors": main.num_fds(),
            "threads": main.num_threads(),
        }

    def pids(self) -> dict[str, int]:
        return {name: self.daemon.child(name).pid for name in (*UNCHANGED, "analyzer")}


def test_fifty_reloads_leave_nothing_behind_and_disturb_nobody(
    server: RtspServer, broker: Mosquitto, subscriber: Subscriber, tmp_path: Path
) -> None:
    http = free_port()

    def config(number: int) -> str:
        """Another file for each number; the third camera is renamed or changed now and then."""
        return MANY.format(
            port=broker.port,
            http=http,
            url=server.url("/room"),
            level=("info", "debug")[number % 2],
            third=("gate", "lane")[number // 12 % 2],
            fps=2 + number // 24 % 2,
            what=("person", "dog", "cat")[number % 3],
        )

    with DaemonProcess(tmp_path, config(0)) as daemon:
        box = Box(daemon, subscriber, f"http://127.0.0.1:{http}")
        for camera in (*UNCHANGED, "gate"):
            subscriber.wait_for_payload(f"edge/box/{camera}/status", "online", 30)
        subscriber.wait_for(lambda ms: any(f["type"] == "end" for f in findings_of(ms)), 60)
        wait_until(lambda: _answers(box.url), "HTTP serves", 30)
        assert box.configuration()["state"] == "in_force"
        pids, last = box.pids(), box.stats()
        held = box.held()
        for number in range(1, NUM_RELOADS + 1):
            is_broken = number % 2 == 1
            text = config(number) if not is_broken else config(0) + BROKEN[number // 2 % 5] + "\n["
            report = box.reload(text, number)
            assert report["state"] == ("refused" if is_broken else "in_force"), report
            assert bool(report["problems"]) == is_broken
            last = _go_on(last, box.stats())
        assert box.reload(config(0), 0)["state"] == "in_force"
        assert box.pids() == pids, "no unchanged camera was disturbed, no model loaded again"
        subscriber.wait_for_payload("edge/box/gate/status", "online", 30)
        wait_until(
            lambda: all(now <= held[what] for what, now in box.held().items()),
            f"it holds no more than before: {held}",
            60,
        )
        _go_on(last, wait_until(lambda: _later(box.stats(), last), "pictures still come", 60))
        assert daemon.stop() == 0
        if daemon.pending():  # what was still in the outbox comes with the next start
            daemon.start()
            wait_until(lambda: daemon.pending() == 0, "the outbox is empty")
            assert daemon.stop() == 0
    findings = findings_of(subscriber.messages)
    check_lives(findings)
    assert {f["id"] for f in findings} == daemon.stored_ids()
    assert len(daemon.stored_ids()) > 10
    ways = Counter((f["id"], f["type"]) for f in findings)
    assert set(ways.values()) == {1}, "each is told once"
    for message in subscriber.messages:
        if not message.topic.endswith("/set"):
            check_message(message, "edge/box")
    assert "Traceback" not in daemon.log


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/ready", timeout=10).ok
    except requests.ConnectionError:
        return False


def _go_on(before: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """The unchanged cameras' counters since `before`: forward, and no break in the stream."""
    for name in UNCHANGED:
        was, camera = before[name], now[name]
        assert camera["frames"] >= was["frames"]
        assert camera["capture"]["received"] >= was["capture"]["received"]
        assert (camera["restarts"], camera["reconnects"], camera["state"]) == (0, 0, "online")
        assert camera["capture"]["gaps"] == was["capture"]["gaps"], (name, camera)
        assert camera["capture"]["lost"] == was["capture"]["lost"], (name, camera)
    return now


def _later(now: dict[str, Any], before: dict[str, Any]) -> dict[str, Any] | None:
    came = all(now[n]["capture"]["received"] > before[n]["capture"]["received"] for n in UNCHANGED)
    return now if came else None


def _children(daemon: DaemonProcess) -> list[psutil.Process]:
    """Cameras and analyzer; not the tracker process of multiprocessing."""
    assert daemon.process is not None
    children = psutil.Process(daemon.process.pid).children()
    return [c for c in children if "resource_tracker" not in " ".join(c.cmdline())]
