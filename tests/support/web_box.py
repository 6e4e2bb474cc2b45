"""A box behind the HTTP side: a door whose turns a real engine or a script answers, and a store.

The door is a real implementation: one thread takes orders from a queue, as the daemon's main thread
does, and calls the listeners.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime

from edge.condition import Condition
from edge.conversation import Listener, Piece, Turn, TurnResult
from edge.errors import EdgeError, SessionGone, TooBusy, Withdrawn
from edge.findings import (
    CameraStats,
    ConfigReport,
    KeyframeCounts,
    OutboxStats,
    RuleAttributes,
    Stats,
    rfc3339,
)
from edge.frames import Image
from edge.geometry import Box, Polygon
from edge.health import DiskStats, StrainStats
from edge.present import CameraNow, Judgement, Present, RuleNow, RuleTally
from edge.questions import Answer, Description, ModelInfo, Timing, yes_no
from edge.tuning import (
    TuneActivity,
    TuneCost,
    TuneReport,
    TuneRequest,
    TuneSeries,
    TuneSettings,
    TuneSource,
)


def tune_report(request: TuneRequest) -> TuneReport:
    """A close look at two pictures in which nothing happened."""
    return TuneReport(
        id="kept",
        source=TuneSource(
            name=request.camera or request.name,
            start_s=request.start_s,
            seconds=0.2,
            width_px=320,
            height_px=180,
            pictures=2,
            truncated=False,
        ),
        settings=TuneSettings(
            sensitivity=0.5 if request.sensitivity is None else request.sensitivity,
            threshold=20,
            contour_area=40,
            mask=[[list(point) for point in area.points] for area in request.mask or ()],
            zones={},
        ),
        picture="data:image/jpeg;base64,",
        series=TuneSeries(
            t=[0.2], score=[0.0], least_score=[0.1], strength=[0.5], limit=[9.0], state=["quiet"]
        ),
        keyframes=[],
        dropped=[],
        activity=TuneActivity(columns=2, rows=1, share=[[0.0, 0.5]]),
        cost=TuneCost(
            keyframes_per_hour=0.0,
            cpu_ms_per_s=8.0,
            model_s_per_keyframe=1.0,
            model_s_per_hour=0.0,
            model_is_measured=False,
        ),
        suggestions=[],
        advice=["Not one call in this stretch: there is nothing to save."],
    )


Talk = Callable[[Turn, Callable[[Piece], None], Callable[[], bool]], TurnResult]

MAX_WAITING = 8


def script(turn: Turn, tell: Callable[[Piece], None], _: Callable[[], bool]) -> TurnResult:
    """Answers without a model: the first option, or `It is a test.` in three pieces."""
    if turn.continues and turn.session == "gone":
        raise SessionGone("session gone is not open any more")
    answers = []
    for question in turn.questions:
        if question.options:
            rest = 0.25 / (len(question.options) - 1)
            chances = dict.fromkeys(question.options, rest) | {question.options[0]: 0.75}
            answers.append(Answer(question.id, question.kind, question.options[0], 0.75, chances))
        else:
            answers.append(Answer(question.id, "text", "A text.", 0.5))
    if turn.reply:
        for text in ("It ", "is ", "a test."):
            tell(Piece(turn.id, "", text))
        answers.append(Answer("", "text", "It is a test.", 0.5))
    described = None
    if turn.describe:
        details = {} if turn.schema is None else {"n": 3}
        described = Description("A test.", ("box",), (), (), details=details)
    return TurnResult(turn.id, turn.session, tuple(answers), described, (), Timing(total_ms=1.0))


class WorkingDoor:
    """Answers one turn at a time in a thread of its own."""

    def __init__(self, talk: Talk = script) -> None:
        self.talk = talk
        self.present = build_present()
        self.turns: list[Turn] = []
        self.cancelled: deque[str] = deque()
        self.closed: list[str] = []
        self.asked_cameras: list[str] = []
        self.num_reloads = 0
        self.picture: Image | None = None
        self.tuned: list[TuneRequest] = []
        self.tickets: list[str] = []
        self.tuning: Callable[[TuneRequest], TuneReport | EdgeError | None] = tune_report
        self._orders: queue.Queue[tuple[Turn, Listener] | None] = queue.Queue(MAX_WAITING)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def ask(self, turn: Turn, listener: Listener) -> None:
        try:
            self._orders.put_nowait((turn, listener))
        except queue.Full:
            raise TooBusy("8 questions are waiting already; try again later") from None

    def cancel(self, turn_id: str) -> None:
        self.cancelled.append(turn_id)

    def close(self, session: str) -> None:
        self.closed.append(session)

    def look(self, reply: Callable[[Present], None]) -> None:
        reply(self.present)

    def reload(self, reply: Callable[[ConfigReport], None]) -> None:
        self.num_reloads += 1
        reply(self.present.configuration)

    def take(self, camera: str, reply: Callable[[Image | None], None]) -> None:
        self.asked_cameras.append(camera)
        reply(self.picture)

    def tune(
        self, ticket: str, request: TuneRequest, reply: Callable[[TuneReport | EdgeError], None]
    ) -> None:
        self.tuned.append(request)
        self.tickets.append(ticket)
        outcome = self.tuning(request)
        if outcome is not None:
            reply(outcome)

    def cancel_tune(self, ticket: str) -> None:
        self.cancelled.append(ticket)

    @property
    def num_waiting(self) -> int:
        """Turns that wait for the one being answered."""
        return self._orders.qsize()

    def set_analyzer(self, state: str) -> None:
        """What the statistics say of the analyzer."""
        stats = self.present.stats.model_copy(update={"analyzer": state})
        self.present = replace(self.present, stats=stats)

    def end(self) -> None:
        self._orders.put(None)
        self._thread.join(30)

    def _run(self) -> None:
        while (order := self._orders.get()) is not None:
            turn, listener = order
            self.turns.append(turn)
            if turn.id in self.cancelled:
                listener.on_end(Withdrawn("taken back"))
                continue
            try:
                outcome: TurnResult | EdgeError = self.talk(
                    turn, listener.on_piece, lambda turn=turn: turn.id in self.cancelled
                )
            except EdgeError as error:
                outcome = error
            listener.on_end(outcome)


def build_present(cameras: Iterable[str] = ("porch",)) -> Present:
    """Cameras that are online, a model that is ready, and a rule `person` that is on."""
    names = list(cameras)
    figures = CameraStats(
        state="online",
        fps=5.0,
        frames=100,
        reconnects=1,
        restarts=0,
        last_frame_age_s=0.2,
        counts=KeyframeCounts(keyframes=3, analysed=2, waiting=1),
        capture=None,
    )
    stats = Stats(
        node="box",
        time=rfc3339(datetime.now(UTC)),
        uptime_s=10.0,
        counts=KeyframeCounts(keyframes=3, analysed=2, waiting=1),
        cameras=dict.fromkeys(names, figures),
        outbox=OutboxStats(
            connected=True,
            pending=0,
            in_flight=0,
            published=7,
            dropped_age=0,
            dropped_size=0,
            oldest_age_s=None,
        ),
        disk=DiskStats(
            state="ok",
            free_bytes=9_000_000_000,
            floor_bytes=1_000_000_000,
            reserve=True,
            unwritten=0,
            lost=0,
            snapshots_dropped=0,
        ),
        strain=StrainStats(
            throttled=False,
            throttle_events=0,
            frequency_mhz=2900.0,
            frequency_limit_mhz=3400.0,
            frequency_max_mhz=3400.0,
            swapping=False,
            swap_in_bytes_s=0.0,
            swap_out_bytes_s=0.0,
            memory_pressure=0.0,
        ),
        analyzer="ready",
        analyzer_restarts=0,
        analysis_ms_median=1200.0,
        keyframes_per_hour_budget=3000,
        rss_mb={"main": 100.0},
    )
    step = Polygon(((0.5, 0.5), (1.0, 0.5), (1.0, 1.0), (0.5, 1.0)))
    state = [RuleAttributes(rule="person", camera=n, state="on", since=None) for n in names]
    condition = Condition("yes_no", "yes", ("yes",))

    def judge(answer: Answer) -> Judgement:
        probability = condition.probability(answer)
        return Judgement("yes" if probability > 0.5 else "no", probability, answer)

    rule = RuleNow(
        name="person",
        question=yes_no("person", "Is there a person?"),
        severity=1,
        schedule="",
        zones=("step",),
        regions=dict.fromkeys(names, Box(0.5, 0.5, 1.0, 1.0)),
        states=tuple(state),
        judge=judge,
        tallies=tuple(RuleTally(n, yes=5, no=7, unsure=1, alerts=3) for n in names),
    )
    return Present(
        stats=stats,
        version="0",
        model=ModelInfo("tiny", "int8", 1.5, demonstration=True),
        cameras=tuple(CameraNow(n, True, False, 0.5, {"step": step}) for n in names),
        rules=(rule,),
        configuration=ConfigReport(state="in_force", read_at=rfc3339(datetime.now(UTC))),
    )
