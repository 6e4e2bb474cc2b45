"""Turns: before the cameras' keyframes, told in pieces, ended once, whatever dies."""

from __future__ import annotations

import itertools
import queue
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import numpy as np
import pytest

from edge import questions
from edge.conversation import Message, Picture, Piece, Turn, TurnResult, Writing
from edge.daemon.analyst import Analyst
from edge.daemon.analyzer_host import DEADLINE_MARGIN_S, AnalyzerHost
from edge.daemon.child import Child, ChildGone, FromChild, Inbox
from edge.daemon.conversations import CancelOrder, CloseOrder, Door, TurnOrder
from edge.daemon.messages import (
    AnalysisRefused,
    CancelTurn,
    CloseSession,
    EngineReady,
    Talked,
    TurnRefused,
)
from edge.daemon.plans import AnalyzerPlan, analyzer_body
from edge.daemon.reporter import Reporter
from edge.daemon.scheduler import MAX_USER_JOBS, USER_STALE_AFTER_S
from edge.errors import AnalysisFailed, QuestionError, SessionGone, TooBusy, Withdrawn
from edge.hub.places import DEMO_DIR
from edge.mqtt.publisher import Publisher
from edge.mqtt.settings import MqttSettings
from edge.questions import AnalysisRequest, ModelInfo, Timing
from edge.rules.book import RuleBook
from edge.store.database import Store, open_store
from edge.store.settings import StoreSettings
from edge.vlm.settings import EngineSettings
from tests.support.keyframes import make_keyframe
from tests.support.rules import make_rule
from tests.support.scripted_child import Nursery
from tests.support.turn_listener import TurnListener

GATE = questions.yes_no("gate", "Is the gate open?")
TEXT = questions.text("t", "Describe it.", 2000)
PATIENCE_S = 300.0  # for a process that starts and answers on a machine that does much else


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(StoreSettings(tmp_path / "store")) as opened:
        yield opened


def make_analyst(store: Store, host: AnalyzerHost, clock: Callable[[], float]) -> Analyst:
    publisher = Publisher(MqttSettings("127.0.0.1", "box"), store, lambda _: None, ["porch"])
    return Analyst(
        host=host,
        reporter=Reporter("box", store, publisher),
        rules=RuleBook([make_rule("person", cameras=("porch",))], {}),
        on_settled=lambda _: None,
        deadline_s=5.0,
        clock=clock,
    )


class Scripted:
    """An analyst whose analyzer is in the test's hands."""

    def __init__(self, store: Store) -> None:
        self.now = 100.0
        self.nursery = Nursery()
        self.host = AnalyzerHost(AnalyzerPlan(EngineSettings(Path("/x"))), self.nursery.spawn)
        self.analyst = make_analyst(store, self.host, lambda: self.now)
        self.host.check(self.now)
        self.analyst.heard(EngineReady(ModelInfo("tiny", "int8", 1.5), 0.1))

    def ask(self, turn_id: str, session: str = "a") -> TurnListener:
        listener = TurnListener()
        self.analyst.obey(TurnOrder(Turn(turn_id, session, questions=(GATE,)), listener))
        return listener

    @property
    def sent(self) -> object:
        return self.nursery.newest.sent[-1]

    def answer(self, turn_id: str) -> None:
        result = TurnResult(turn_id, "a", (), None, (), Timing())
        self.analyst.heard(Talked(result))


@pytest.fixture
def scripted(store: Store) -> Scripted:
    return Scripted(store)


def test_a_turn_goes_before_waiting_keyframes(scripted: Scripted) -> None:
    scripted.analyst.take_keyframe(make_keyframe(), snapshot=False)
    first = scripted.sent
    assert isinstance(first, AnalysisRequest)
    scripted.analyst.take_keyframe(make_keyframe(pts_s=9), snapshot=False)
    listener = scripted.ask("1")
    assert scripted.sent is first, "what is running is not disturbed"
    scripted.analyst.heard(TurnRefused("other", QuestionError("x")))  # of nobody that waits
    scripted.analyst.heard(AnalysisRefused(first.id, "x", retry=False))
    scripted.analyst.step()
    assert isinstance(scripted.sent, Turn)
    scripted.analyst.heard(Piece("1", "gate", "ye"))
    scripted.analyst.heard(Piece("another", "gate", "no"))
    assert listener.text == "ye"
    scripted.answer("1")
    assert isinstance(listener.outcome, TurnResult)
    assert isinstance(scripted.sent, AnalysisRequest), "camera work resumes at once"
    counts = scripted.analyst.scheduler.total()
    assert (counts.keyframes, counts.waiting) == (2, 1)


