"""The daemon as a process, for end-to-end tests: started from a YAML file, watched, killed."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import psutil
import pytest


def wait_until(condition: Callable[[], Any], what: str, timeout_s: float = 30.0) -> Any:
    """Wait for `condition` to be true and return it; fails the test after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.05)
    pytest.fail(f"not within {timeout_s} s: {what}")


class DaemonProcess:
    """`edge run` on `config`, its log in a file beside it. A context manager: started inside."""

    def __init__(
        self, folder: Path, config: str, environment: dict[str, str] | None = None
    ) -> None:
        self.environment = environment or {}
        self.folder = folder
        self.store = folder / "store"
        self.config = folder / "edge.yaml"
        self.config.write_text(config)
        self.log_path = folder / "edge.log"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """What the daemon and its children wrote so far."""
        return self.log_path.read_text(errors="replace")

    def start(self) -> None:
        """Start, and wait until it says that it is ready."""
        number = self.log.count("ready: ") if self.log_path.exists() else 0
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "edge", "run", "-c", str(self.config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **self.environment},
            )
        wait_until(
            lambda: self.log.count("ready: ") > number or self.process.poll() is not None,
            "the daemon is ready",
        )
        assert self.process.poll() is None, self.log

    def child(self, name: str) -> psutil.Process:
        """The process of a camera or the analyzer, known by its command's thread names."""
        return wait_until(lambda: self._find_child(name), f"there is a process {name}")

    def _find_child(self, name: str) -> psutil.Process | None:
        assert self.process is not None
        for process in psutil.Process(self.process.pid).children(recursive=True):
            try:
                title = Path(f"/proc/{process.pid}/comm").read_text().strip()
            except OSError:
                continue
            if title == f"edge: {name}"[:15]:
                return process
        return None

    def kill(self) -> None:
        """kill -9 of the main process."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def stop(self, timeout_s: float = 10.0) -> int:
        """SIGTERM; returns the exit status, fails the test if it takes longer than `timeout_s`."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self.process.kill()
                pytest.fail(f"SIGTERM took more than {timeout_s} s:\n{self.log[-3000:]}")
        return self.process.returncode

    def stored_ids(self) -> set[str]:
        """The ids of every finding in the store, read from its file."""
        with sqlite3.connect(f"file:{self.store}/edge.db?mode=ro", uri=True) as database:
            return {row[0] for row in database.execute("SELECT id FROM findings")}

    def pending(self) -> int:
        """Rows in the outbox."""
        with sqlite3.connect(f"file:{self.store}/edge.db?mode=ro", uri=True) as database:
            return int(database.execute("SELECT count(*) FROM outbox").fetchone()[0])

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            for child in psutil.Process(self.process.pid).children(recursive=True):
                child.kill()
            self.process.kill()
            self.process.wait(10)
