"""The body of the analyzer process where the models are on other boxes: hands jobs to the pool.

To the daemon it is an analyzer with as many places as there are workers that are ready. While there
are none nothing is handed out: the model on this box is loaded and answers, where there is to be
one, else keyframes wait as for any model. Conversations are for the model on this box alone.
"""

from __future__ import annotations

import logging
import queue
import sys
import time
from dataclasses import replace

from edge.conversation import Turn
from edge.daemon.child import (
    leave_signals_to_the_daemon,
    name_process,
    serve_commands,
)
from edge.daemon.messages import (
    Analysed,
    AnalysisRefused,
    EngineAway,
    EngineFailed,
    EngineReady,
    PoolNews,
    SetLogLevel,
    Stop,
    Talked,
    TurnRefused,
)
from edge.daemon.pipe import MessagePipe
from edge.daemon.plans import PoolSettings
from edge.daemon.pool_desk import Desk, Errand
from edge.daemon.pool_standby import PoolStandby
from edge.elsewhere import PoolFacts
from edge.errors import AnalysisFailed, CommandRefused, EdgeError, QuestionError
from edge.logs import set_log_level, start_logging
from edge.mqtt.pool_line import Arrived, Delivered, LineDown, LineEvent, LineUp, PoolLine
from edge.mqtt.pool_topics import PoolTopics
from edge.mqtt.refusal import RefusalLog
from edge.pool import JobAnswer, build_job, parse_answer, parse_note, result_of
from edge.questions import AnalysisRequest, ModelInfo

log = logging.getLogger(__name__)

TICK_S = 0.25
SAID_AGAIN_S = 60.0
GRACE_S = 5.0  # without a worker, before that is said: one that restarts is back by then
# How much longer than its deadline a job may take: another worker does it again, perhaps twice.
PATIENCE_S = 60.0
EXPIRY_S = 3  # after which the broker forgets a job that nobody took; it is then published again
NO_TALK = "conversations need a model on this box: set `vlm.standby: local`"
NO_WORKER = "no worker of the pool is ready"
INFO = ModelInfo("pool", "", 0.0, engine="pool")


def run_pool(pipe: MessagePipe, settings: PoolSettings, log_level: str) -> None:
    """Process body: ends on Stop or when the parent is gone."""
    leave_signals_to_the_daemon()
    name_process("analyzer")
    start_logging(log_level, (settings.mqtt.password,))
    events: queue.SimpleQueue[object] = queue.SimpleQueue()
    serve_commands(pipe, events.put)
    try:
        _Pool(pipe, settings, events).run()
    except (BrokenPipeError, ConnectionResetError):
        pass  # the daemon is gone
    except EdgeError as error:
        pipe.send(EngineFailed(str(error)))
    except Exception:
        log.exception("the analyzer process failed")
        sys.exit(1)  # not raised on: multiprocessing would print it again, secrets and all


