"""The main process of a box without cameras: takes jobs from the pool, has its model answer them.

    while running:
        take what has come in (jobs from the broker, answers from the analyzer)
        check the analyzer, say on the broker whether jobs are taken

A job is acknowledged to the broker when its answer has reached it. So a job whose worker is killed
is not lost: the broker may give it to another, and the box that it came from does so in any case.
One job at a time; a job that comes again is answered from memory.
"""

from __future__ import annotations

import logging
import queue
import signal
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import FrameType

from edge.daemon.analyzer_host import AnalyzerHost
from edge.daemon.child import Child, ChildGone, FromChild, Inbox, kill_all_children
from edge.daemon.messages import (
    Analysed,
    AnalysisRefused,
    EngineAway,
    EngineChanged,
    EngineFailed,
    EngineReady,
    ServerNews,
)
from edge.daemon.notify import Notifier, watchdog_interval_s
from edge.daemon.plans import AnalyzerPlan, analyzer_body
from edge.errors import CommandRefused
from edge.mqtt.pool_line import Arrived, Delivered, LineDown, LineUp, PoolLine
from edge.mqtt.pool_topics import PoolTopics
from edge.mqtt.refusal import RefusalLog
from edge.mqtt.settings import MqttSettings
from edge.pool import JobAnswer, WorkerNote, job_id_of, parse_job
from edge.questions import AnalysisRequest, AnalysisResult

log = logging.getLogger(__name__)

TICK_S = 0.25
END_S = 3.0
FEED_S = 5.0
MAX_ATTEMPTS = 2  # a job whose analyzer died is tried once more
MAX_REMEMBERED = 32  # answers, a few kB each

SpawnAnalyzer = Callable[[Inbox, AnalyzerPlan, int], Child]


@dataclass(slots=True)
class _Current:
    """The job being done. `token` acknowledges it; a job that came again has the newest one."""

    request: AnalysisRequest
    arrived: Arrived
    attempts: int = 0


