"""The body of the analyzer process: opens the engine, answers one request at a time.

Runs at lower CPU priority than the camera processes, so that cameras stay live while it computes.
The daemon kills and replaces it when an analysis runs past its hard deadline.
"""

from __future__ import annotations

import logging
import os
import queue
import sys
import time
from collections import deque

from edge.conversation import Turn
from edge.daemon.child import (
    leave_signals_to_the_daemon,
    name_process,
    offer_memory_first,
    serve_commands,
)
from edge.daemon.idle_measure import IdleMeasure
from edge.daemon.messages import (
    Analysed,
    AnalysisRefused,
    CancelTurn,
    CloseSession,
    EngineAway,
    EngineChanged,
    EngineFailed,
    EngineReady,
    PaceKnown,
    ServerNews,
    SetLogLevel,
    Stop,
    Talked,
    TurnRefused,
)
from edge.daemon.pipe import MessagePipe
from edge.errors import AnalysisFailed, EdgeError
from edge.logs import set_log_level, start_logging
from edge.questions import AnalysisRequest
from edge.vlm.door import AnsweringEngine, open_answering
from edge.vlm.remote.settings import RemoteSettings
from edge.vlm.settings import EngineSettings

log = logging.getLogger(__name__)

IDLE_CHECK_S = 15.0  # how often conversations are looked over while nothing else is to do
MAX_CANCELLED = 64  # turns called off lately


def run_analyzer(
    pipe: MessagePipe,
    settings: EngineSettings | RemoteSettings,
    nice: int,
    log_level: str,
    *,
    measure: bool = False,
) -> None:
    """Process body: ends on Stop, when the parent is gone, or when the model cannot be loaded.

    With `measure` it finds out in idle time what a keyframe takes the model on this box.
    """
    leave_signals_to_the_daemon()
    name_process("analyzer")
    start_logging(log_level)
    os.nice(nice)
    offer_memory_first()  # it holds the most, and is replaced in seconds
    orders = _Orders()
    serve_commands(pipe, orders.take)
    try:
        _serve(pipe, settings, orders, measure=measure)
    except (BrokenPipeError, ConnectionResetError):
        pass  # the daemon is gone
    except Exception:
        log.exception("the analyzer process failed")
        sys.exit(1)  # not raised on: multiprocessing would print it again, secrets and all


