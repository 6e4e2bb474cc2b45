"""Boxes of a pool: workers as processes, whose model is a scripted server, and a box that asks."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Self

import numpy as np
import psutil
import pytest

from edge.daemon.child import Child, Inbox
from edge.daemon.messages import Analysed, AnalysisRefused, EngineAway, EngineReady, PoolNews, Stop
from edge.daemon.plans import AnalyzerPlan, PoolSettings, analyzer_body
from edge.elsewhere import PoolFacts
from edge.frames import Image
from edge.mqtt.settings import MqttSettings
from edge.questions import AnalysisRequest, AnalysisResult, Look, yes_no
from edge.vlm.settings import EngineSettings

WORKER = """
node: {name}
worker: true
mqtt: {{host: 127.0.0.1, port: {port}{account}}}
vlm:
  engine: openai
  openai: {{url: "{url}", model: scripted}}
store: {{folder: ./store}}
"""
PICTURE: Image = np.random.default_rng(2).integers(0, 256, (96, 128, 3), dtype=np.uint8)


class WorkerBox:
    """`edge run` with `worker: true`. A context manager."""

    def __init__(self, folder: Path, name: str, port: int, url: str, password: str = "") -> None:
        self.name = name
        folder.mkdir(parents=True, exist_ok=True)
        account = f", username: {name}, password: {password}" if password else ""
        self._config, self._log = folder / f"{name}.yaml", folder / f"{name}.log"
        self._config.write_text(WORKER.format(name=name, port=port, url=url, account=account))
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def __enter__(self) -> Self:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "edge", "run", "-c", str(self._config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        return self

    def kill(self) -> None:
        """SIGKILL of the whole box."""
        if self.process is not None and self.process.poll() is None:
            for child in psutil.Process(self.process.pid).children(recursive=True):
                child.kill()
            self.process.kill()
            self.process.wait(10)

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def __exit__(self, *_: object) -> None:
        self.kill()


class AskingBox:
    """The analyzer process of a box with `engine: pool`; the test stands where the daemon does."""

    def __init__(
        self,
        port: int,
        standby: EngineSettings | None = None,
        username: str = "",
        password: str = "",
    ) -> None:
        name = username or "asking"
        mqtt = MqttSettings("127.0.0.1", name, port=port, username=username, password=password)
        settings = PoolSettings(mqtt, standby)
        self._inbox: Inbox = queue.Queue()
        self._plan = AnalyzerPlan(settings)
        self.places = 0
        self.is_away = False
        self.facts = PoolFacts()
        self.ready: EngineReady | None = None
        self.results: list[AnalysisResult] = []
        self.refusals: list[AnalysisRefused] = []
        self.said: list[object] = []
        self._asked = self._num = 0

    def __enter__(self) -> Self:
        self._child = Child("analyzer", 1, analyzer_body, (self._plan,), self._inbox)
        return self

    def __exit__(self, *_: object) -> None:
        self._child.send(Stop())
        if not self._child.join(10):
            self._child.kill()

    def ask(self, job_id: str = "", deadline_s: float = 10.0) -> str:
        """Send a job; its id."""
        self._num += 1
        self._asked += 1
        job_id = job_id or f"job-{self._num}"
        look = Look((), (yes_no("q", "Is it?"),))
        self._child.send(AnalysisRequest(job_id, PICTURE, None, (look,), deadline_s=deadline_s))
        return job_id

    @property
    def num_under_way(self) -> int:
        return self._asked - len(self.results) - len(self.refusals)

    def hear(self, timeout_s: float = 0.05) -> None:
        """Take in what the process says."""
        try:
            message = self._inbox.get(timeout=timeout_s).message  # type: ignore[attr-defined]
        except (queue.Empty, AttributeError):
            return
        self.said.append(message)
        match message:
            case EngineReady():
                self.ready, self.places, self.is_away = message, message.places, False
            case EngineAway():
                self.places, self.is_away = 0, True
            case PoolNews(facts):
                self.facts = facts
            case Analysed(result):
                self.results.append(result)
            case AnalysisRefused():
                self.refusals.append(message)

    def wait(self, condition: object, what: str, timeout_s: float = 60.0) -> None:
        """Hear until `condition()`."""
        deadline = time.monotonic() + timeout_s
        while not condition():  # type: ignore[operator]
            self.hear()
            if time.monotonic() > deadline:
                pytest.fail(f"not within {timeout_s} s: {what}; {self.facts}, {self.said[-5:]}")

    def work_off(self, num_jobs: int, at: dict[int, object] | None = None) -> Counter[str]:
        """Keep all places busy until so many jobs are over; `at` says what is done after the n-th
        answer. How often each was answered.
        """
        todo = dict(at or {})
        asked: list[str] = []
        deadline = time.monotonic() + 120
        while len(self.results) + len(self.refusals) < num_jobs:
            while len(asked) < num_jobs and self.num_under_way < max(self.places, 1):
                asked.append(self.ask())
            self.hear()
            for number in [n for n in todo if len(self.results) >= n]:
                todo.pop(number)()  # type: ignore[operator]
            if time.monotonic() > deadline:
                pytest.fail(f"{len(self.results)} of {num_jobs} after 120 s; {self.facts}")
        return Counter(result.id for result in self.results)