def test_too_many_waiting_turns_are_refused(scripted: Scripted) -> None:
    listeners = [scripted.ask(f"{n}") for n in range(MAX_USER_JOBS + 3)]
    outcomes = [listener.outcome for listener in listeners]
    assert [type(o) for o in outcomes[-2:]] == [TooBusy, TooBusy]
    assert outcomes[:-2] == [None] * (MAX_USER_JOBS + 1)
    again = scripted.ask("0")
    assert isinstance(again.outcome, QuestionError)


def test_a_turn_that_waits_for_too_long_is_told(scripted: Scripted) -> None:
    scripted.ask("1")
    waiting = scripted.ask("2")
    scripted.now += USER_STALE_AFTER_S + 1
    scripted.analyst.step()
    assert isinstance(waiting.outcome, TooBusy)


def test_a_waiting_turn_is_taken_back_and_a_running_one_called_off(scripted: Scripted) -> None:
    running, waiting = scripted.ask("1"), scripted.ask("2")
    scripted.analyst.obey(CancelOrder("2"))
    assert isinstance(waiting.outcome, Withdrawn)
    scripted.analyst.obey(CancelOrder("1"))
    assert scripted.sent == CancelTurn("1")
    assert running.outcome is None
    scripted.answer("1")
    assert isinstance(running.outcome, TurnResult)
    scripted.analyst.obey(CancelOrder("1"))  # too late: nothing to do
    scripted.analyst.obey(CloseOrder("a"))
    assert scripted.sent == CloseSession("a")


def test_a_refusal_reaches_who_asked(scripted: Scripted) -> None:
    listener = scripted.ask("1")
    scripted.analyst.heard(TurnRefused("1", SessionGone("session a is not open any more")))
    assert isinstance(listener.outcome, SessionGone)
    assert scripted.host.is_ready


@pytest.mark.parametrize(
    ("turn", "error"),
    [
        (Turn("1", "a", questions=(GATE,)), SessionGone),
        (Turn("1", messages=(Message("user", ("Hello",)),), reply=True), AnalysisFailed),
    ],
    ids=["follow-up", "whole"],
)
def test_a_turn_whose_analyzer_died_is_told(
    scripted: Scripted, turn: Turn, error: type[Exception]
) -> None:
    listener = TurnListener()
    scripted.analyst.obey(TurnOrder(turn, listener))
    scripted.analyst.analyzer_gone(-9)
    assert isinstance(listener.outcome, error)
    assert scripted.analyst.scheduler.running == ()


def test_the_end_of_the_daemon_is_told(scripted: Scripted) -> None:
    listeners = [scripted.ask("1"), scripted.ask("2")]
    scripted.analyst.stop(["porch"])
    assert [type(listener.outcome) for listener in listeners] == [AnalysisFailed] * 2
    scripted.answer("1")  # still comes in


def test_a_turn_that_hangs_costs_the_process_after_a_time_that_allows_its_pictures(
    scripted: Scripted,
) -> None:
    picture = Picture(np.zeros((8, 8, 3), np.uint8))
    turn = Turn("1", "a", opens=True, messages=(Message("user", (picture,) * 3),), deadline_s=20)
    scripted.analyst.obey(TurnOrder(turn, TurnListener()))
    limit = scripted.now + 20 + 3 * 10 + DEADLINE_MARGIN_S
    scripted.host.check(limit - 0.1)
    assert not scripted.nursery.newest.killed
    scripted.host.check(limit + 0.1)
    assert scripted.nursery.newest.killed