class _Pool:
    """Between the daemon and the workers. One thread."""

    def __init__(
        self, pipe: MessagePipe, settings: PoolSettings, events: queue.SimpleQueue[object]
    ) -> None:
        self._pipe, self._events = pipe, events
        self._topics = PoolTopics(settings.mqtt.prefix, settings.mqtt.node)
        self._line = PoolLine(
            settings.mqtt,
            client_id=f"{settings.mqtt.effective_client_id}-pool",
            filters=(self._topics.answers, self._topics.all_workers),
            on_event=events.put,
        )
        self._desk = Desk()
        self._standby = PoolStandby(settings.standby)
        self._requests: dict[str, AnalysisRequest] = {}
        self._refusals = RefusalLog()
        self._why = NO_WORKER
        self._idle_since_mono_s = time.monotonic()  # no worker is ready; counts while that is so
        self._said_mono_s = 0.0
        self._told: EngineReady | EngineAway | None = None
        self._told_facts = PoolFacts()
        self._num_done_here = 0

    def run(self) -> None:
        """Until Stop."""
        self._line.start()
        try:
            while not isinstance(event := self._next(), Stop):
                self._take(event)
                self._step(time.monotonic())
        finally:
            self._line.stop()
            self._standby.close()

    def _next(self) -> object | None:
        try:
            return self._events.get(timeout=TICK_S)
        except queue.Empty:
            return None

    def _take(self, event: object | None) -> None:
        match event:
            case AnalysisRequest():
                self._begin(event)
            case Turn():
                self._talk(event)
            case SetLogLevel(level):
                set_log_level(level)
            case LineUp() | LineDown() | Arrived() | Delivered():
                self._heard(event, time.monotonic())

    def _heard(self, event: LineEvent, now_mono_s: float) -> None:
        match event:
            case LineUp():
                self._why = NO_WORKER
            case LineDown(error):
                self._why = f"the pool's broker is away: {error}"
                self._desk.cut_off()
            case Delivered(name, had_takers):
                if not had_takers:
                    self._desk.unclaimed(name)
            case Arrived(topic, payload):
                try:
                    worker = self._topics.worker_of(topic)
                    if worker:
                        self._note(worker, payload, now_mono_s)
                    else:
                        self._answered(event, parse_answer(payload), now_mono_s)
                except CommandRefused as refusal:
                    if line := self._refusals.line(topic, refusal, now_mono_s):
                        log.warning("pool: %s", line)

    def _note(self, worker: str, payload: bytes, now_mono_s: float) -> None:
        """A worker says whether it takes jobs; an empty note is of one that left."""
        if payload and parse_note(payload).state == "ready":
            self._desk.ready(worker)
        else:
            self._desk.gone(worker, now_mono_s)

    def _answered(self, event: Arrived, answer: JobAnswer, now_mono_s: float) -> None:
        if event.correlation != answer.id.encode():
            raise CommandRefused("correlation", f"job {answer.id!r} has another correlation")
        if answer.state == "taken":
            self._desk.taken(answer.id, answer.worker, now_mono_s)
            return
        if not self._desk.answered(answer.id):
            return  # its double came first, or nobody waits any more
        request = self._requests.pop(answer.id)
        if answer.state == "refused":
            error = f"worker {answer.worker}: {answer.error}"
            self._pipe.send(AnalysisRefused(answer.id, error, answer.retry))
            return
        try:
            self._pipe.send(Analysed(result_of(answer, request)))
        except AnalysisFailed as error:
            self._pipe.send(AnalysisRefused(answer.id, str(error), retry=True))

    def _begin(self, request: AnalysisRequest) -> None:
        """A job of the daemon's: to the pool, or to the model on this box while there is none."""
        if not self._desk.places and self._standby.is_loaded:
            self._answer_here(request)
            return
        try:
            if request.heatmap:
                raise QuestionError("a heatmap needs the model on this box")
            payload = build_job(request)
        except EdgeError as error:
            self._pipe.send(AnalysisRefused(request.id, str(error), retry=False))
            return
        self._requests[request.id] = request
        give_up_mono_s = time.monotonic() + request.allowed_s + PATIENCE_S
        self._desk.offer(request.id, payload, request.allowed_s, give_up_mono_s)

    def _answer_here(self, request: AnalysisRequest) -> None:
        try:
            self._pipe.send(Analysed(self._standby.analyze(request)))
            self._num_done_here += 1
        except EdgeError as error:
            retry = isinstance(error, AnalysisFailed)
            self._pipe.send(AnalysisRefused(request.id, str(error), retry))

    def _talk(self, turn: Turn) -> None:
        if not self._standby.is_loaded:
            self._pipe.send(TurnRefused(turn.id, QuestionError(NO_TALK)))
            return
        try:
            self._pipe.send(Talked(self._standby.talk(turn, self._pipe.send)))
        except EdgeError as error:
            self._pipe.send(TurnRefused(turn.id, error))

    def _step(self, now_mono_s: float) -> None:
        for errand in self._desk.due(now_mono_s):
            self._publish(errand)
        for job_id in self._desk.give_up(now_mono_s):
            del self._requests[job_id]
            error = "no worker of the pool answered in time"
            self._pipe.send(AnalysisRefused(job_id, error, retry=False))
        if self._desk.places:
            self._idle_since_mono_s = now_mono_s
        self._standby.tend(is_needed=not self._desk.places)
        self._tell(now_mono_s)

    def _publish(self, errand: Errand) -> None:
        if errand.published > 1:
            log.info("pool: job %s is handed out again, time %d", errand.id, errand.published)
        self._line.publish(
            self._topics.jobs,
            errand.payload,
            name=errand.id,
            response_topic=self._topics.answers,
            correlation=errand.id.encode(),
            expiry_s=EXPIRY_S,
        )

    def _tell(self, now_mono_s: float) -> None:
        """Tell the daemon how many jobs it may hand over now, and what else has changed."""
        facts = replace(self._desk.facts, done_here=self._num_done_here)
        if facts != self._told_facts:
            self._told_facts = facts
            self._pipe.send(PoolNews(facts))
        if self._desk.places:
            self._say(EngineReady(INFO, 0.0, self._desk.places, PATIENCE_S))
        elif self._standby.info is not None:
            self._say(EngineReady(self._standby.info, 0.0))
        elif now_mono_s - self._idle_since_mono_s >= GRACE_S:
            if now_mono_s - self._said_mono_s >= SAID_AGAIN_S:
                self._told = None  # a silent analyzer would be replaced
            self._say(EngineAway(self._why))
            if self._standby.load():
                for request in [self._requests.pop(job_id) for job_id in self._desk.take_back()]:
                    self._answer_here(request)

    def _say(self, state: EngineReady | EngineAway) -> None:
        if state != self._told:
            self._told, self._said_mono_s = state, time.monotonic()
            self._pipe.send(state)
