"""A person's question while every camera has more than enough: when it begins, and what follows.

Real scheduler, real analyzer process on the bundled model. Judged by the order of orders to the
analyzer, not by the clock.
"""

from __future__ import annotations

import itertools
import queue
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from edge.conversation import Message, Picture, Turn, TurnResult, Writing
from edge.daemon.analyst import Analyst
from edge.daemon.analyzer_host import AnalyzerHost
from edge.daemon.child import Child, ChildGone, FromChild, Inbox
from edge.daemon.conversations import TurnOrder
from edge.daemon.plans import AnalyzerPlan, analyzer_body
from edge.daemon.reporter import Reporter
from edge.daemon.scheduler import WAITING_SLOTS
from edge.hub.places import DEMO_DIR
from edge.mqtt.publisher import Publisher
from edge.mqtt.settings import MqttSettings
from edge.questions import AnalysisRequest
from edge.rules.book import RuleBook
from edge.store.database import Store, open_store
from edge.store.settings import StoreSettings
from edge.vlm.settings import EngineSettings
from tests.support.keyframes import make_keyframe
from tests.support.rules import make_rule
from tests.support.turn_listener import TurnListener

CAMERAS = ("front", "side", "back")
QUESTIONS = 6


class Witness(AnalyzerHost):
    """An analyzer's host that remembers the order in which it was given work."""

    def __init__(self, plan: AnalyzerPlan, spawn: Callable[[AnalyzerPlan, int], Child]) -> None:
        super().__init__(plan, spawn)
        self.given: list[AnalysisRequest | Turn] = []

    def submit(
        self, request: AnalysisRequest | Turn, now_mono_s: float, *, extra_s: float = 0.0
    ) -> None:
        super().submit(request, now_mono_s, extra_s=extra_s)
        self.given.append(request)


class Loaded:
    """Three cameras whose waiting slots are always full."""

    def __init__(self, store: Store) -> None:
        self.inbox: Inbox = queue.Queue()
        plan = AnalyzerPlan(EngineSettings(DEMO_DIR), nice=0, log_level="WARNING")
        self.host = Witness(
            plan, lambda p, n: Child("analyzer", n, analyzer_body, (p,), self.inbox)
        )
        publisher = Publisher(MqttSettings("127.0.0.1", "box"), store, lambda _: None, CAMERAS)
        self.analyst = Analyst(
            host=self.host,
            reporter=Reporter("box", store, publisher),
            rules=RuleBook([make_rule("person", cameras=CAMERAS)], {}),
            on_settled=lambda _: None,
            deadline_s=60.0,
        )
        self._seconds = itertools.count()

    def fill(self) -> None:
        """Every camera offers keyframes until it has to give some up."""
        for camera in CAMERAS:
            for _ in range(WAITING_SLOTS + 1):
                keyframe = make_keyframe(camera, pts_s=float(next(self._seconds)), size=(256, 192))
                self.analyst.take_keyframe(keyframe, snapshot=False)

    def ask(self, number: int) -> TurnListener:
        image = np.random.default_rng(number).integers(0, 255, (192, 256, 3), np.uint8)
        message = Message("user", (Picture(image), "What is it?"))
        listener = TurnListener()
        turn = Turn(f"turn {number}", messages=(message,), reply=True, writing=Writing(4))
        self.analyst.obey(TurnOrder(turn, listener))
        return listener

    def wait(self, condition: Callable[[], bool]) -> None:
        until = time.monotonic() + 90
        while not condition():
            assert time.monotonic() < until, "it takes too long"
            self.host.check(time.monotonic())
            try:
                message = self.inbox.get(timeout=0.05)
            except queue.Empty:
                continue
            assert not isinstance(message, ChildGone), "the analyzer lives"
            if isinstance(message, FromChild):
                self.analyst.heard(message.message)

    def stop(self) -> None:
        self.host.stop()
        child = self.host.slot.child
        if child is not None and not child.join(10):
            child.kill()
            child.join(10)


@pytest.fixture
def loaded(tmp_path: Path) -> Iterator[Loaded]:
    with open_store(StoreSettings(tmp_path / "store")) as store:
        box = Loaded(store)
        try:
            box.wait(lambda: box.host.is_ready)
            yield box
        finally:
            box.stop()


def test_a_question_waits_for_one_keyframe_and_camera_work_goes_on_behind_it(
    loaded: Loaded,
) -> None:
    given = loaded.host.given
    for number in range(QUESTIONS):
        loaded.fill()
        running = loaded.analyst.scheduler.running
        assert running, "the cameras keep the analyzer busy"
        begun = len(given)
        listener = loaded.ask(number)
        loaded.fill()
        assert len(given) == begun, "what is running is not disturbed"
        loaded.wait(lambda: listener.outcome is not None)  # noqa: B023 - called at once
        assert isinstance(listener.outcome, TurnResult)
        assert [type(order) for order in given[begun : begun + 2]] == [Turn, AnalysisRequest]
        assert given[begun].id == f"turn {number}"
        assert loaded.analyst.scheduler.running, "work went on at once"
        counts = loaded.analyst.scheduler.total()

        assert counts.keyframes == sum(
            (
                counts.analysed,
                counts.reused,
                counts.superseded,
                counts.stale,
                counts.failed,
                counts.waiting,
            )
        )