def test_a_full_inbox_is_told_at_once() -> None:
    inbox: Inbox = queue.Queue(1)
    door = Door(inbox)
    door.ask(Turn("1", "a", questions=(GATE,)), TurnListener())
    with pytest.raises(TooBusy):
        door.cancel("1")
    assert isinstance(inbox.get(), TurnOrder)
    door.close("a")
    assert inbox.get() == CloseOrder("a")


class Live:
    """An analyst with a real analyzer process on the bundled model."""

    def __init__(self, store: Store) -> None:
        self.inbox: Inbox = queue.Queue()
        plan = AnalyzerPlan(EngineSettings(DEMO_DIR), nice=0, log_level="WARNING")
        self.host = AnalyzerHost(
            plan, lambda p, n: Child("analyzer", n, analyzer_body, (p,), self.inbox)
        )
        self.analyst = make_analyst(store, self.host, time.monotonic)
        self._ids = itertools.count()

    def __enter__(self) -> Self:
        try:
            self.wait(lambda: self.host.is_ready)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """End the process in any case: pytest waits at its exit for children that live on."""
        self.host.stop()
        child = self.host.slot.child
        if child is not None and not child.join(10):
            child.kill()
            child.join(10)

    def ask(self, session: str = "a", **fields: object) -> TurnListener:
        listener = TurnListener()
        turn = Turn(f"{next(self._ids)}", session, **fields)  # type: ignore[arg-type]
        self.analyst.obey(TurnOrder(turn, listener))
        return listener

    def show(self, session: str = "a") -> TurnListener:
        image = np.random.default_rng(1).integers(0, 255, (192, 256, 3), np.uint8)
        message = Message("user", (Picture(image),))
        return self.ask(session, opens=True, messages=(message,), questions=(GATE,))

    def result(self, listener: TurnListener) -> TurnResult:
        self.wait(lambda: listener.outcome is not None)
        assert isinstance(listener.outcome, TurnResult)
        return listener.outcome

    def wait(self, condition: Callable[[], bool]) -> None:
        until = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < until, "it takes too long"
            self.host.check(time.monotonic())
            try:
                message = self.inbox.get(timeout=0.05)
            except queue.Empty:
                continue
            if isinstance(message, FromChild):
                self.analyst.heard(message.message)
            elif isinstance(message, ChildGone):
                self.analyst.analyzer_gone(message.exitcode)


@pytest.mark.timeout(2 * PATIENCE_S)
def test_a_conversation_with_a_real_analyzer(store: Store) -> None:
    """Follow-ups, keyframes in between, streaming, calling off, the analyzer's death."""
    with Live(store) as live:
        first = live.result(live.show())
        assert first.views[0].width_px == 256
        live.analyst.take_keyframe(make_keyframe(size=(256, 192)), snapshot=False)
        follow_up = live.result(live.ask(questions=(GATE,)))
        assert follow_up.known_tokens > 48
        assert follow_up.answers[0].probabilities.keys() == {"yes", "no"}

        told = live.ask(questions=(TEXT,), writing=Writing(20))
        result = live.result(told)
        assert told.text == result.answers[0].value
        assert len(told.pieces) > 1

        called_off = live.ask(questions=(TEXT,), writing=Writing(4000))
        (running,) = live.analyst.scheduler.running
        live.analyst.obey(CancelOrder(running.id))
        assert live.result(called_off).endings["t"] == "cancelled"

        refused = live.ask("never", questions=(GATE,))
        live.wait(lambda: refused.outcome is not None)
        assert isinstance(refused.outcome, SessionGone)

        assert live.host.slot.child is not None
        live.host.slot.child.kill()
        live.wait(lambda: live.host.state == "failed")
        gone = live.ask(questions=(GATE,))
        live.wait(lambda: gone.outcome is not None)
        assert isinstance(gone.outcome, SessionGone)
        assert "send the picture again" in str(gone.outcome)
        assert live.result(live.show()).answers
        counts = live.analyst.scheduler.total()
        assert (counts.keyframes, counts.analysed) == (1, 1)
