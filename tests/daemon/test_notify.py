"""sd_notify: what the service manager receives."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from edge.daemon.notify import Notifier, watchdog_interval_s


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_lines_reach_the_manager(tmp_path: Path, kind: str) -> None:
    name = str(tmp_path / "notify") if kind == "path" else f"@edge-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + name[1:] if kind == "abstract" else name)
        manager.settimeout(5)
        notifier = Notifier(name)
        notifier.ready("2 cameras")
        notifier.alive("watching")
        notifier.stopping()
        received = [manager.recv(4096).decode() for _ in range(3)]
    assert received == [
        "READY=1\nSTATUS=2 cameras",
        "WATCHDOG=1\nSTATUS=watching",
        "STOPPING=1\nSTATUS=stopping",
    ]


def test_silent_without_a_manager(tmp_path: Path) -> None:
    Notifier("").ready("nobody listens")
    Notifier(str(tmp_path / "gone")).ready("the socket is gone")


@pytest.mark.parametrize(
    ("environment", "interval_s"),
    [
        pytest.param({}, None, id="not asked for"),
        pytest.param({"WATCHDOG_USEC": "30000000"}, 15.0, id="half of WatchdogSec"),
        pytest.param({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None, id="not for us"),
        pytest.param({"WATCHDOG_USEC": "soon"}, None, id="unreadable"),
    ],
)
def test_watchdog_interval(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], interval_s: float | None
) -> None:
    for name in ("WATCHDOG_USEC", "WATCHDOG_PID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert watchdog_interval_s() == interval_s