class Worker:
    """Works until SIGTERM."""

    def __init__(
        self, mqtt: MqttSettings, plan: AnalyzerPlan, spawn: SpawnAnalyzer | None = None
    ) -> None:
        """`spawn` starts another analyzer process than the usual one."""
        self._name = mqtt.node
        self._topics = PoolTopics(mqtt.prefix, mqtt.node)
        self._inbox: Inbox = queue.Queue()
        self._host = AnalyzerHost(plan, partial(spawn or _spawn, self._inbox))
        self._line = PoolLine(
            mqtt,
            client_id=f"{mqtt.effective_client_id}-worker",
            filters=(),
            on_event=self._inbox.put,
            will=(self._topics.worker, b""),  # an empty note: the box has left
            one_at_a_time=True,
        )
        self._notifier = Notifier()
        self._refusals = RefusalLog()
        self._current: _Current | None = None
        self._answers: OrderedDict[str, bytes] = OrderedDict()
        self._unacknowledged: dict[str, Arrived] = {}  # answered, by the job's id
        self._is_connected = False
        self._told = ""  # the state in our note on this connection
        self._stop_signal = ""
        self._fed_mono_s = float("-inf")
        self.num_done = 0

    def run(self) -> str:
        """Serve until SIGTERM or SIGINT; returns the signal's name."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        self._line.start()
        self._notifier.ready("starting")
        log.info("ready: worker %s of the pool %s", self._name, self._topics.jobs)
        try:
            while not self._stop_signal:
                self._take(self._next(TICK_S))
                self._step(time.monotonic())
        finally:
            self._shut_down()
        return self._stop_signal

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            log.warning("a worker reads its configuration at its start; restart it for changes")
        else:
            self._stop_signal = signal.Signals(number).name

    def _next(self, timeout_s: float) -> object | None:
        try:
            return self._inbox.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def _take(self, event: object | None) -> None:
        now = time.monotonic()
        match event:
            case LineUp():
                self._is_connected, self._told = True, ""
                self._unacknowledged.clear()  # of an earlier connection
            case LineDown(error):
                self._is_connected = False
                log.warning("pool: %s", error)
            case Arrived():
                self._arrived(event, now)
            case Delivered(name):
                if (arrived := self._unacknowledged.pop(name, None)) is not None:
                    self._line.acknowledge(arrived.token)
            case FromChild(generation=generation, message=said):
                if self._host.slot.is_current(generation):
                    self._heard(said, now)
            case ChildGone(generation=generation, exitcode=exitcode):
                if self._host.slot.is_current(generation):
                    self._host.gone(exitcode, now)
                    self._failed("the analyzer process ended during the analysis")

    def _arrived(self, event: Arrived, now_mono_s: float) -> None:
        """A job has come. Whatever is wrong with it, it is acknowledged, or it would come again."""
        try:
            if not self._topics.is_answers(event.response_topic):
                raise CommandRefused("address", "its response topic is not one of the pool")
            request = parse_job(event.payload)
            if event.correlation != request.id.encode():
                raise CommandRefused("correlation", f"job {request.id!r} has another correlation")
        except CommandRefused as refusal:
            self._refuse(event, refusal, now_mono_s)
            return
        if request.id in self._answers:
            self._unacknowledged[request.id] = event
            self._send(event, request.id, self._answers[request.id])
        elif self._current is not None and self._current.request.id == request.id:
            self._current.arrived = event  # it came again over a new connection
        else:
            self._current = _Current(request, event)
            self._send(event, "", _data(JobAnswer.taken(request.id, self._name)))

    def _refuse(self, event: Arrived, refusal: CommandRefused, now_mono_s: float) -> None:
        if line := self._refusals.line(event.topic, refusal, now_mono_s):
            log.warning("pool: %s", line)
        job_id = job_id_of(event.payload)
        if job_id and self._topics.is_answers(event.response_topic):
            answer = JobAnswer.refused(job_id, self._name, str(refusal), retry=False)
            self._send(event, "", _data(answer))
        self._line.acknowledge(event.token)

    def _heard(self, said: object, now_mono_s: float) -> None:
        match said:
            case EngineReady() | EngineAway() | EngineChanged() | EngineFailed() | ServerNews():
                self._host.heard(said, now_mono_s)
            case Analysed(result):
                self._host.done(result.id)
                self._answered(result)
            case AnalysisRefused(job_id, error, retry):
                self._host.done(job_id)
                if retry:
                    self._failed(error)
                else:
                    self._end(JobAnswer.refused(job_id, self._name, error, retry=False))

    def _answered(self, result: AnalysisResult) -> None:
        info = self._host.info
        if info is not None:
            self.num_done += 1
            self._end(JobAnswer.done(result, self._name, info))

    def _failed(self, error: str) -> None:
        """The analyzer died or failed: the job is tried again here once, then given back."""
        current = self._current
        if current is None:
            return
        current.attempts += 1
        if current.attempts >= MAX_ATTEMPTS:
            answer = JobAnswer.refused(current.request.id, self._name, error, retry=True)
            self._end(answer)

    def _end(self, answer: JobAnswer) -> None:
        """The job is over: its answer goes out, and is remembered if it holds for ever."""
        current, self._current = self._current, None
        if current is None or current.request.id != answer.id:
            return
        data = _data(answer)
        if answer.state == "done":
            self._answers[answer.id] = data
            if len(self._answers) > MAX_REMEMBERED:
                self._answers.popitem(last=False)
        self._unacknowledged[answer.id] = current.arrived
        self._send(current.arrived, answer.id, data)

    def _send(self, job: Arrived, name: str, data: bytes) -> None:
        """To where the job came from; lost without a connection: the job will then come again."""
        self._line.publish(job.response_topic, data, name=name, correlation=job.correlation)

    def _step(self, now_mono_s: float) -> None:
        self._host.check(now_mono_s)
        current = self._current
        if current is not None and self._host.is_ready:
            self._host.submit(current.request, now_mono_s)
        self._tell()
        if now_mono_s - self._fed_mono_s >= min(watchdog_interval_s() or FEED_S, FEED_S):
            self._fed_mono_s = now_mono_s
            broker = "connected" if self._is_connected else "no broker"
            self._notifier.alive(f"model {self._host.state}, {broker}, {self.num_done} jobs done")

    def _tell(self) -> None:
        """Take jobs while the model is up and the broker is there, and say so in our note."""
        state = "ready" if self._host.state in ("ready", "busy") else "loading"
        if not self._is_connected or state == self._told:
            return
        if state == "ready":
            self._line.subscribe(self._topics.shared_jobs)
        elif self._told == "ready":
            self._line.unsubscribe(self._topics.shared_jobs)
        note = WorkerNote(worker=self._name, state=state)  # type: ignore[arg-type]
        if self._line.publish(self._topics.worker, _data(note), retain=True):
            self._told = state
            log.info("pool: %s", "jobs are taken" if state == "ready" else "no jobs are taken now")

    def _shut_down(self) -> None:
        """Leave the pool, then end the analyzer. A job under way is done by another."""
        log.info("stopping")
        self._notifier.stopping()
        self._line.publish(self._topics.worker, b"", name="goodbye", retain=True)
        until = time.monotonic() + END_S
        while self._is_connected and time.monotonic() < until:
            event = self._next(0.05)
            if isinstance(event, Delivered) and event.name == "goodbye":
                break
        self._line.stop()
        self._host.stop()
        child = self._host.slot.child
        while child is not None and not child.join(0.05) and time.monotonic() < until:
            self._next(0.01)
        kill_all_children()
        log.info("stopped")


def _data(document: JobAnswer | WorkerNote) -> bytes:
    return document.model_dump_json().encode()


def _spawn(inbox: Inbox, plan: AnalyzerPlan, generation: int) -> Child:
    return Child("analyzer", generation, analyzer_body, (plan,), inbox)
