"""The box of a soak: `edge run` with four drawn cameras, started again whenever it ends.

As systemd does it, only sooner. Its log lies beside the small disk, not on it.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from edge.bench.soak.processes import MAIN, family
from edge.demo.kin import end_with_parent
from edge.findings import Stats

CAMERAS = ("cam1", "cam2", "cam3", "cam4")
NODE = "soak"
RESTART_S = 1.0
END_S = 30.0
ASK_S = 5.0
CONFIG = """\
node: {node}
mqtt: {{host: 127.0.0.1, port: {mqtt_port}, discovery: {{enabled: false}}}}
http: {{port: {http_port}}}
vlm: {{model: demo, deadline: 10s, reuse: 0s}}
store: {{folder: {folder}}}
snapshots: {{max_size: 16MB}}
cameras:
{cameras}
rules:
  person: {{ask: "Is there a person?", when: {{on: [motion, periodic]}}, describe: never}}
"""
CAMERA = '  {name}: {{input: "demo:yard?seed={seed}&fps=4&size=320x180", periodic: 4s}}\n'


class Box:
    """The daemon as a process, and who looks after it."""

    def __init__(self, folder: Path, store: Path, mqtt_port: int, http_port: int) -> None:
        self.store = store
        self.starts = self.unasked_ends = self.ends_when_full = 0
        self._config, self._log = folder / "edge.yaml", folder / "edge.log"
        self._http_port = http_port
        self._process: subprocess.Popen[bytes] | None = None
        self._is_killed = False
        self._start_mono_s = 0.0
        cameras = "".join(CAMERA.format(name=n, seed=i + 1) for i, n in enumerate(CAMERAS))
        self._config.write_text(
            CONFIG.format(
                node=NODE, mqtt_port=mqtt_port, http_port=http_port, folder=store, cameras=cameras
            )
        )

    @property
    def log(self) -> str:
        """What the daemon and its children wrote so far."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def look_after(self, *, may_fail: bool) -> None:
        """Start it where it does not run. While it `may_fail` its end is not held against it."""
        if self._process is not None:
            if self._process.poll() is None:
                return
            self._process = None
            self._start_mono_s = time.monotonic() + RESTART_S
            if not self._is_killed:
                self.ends_when_full += may_fail
                self.unasked_ends += not may_fail
        if time.monotonic() >= self._start_mono_s:
            self._start()

    def processes(self) -> dict[str, int]:
        """Those that live now, by name."""
        return {} if self._process is None else family(self._process.pid)

    def kill(self, name: str, pid: int) -> None:
        """SIGKILL."""
        self._is_killed = self._is_killed or name == MAIN
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return

    def stats(self) -> Stats | None:
        """What it says of itself; None while it does not answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self._http_port, timeout=ASK_S)
        try:
            connection.request("GET", "/api/v1/stats")
            return Stats.model_validate(json.loads(connection.getresponse().read()))
        except (http.client.HTTPException, OSError, ValueError):
            return None
        finally:
            connection.close()

    def stop(self) -> int:
        """SIGTERM; the exit status. -9 if that did not help."""
        if self._process is None:
            return 0
        process, self._process = self._process, None
        process.terminate()
        try:
            return process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def _start(self) -> None:
        self.starts += 1
        self._is_killed = False
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "edge", "run", "-c", str(self._config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for us: we end it in good order
                preexec_fn=end_with_parent,  # noqa: PLW1509 - it only asks the kernel
            )
