"""The daemon's side of the analyzer process: its places, hard deadlines, replacement.

Decides by the times it is given. What becomes of the job when its analyzer dies is the analyst's
business; this only tells that it died.
"""

from __future__ import annotations

import logging
import statistics
from collections import deque
from collections.abc import Callable
from typing import Literal

from edge.conversation import Turn
from edge.daemon.child import Child
from edge.daemon.growth import GrowthWatch
from edge.daemon.messages import (
    CancelTurn,
    CloseSession,
    EngineAway,
    EngineChanged,
    EngineFailed,
    EngineReady,
    PaceKnown,
    PoolNews,
    ServerNews,
    SetLogLevel,
    Stop,
)
from edge.daemon.plans import AnalyzerPlan
from edge.daemon.slot import Slot
from edge.elsewhere import PoolFacts, ServerFacts
from edge.pace import HOUR_MS, Pace
from edge.questions import AnalysisRequest, ModelInfo

log = logging.getLogger(__name__)

LOAD_DEADLINE_S = 300.0  # a first start compiles the model: 63 s seen on an N100
DEADLINE_MARGIN_S = 10.0  # on top of an analysis's own deadline, before the process is killed
MAX_GROWTH_BYTES = 1_000_000_000
SPEED_WINDOW = 50  # analyses that the measured speed is the median of

EngineNews = (
    EngineReady | EngineAway | EngineChanged | EngineFailed | ServerNews | PoolNews | PaceKnown
)
AnalyzerWord = Literal["loading", "ready", "busy", "away", "failed"]