class _Orders:
    """What the daemon orders, one at a time; what is called off is known at once."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[object] = queue.SimpleQueue()
        self._cancelled: deque[str] = deque(maxlen=MAX_CANCELLED)

    def take(self, order: object) -> None:
        """Called in the commands thread."""
        if isinstance(order, CancelTurn):
            self._cancelled.append(order.turn_id)
        else:
            self._waiting.put(order)

    def next(self, timeout_s: float | None) -> object | None:
        """The next order, None if none has come within `timeout_s`."""
        try:
            return self._waiting.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def are_none(self) -> bool:
        """Whether nothing waits."""
        return self._waiting.empty()

    def is_cancelled(self, turn_id: str) -> bool:
        """Whether a turn was called off."""
        return turn_id in self._cancelled


def _serve(
    pipe: MessagePipe,
    settings: EngineSettings | RemoteSettings,
    orders: _Orders,
    *,
    measure: bool,
) -> None:
    started = time.monotonic()
    try:
        engine = open_answering(settings)
    except EdgeError as error:
        pipe.send(EngineFailed(str(error)))
        return
    with engine:
        news = _News(pipe, engine)
        pipe.send(EngineReady(engine.info, time.monotonic() - started))
        idle = _Idle(pipe, engine, settings, measure=measure)
        if orders.are_none():  # nobody waits: let the first description not wait either
            _prepare_descriptions(engine)
        is_talking = False  # whether conversations are open
        while True:
            order = orders.next(idle.wait_s(is_talking=is_talking))
            match order:
                case None:
                    idle.use(is_talking=is_talking)
                case AnalysisRequest():
                    news.send(_analyse(engine, order))
                    idle.worked()
                case Turn():
                    news.send(_talk(engine, order, pipe, orders))
                    idle.worked()
                    is_talking = True
                case CloseSession(session):
                    engine.close_session(session)
                case SetLogLevel(level):
                    set_log_level(level)
                case Stop():
                    return
            idle.tend()
            news.tell()
            if is_talking:
                is_talking = engine.settle()


class _Idle:
    """What is done while there is no order: the engine is tended, and the box measured."""

    def __init__(
        self,
        pipe: MessagePipe,
        engine: AnsweringEngine,
        settings: EngineSettings | RemoteSettings,
        *,
        measure: bool,
    ) -> None:
        self._pipe, self._engine = pipe, engine
        self._tend_s: float | None = None  # until the engine is to be tended again
        self._measure: IdleMeasure | None = None
        if measure and isinstance(settings, EngineSettings):
            self._measure = IdleMeasure(engine, settings)
            if self._measure.pace is not None:
                pipe.send(PaceKnown(self._measure.pace))

    def wait_s(self, *, is_talking: bool) -> float | None:
        """How long to wait for an order at most; None: until one comes."""
        if is_talking:  # a conversation's cache is put aside by every keyframe: not for this
            return IDLE_CHECK_S if self._tend_s is None else self._tend_s
        waits = (self._tend_s, None if self._measure is None else self._measure.due_s)
        return min((one for one in waits if one is not None), default=None)

    def worked(self) -> None:
        """An order was carried out."""
        if self._measure is not None:
            self._measure.worked()

    def tend(self) -> None:
        """Let the engine do what is due."""
        self._tend_s = self._engine.tend()

    def use(self, *, is_talking: bool) -> None:
        """No order has come for `wait_s`."""
        measure = self._measure
        if measure is None or is_talking or measure.due_s is None:
            return
        if measure.step() and measure.pace is not None:
            self._pipe.send(PaceKnown(measure.pace))


class _News:
    """Tells the daemon what has changed with the engine: who answers, and whether anyone does."""

    def __init__(self, pipe: MessagePipe, engine: AnsweringEngine) -> None:
        self._pipe, self._engine = pipe, engine
        self._info, self._facts = engine.info, engine.facts
        self._away_mono_s: float | None = None  # since when nothing can answer

    def send(self, reply: object) -> None:
        """Send what came of an order, after what is to be known before."""
        self.tell()
        self._pipe.send(reply)

    def tell(self) -> None:
        """Send what has changed."""
        engine, now = self._engine, time.monotonic()
        if engine.facts is not None and engine.facts != self._facts:
            self._facts = engine.facts
            self._pipe.send(ServerNews(self._facts))
        if engine.is_away:
            if self._away_mono_s is None:
                self._away_mono_s = now
                self._pipe.send(EngineAway(engine.facts.last_error if engine.facts else ""))
        elif self._away_mono_s is not None:
            self._pipe.send(EngineReady(engine.info, now - self._away_mono_s))
            self._away_mono_s = None
        elif engine.info != self._info:
            self._pipe.send(EngineChanged(engine.info))
        self._info = engine.info


def _prepare_descriptions(engine: AnsweringEngine) -> None:
    try:
        engine.prepare_descriptions()
    except EdgeError as error:  # verdicts are possible all the same
        log.warning("no descriptions will be possible: %s", error)


def _analyse(engine: AnsweringEngine, request: AnalysisRequest) -> Analysed | AnalysisRefused:
    try:
        return Analysed(engine.analyze(request))
    except AnalysisFailed as error:
        return AnalysisRefused(request.id, str(error), retry=True)
    except EdgeError as error:
        return AnalysisRefused(request.id, str(error), retry=False)


def _talk(
    engine: AnsweringEngine, turn: Turn, pipe: MessagePipe, orders: _Orders
) -> Talked | TurnRefused:
    """Answer a turn; its pieces are sent as they are written."""
    try:
        return Talked(engine.talk(turn, pipe.send, lambda: orders.is_cancelled(turn.id)))
    except EdgeError as error:
        return TurnRefused(turn.id, error)
