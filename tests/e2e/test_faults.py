"""Each part dies once while findings arise; in the end the subscriber has them all."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.e2e.conftest import CONFIG, VIDEOS
from tests.support.broker import Mosquitto, Subscriber
from tests.support.clips import cut_clip
from tests.support.contract import check_lives, check_message, findings_of
from tests.support.daemon import DaemonProcess, wait_until
from tests.support.rtsp import RtspServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]

BROKER_AWAY_S = 30.0
BUSY = ((122.0, 127.0), (133.0, 138.0))  # of the clip: somebody comes to the table; and leaves

PERSON = 'person: {ask: "Is there a person?", describe: always'


@pytest.fixture
def server(clip: tuple[Path, list[tuple[float, float]]], tmp_path: Path) -> Iterator[RtspServer]:
    """The room of the clip, where something happens every few seconds."""
    busy = cut_clip(clip[0], tmp_path / "busy.mp4", BUSY) if clip[0].parent == VIDEOS else clip[0]
    with RtspServer({"/room": busy}, loop=True) as running:
        yield running


def test_nothing_is_lost_whatever_dies(
    server: RtspServer, broker: Mosquitto, subscriber: Subscriber, tmp_path: Path
) -> None:
    config = CONFIG.format(port=broker.port, url=server.url("/room"))
    assert PERSON in config
    config = config.replace(PERSON, PERSON + ", when: {on: [motion, periodic]}")
    config = config.replace("cameras:\n  room:\n", "cameras:\n  room:\n    periodic: 2s\n")
    with DaemonProcess(tmp_path, config) as daemon:
        subscriber.wait_for_payload("edge/box/room/status", "online", 20)
        _kill_child(daemon, subscriber, "room")
        _kill_child(daemon, subscriber, "analyzer")
        _restart_stream(server, subscriber)
        _stop_broker(broker, subscriber, daemon)
        orphans = psutil.Process(daemon.process.pid).children(recursive=True)
        daemon.kill()
        _, alive = psutil.wait_procs(orphans, timeout=10)
        assert not alive, "children outlive their parent"
        subscriber.wait_for_payload("edge/box/status", "offline", 60)
        daemon.start()
        _next_finding(subscriber, 60)
        assert daemon.stop() == 0
        subscriber.wait_for_payload("edge/box/status", "stopped")
        # what was still in the outbox when the daemon stopped comes with the next start
        if daemon.pending():
            daemon.start()
            wait_until(lambda: daemon.pending() == 0, "the outbox is empty")
            assert daemon.stop() == 0
    for message in subscriber.messages:
        check_message(message, "edge/box")
    findings = findings_of(subscriber.messages)
    check_lives(findings)
    assert {f["id"] for f in findings} == daemon.stored_ids()
    ended = {f["id"] for f in findings if f["type"] == "end"}
    assert ended == daemon.stored_ids(), "a finding was never ended"
    assert "Traceback" not in daemon.log


def _next_finding(subscriber: Subscriber, timeout_s: float) -> None:
    """Wait for an analysed finding that is newer than now."""
    now = time.time()
    subscriber.wait_for(
        lambda messages: any(
            f["ts"] > now and f["type"] == "end" and f["status"] == "ok"
            for f in findings_of(messages)
        ),
        timeout_s,
    )


def _kill_child(daemon: DaemonProcess, subscriber: Subscriber, name: str) -> None:
    child = daemon.child(name)
    child.kill()
    wait_until(lambda: not child.is_running(), f"{name} is dead")
    assert daemon.child(name).pid != child.pid
    _next_finding(subscriber, 60)


def _restart_stream(server: RtspServer, subscriber: Subscriber) -> None:
    server.stop()
    subscriber.wait_for_payload("edge/box/room/status", "offline", 20)
    server.start()
    subscriber.wait_for_payload("edge/box/room/status", "online", 30)
    _next_finding(subscriber, 60)


def _stop_broker(broker: Mosquitto, subscriber: Subscriber, daemon: DaemonProcess) -> None:
    before = daemon.stored_ids()
    broker.stop()
    wait_until(lambda: daemon.stored_ids() - before, "findings arise meanwhile", 60)
    time.sleep(BROKER_AWAY_S)  # the length of the outage is what is being tested
    made = daemon.stored_ids() - before
    broker.start()
    subscriber.wait_for(lambda ms: made <= {f["id"] for f in findings_of(ms)}, 90)
    wait_until(lambda: daemon.pending() == 0, "the outbox is empty", 60)


def test_a_hanging_camera_is_replaced(
    server: RtspServer, broker: Mosquitto, subscriber: Subscriber, tmp_path: Path
) -> None:
    """A process that stands still in native code sends no heartbeat; the parent kills it."""
    config = CONFIG.format(port=broker.port, url=server.url("/room"))
    with DaemonProcess(tmp_path, config) as daemon:
        subscriber.wait_for_payload("edge/box/room/status", "online", 20)
        child = daemon.child("room")
        child.suspend()
        subscriber.wait_for_payload("edge/box/room/status", "stalled", 20)
        wait_until(lambda: not child.is_running(), "the hanging process is killed")
        subscriber.wait_for_payload("edge/box/room/status", "online", 20)
        assert daemon.stop() == 0
