"""A broker of our own for the demo: Debian's mosquitto as a child, on loopback, for its lifetime.

Keeps nothing on disk unless it is told where, and lets everybody on this machine in. Used by
`edge demo`, `edge bench` and by tests.
"""

from __future__ import annotations

import logging
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from edge.demo.kin import end_with_parent
from edge.errors import DeliveryError

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
START_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 5.0
KEPT_MESSAGES = 100_000  # for one session that is away; mosquitto's own limit is 1000
_SBIN = "/usr/sbin:/usr/local/sbin"  # where Debian puts it; not on every user's PATH


class LocalBroker:
    """A mosquitto on a free loopback port (or the given one) between `with` and its end.

    With `kept_in`, a folder, sessions and what waits for them outlive a stop and start. Entering
    raises DeliveryError if mosquitto is not installed or does not start.
    """

    def __init__(self, port: int = 0, *, kept_in: Path | None = None) -> None:
        self.host = HOST
        self.port = port or free_port()
        self._kept_in = kept_in
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def start(self) -> None:
        """Start it and wait until it takes connections; at most START_TIMEOUT_S."""
        if self._process is not None:
            return
        program = _find_mosquitto()
        _require_free(self.port)
        self._folder = tempfile.TemporaryDirectory(prefix="edge-broker-")
        config = Path(self._folder.name, "mosquitto.conf")
        config.write_text(
            f"listener {self.port} {HOST}\nallow_anonymous true\n{self._persistence()}"
            "log_dest stderr\nlog_type error\nlog_type warning\n"
        )
        record = Path(self._folder.name, "log")
        with record.open("wb") as out:
            self._process = subprocess.Popen(
                [program, "-c", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,  # Ctrl-C is for us: we say goodbye to it first
                preexec_fn=end_with_parent,  # noqa: PLW1509 - no thread runs yet
            )
        try:
            self._wait_until_open(self._process, record)
        except BaseException:
            self.stop()
            raise
        log.info("mosquitto listens on %s:%d", self.host, self.port)

    def stop(self) -> None:
        """Stop it, by force after STOP_TIMEOUT_S; harmless when called again."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        folder, self._folder = self._folder, None
        if folder is not None:
            folder.cleanup()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _persistence(self) -> str:
        if self._kept_in is None:
            return "persistence false\n"
        # as root it would change to a user of its own, who may not write there
        user = "user root\n" if os.geteuid() == 0 else ""
        return (
            f"persistence true\npersistence_location {self._kept_in}/\n"
            f"max_queued_messages {KEPT_MESSAGES}\n{user}"
        )

    def _wait_until_open(self, process: subprocess.Popen[bytes], record: Path) -> None:
        give_up_mono_s = time.monotonic() + START_TIMEOUT_S
        while True:
            if process.poll() is not None:
                said = record.read_text(errors="replace").strip()[-300:]
                raise DeliveryError(
                    f"mosquitto did not start on {HOST}:{self.port}"
                    f" (exit status {process.returncode}): {said or 'it gave no reason'}"
                )
            if self._answers():
                return
            if time.monotonic() > give_up_mono_s:
                raise DeliveryError(
                    f"mosquitto takes no connection on {HOST}:{self.port}"
                    f" after {START_TIMEOUT_S:g} s"
                )
            time.sleep(0.02)

    def _answers(self) -> bool:
        try:
            with socket.create_connection((self.host, self.port), timeout=1.0):
                return True
        except OSError:
            return False


def _find_mosquitto() -> str:
    path = f"{os.environ.get('PATH', '')}:{_SBIN}"
    program = shutil.which("mosquitto", path=path)
    if program is None:
        raise DeliveryError(
            "mosquitto is not installed; install it with `apt install mosquitto`,"
            " or name a broker of your own in the configuration"
        )
    return program


def _require_free(port: int) -> None:
    """A connection to a port that somebody else holds would prove nothing."""
    try:
        socket.create_server((HOST, port)).close()
    except OSError as error:
        raise DeliveryError(f"port {port} of {HOST} is taken: {error.strerror}") from error


def free_port() -> int:
    """A port of loopback that nobody holds now."""
    with socket.create_server((HOST, 0)) as listener:
        return int(listener.getsockname()[1])
