"""SIGHUP with edits of every kind, and SIGTERM at a bad moment, on the daemon as a process."""

from __future__ import annotations

import signal
from pathlib import Path

import psutil
import pytest

from tests.support.broker import Mosquitto, Subscriber
from tests.support.daemon import DaemonProcess, wait_until

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


def _children(daemon: DaemonProcess) -> list[psutil.Process]:
    """Cameras and analyzer; not the tracker process of multiprocessing."""
    assert daemon.process is not None
    children = psutil.Process(daemon.process.pid).children()
    return [c for c in children if "resource_tracker" not in " ".join(c.cmdline())]