class AnalyzerHost:
    """What is known of the analyzer, and the slot its process runs in."""

    def __init__(self, plan: AnalyzerPlan, spawn: Callable[[AnalyzerPlan, int], Child]) -> None:
        self.plan = plan
        self.slot = Slot("analyzer", lambda generation: spawn(self.plan, generation))
        self.places = 1  # how many requests it can have at once
        self._word: AnalyzerWord = "loading"
        self.info: ModelInfo | None = None
        self.server: ServerFacts | None = None  # of a model on a server
        self.pool: PoolFacts | None = None  # of models on other boxes
        self.pace: Pace | None = None  # of the model on this box, once it is known
        self.last_error = ""
        self.max_growth_bytes = MAX_GROWTH_BYTES  # since its warm-up, before it is replaced
        self.recycled = 0  # times that it was
        self._growth = GrowthWatch()
        self._num_requests = 0  # answered by the present process
        self._extra_s = 0.0
        self._deadline_mono_s = 0.0  # of what is done before requests can be answered
        self._in_flight: dict[
            str, float
        ] = {}  # requests and their deadlines, on the monotonic clock
        self._spent_ms: deque[float] = deque(maxlen=SPEED_WINDOW)

    @property
    def state(self) -> AnalyzerWord:
        """In a word: `busy` while it has a request."""
        return "busy" if self._word == "ready" and self._in_flight else self._word

    @property
    def is_ready(self) -> bool:
        """Whether a request can be submitted now."""
        return self._word == "ready" and len(self._in_flight) < self.places

    def has(self, request_id: str) -> bool:
        """Whether it has this request now."""
        return request_id in self._in_flight

    def check(self, now_mono_s: float) -> None:
        """Start the process when it is due; kill one that is past its deadline."""
        if self.slot.start_if_due(now_mono_s):
            self._word = "loading"
            self._growth, self._num_requests = GrowthWatch(), 0
            self._deadline_mono_s = now_mono_s + LOAD_DEADLINE_S
            return
        deadline_mono_s = min(self._in_flight.values(), default=float("inf"))
        if self._word in ("loading", "away"):
            deadline_mono_s = min(deadline_mono_s, self._deadline_mono_s)
        if now_mono_s > deadline_mono_s and self.slot.kill():
            self.last_error = f"{self.state} past its deadline; its process is replaced"
            log.error("analyzer: %s", self.last_error)

    def submit(
        self, request: AnalysisRequest | Turn, now_mono_s: float, *, extra_s: float = 0.0
    ) -> None:
        """Send a request; it takes a place until `done` or `gone`.

        It is killed when it takes `extra_s` and a margin more than the request's own deadline.
        """
        if self.slot.child is None or not self.is_ready:
            raise RuntimeError(f"the analyzer is {self.state}")
        deadline_mono_s = (
            now_mono_s + request.deadline_s + extra_s + self._extra_s + DEADLINE_MARGIN_S
        )
        self._in_flight[request.id] = deadline_mono_s
        self.slot.child.send(request)

    def tell(self, message: CancelTurn | CloseSession) -> None:
        """Say something that needs no answer; nothing if there is no process."""
        if self.slot.child is not None:
            self.slot.child.send(message)

    def heard(self, news: EngineNews, now_mono_s: float) -> None:
        """The process says how it is with the engine."""
        match news:
            case EngineReady():
                self._ready(news)
            case EngineAway(reason):
                if (self._word, self.last_error) != ("away", reason):
                    log.warning("analyzer: %s", reason)
                self._word, self.last_error = "away", reason
                self._deadline_mono_s = now_mono_s + LOAD_DEADLINE_S
            case EngineChanged(info):
                self.info = info
                log.info("analyzer: %s answers now", describe_model(info))
            case ServerNews(facts):
                self.server = facts
                if self._word == "away":  # it lives, and looks for the server
                    self._deadline_mono_s = now_mono_s + LOAD_DEADLINE_S
            case PoolNews(facts):
                self.pool = facts
            case PaceKnown(pace):
                self.pace = pace
            case EngineFailed(error):
                self._failed(error)

    def _ready(self, message: EngineReady) -> None:
        was_ready, self._word = self._word == "ready" and self.info == message.info, "ready"
        self.info, self.places, self._extra_s = message.info, message.places, message.extra_s
        self.last_error = ""
        shown = describe_model(message.info)
        if was_ready:
            log.info("analyzer: %s has %d places now", shown, message.places)
        else:
            log.info("analyzer: %s ready after %.1f s", shown, message.load_s)

    def _failed(self, error: str) -> None:
        """The model could not be loaded; the process ends by itself."""
        if error != self.last_error:  # the next tries will most likely say the same
            log.error("analyzer: %s", error)
        self.last_error = error

    def done(self, request_id: str) -> None:
        """A request's answer has come, or that there is none."""
        self._in_flight.pop(request_id, None)
        self._num_requests += 1

    def weigh(self, private_bytes: int, now_mono_s: float) -> None:
        """Take over what the process holds in memory now; see growth.py."""
        growth, limit = self._growth, self.max_growth_bytes
        if growth.look(private_bytes, self._num_requests, now_mono_s, limit):
            log.warning(
                "analyzer: its memory has grown by %.0f MB since its warm-up, to %.0f MB; its "
                "process is replaced between two jobs",
                growth.grown_bytes / 1e6,
                private_bytes / 1e6,
            )

    def recycle_if_due(self, now_mono_s: float, *, is_quiet: bool) -> bool:
        """Replace a process that has grown too much; whether it was. To be asked between two jobs.

        `is_quiet`: nothing waits that would have to wait for the next process.
        """
        if self.state != "ready" or self.slot.child is None:
            return False
        if not self._growth.is_due(now_mono_s, self.max_growth_bytes, is_quiet=is_quiet):
            return False
        log.info("analyzer: its process is replaced now, because it has grown")
        self.recycled += 1
        self._growth = GrowthWatch()
        self._word = "loading"
        self.slot.replace()
        return True

    def spent(self, milliseconds: float) -> None:
        """Count a whole keyframe's analysis for the measured speed."""
        self._spent_ms.append(milliseconds)

    def gone(self, exitcode: int | None, now_mono_s: float) -> None:
        """The process has ended: a new one is started later, or at once if this was asked for."""
        self._in_flight.clear()
        self._word = "failed" if self.slot.gone(exitcode, now_mono_s) else "loading"
        self.server = self.pool = None

    def replace_plan(self, plan: AnalyzerPlan) -> None:
        """Take another plan over; the process is replaced if the model or its settings differ."""
        old, self.plan = self.plan, plan
        if plan != old:
            log.info("analyzer: settings changed; its process is replaced")
            self.pace = None
            self.slot.replace()
        elif plan.log_level != old.log_level and self.slot.child is not None:
            self.slot.child.send(SetLogLevel(plan.log_level))

    def stop(self) -> None:
        """Ask the process to end and start no other."""
        self.slot.rest()
        if self.slot.child is not None:
            self.slot.child.send(Stop())

    def median_ms(self) -> float | None:
        """Median time of a keyframe's analysis; None before the first."""
        return statistics.median(self._spent_ms) if self._spent_ms else None

    def keyframes_per_hour(self, expected_ms: float | None = None) -> int | None:
        """How many keyframes an hour this box can analyse at the speed of its latest ones, before
        the first at what one is expected to take.
        """
        each_ms = self.median_ms() or expected_ms
        return int(HOUR_MS / each_ms) if each_ms else None


def describe_model(info: ModelInfo) -> str:
    """A model in words, for the log."""
    if info.engine == "openvino":
        return f"{info.name} ({info.precision}, {info.parameters_m:.0f} M parameters)"
    if info.engine == "pool":
        return "the pool"
    read = {"text": "written answers, without probabilities", "logprobs": "answers by logprobs"}
    return f"{info.name} on a server ({read.get(info.answers, info.answers)})"
