"""The analyzer measures the box in idle time: after work, giving way to it, and once."""

from __future__ import annotations

import logging
import queue
import time
from pathlib import Path

import pytest

from edge.daemon.child import Child, FromChild, Inbox
from edge.daemon.idle_measure import QUIET_S, IdleMeasure
from edge.daemon.messages import Analysed, EngineReady, PaceKnown, Stop
from edge.daemon.plans import AnalyzerPlan, analyzer_body
from edge.hub.places import DEMO_DIR
from edge.pace import Pace, PacePoint
from edge.questions import AnalysisRequest, Look, yes_no
from edge.vlm.pace_file import FILE_NAME, load_pace, save_pace
from edge.vlm.settings import EngineSettings
from tests.support.keyframes import make_keyframe
from tests.support.measured_engine import MeasuredEngine


@pytest.fixture
def settings(tmp_path: Path) -> EngineSettings:
    return EngineSettings(DEMO_DIR, cache_dir=tmp_path / "cache")


def finish(measure: IdleMeasure) -> None:
    measure.worked()
    while measure.due_s is not None:
        measure.step()


def test_nothing_is_measured_before_the_first_answer(settings: EngineSettings) -> None:
    engine = MeasuredEngine()
    measure = IdleMeasure(engine, settings)
    assert measure.due_s is None
    measure.worked()
    assert measure.due_s == QUIET_S
    assert engine.requests == []


def test_work_in_between_is_given_way_to(settings: EngineSettings) -> None:
    measure = IdleMeasure(MeasuredEngine(), settings)
    measure.worked()
    assert not measure.step()
    assert measure.due_s == 0, "step follows step"
    measure.worked()
    assert measure.due_s == QUIET_S, "quiet is waited for again"


def test_what_was_found_is_kept_and_not_measured_again(
    settings: EngineSettings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    engine = MeasuredEngine()
    measure = IdleMeasure(engine, settings)
    finish(measure)
    assert isinstance(measure.pace, Pace)
    assert load_pace(settings) == measure.pace
    assert "a keyframe takes" in caplog.text
    again = IdleMeasure(engine, settings)
    again.worked()
    assert (again.pace, again.due_s) == (measure.pace, None)


def test_a_spoilt_file_is_said_once_and_measured_anew(
    settings: EngineSettings, caplog: pytest.LogCaptureFixture
) -> None:
    save_pace(settings, Pace((PacePoint(1, 1, 1.0),))).write_text("rubbish")
    measure = IdleMeasure(MeasuredEngine(), settings)
    finish(measure)
    said = [line for line in caplog.messages if FILE_NAME in line]
    assert len(said) == 1
    assert said[0].endswith("is damaged: what a keyframe takes is measured again")
    assert load_pace(settings) == measure.pace != Pace((PacePoint(1, 1, 1.0),))


def test_a_failure_ends_it(settings: EngineSettings, caplog: pytest.LogCaptureFixture) -> None:
    engine = MeasuredEngine()
    engine.fails = True
    measure = IdleMeasure(engine, settings)
    finish(measure)
    assert (measure.pace, len(engine.requests)) == (None, 1)
    assert "cannot be measured: no luck" in caplog.text


def test_a_folder_that_refuses_is_said(
    settings: EngineSettings, caplog: pytest.LogCaptureFixture
) -> None:
    assert settings.cache_dir is not None
    settings.cache_dir.touch()
    measure = IdleMeasure(MeasuredEngine(), settings)
    finish(measure)
    assert measure.pace is not None
    assert "it is measured again at the next start" in caplog.text


class Analyzer:
    """A real analyzer process on the bundled model."""

    def __init__(self, settings: EngineSettings) -> None:
        self.inbox: Inbox = queue.Queue()
        plan = AnalyzerPlan(settings, nice=0, log_level="WARNING", measure=True)
        self.child = Child("analyzer", 1, analyzer_body, (plan,), self.inbox)

    def hear(self, kind: type, timeout_s: float = 90.0) -> list[object]:
        """What is said up to the first message of a kind, with it."""
        heard: list[object] = []
        until = time.monotonic() + timeout_s
        while not heard or not isinstance(heard[-1], kind):
            message = self.inbox.get(timeout=max(0.1, until - time.monotonic()))
            assert isinstance(message, FromChild), message
            heard.append(message.message)
        return heard

    def stop(self) -> None:
        self.child.send(Stop())
        assert self.child.join(30)


def test_the_process_answers_first_then_measures_and_knows_it_at_the_next_start(
    settings: EngineSettings,
) -> None:
    question = yes_no("person", "Is there a person?")
    image = make_keyframe(size=(256, 192)).image
    first = Analyzer(settings)
    first.hear(EngineReady)
    first.child.send(AnalysisRequest("a", image, None, (Look((), (question,)),)))
    assert [type(one) for one in first.hear(Analysed)] == [Analysed]
    known = first.hear(PaceKnown)[-1]
    first.stop()
    assert isinstance(known, PaceKnown)
    assert len(known.pace.points) >= 2
    second = Analyzer(settings)
    assert second.hear(PaceKnown)[-1] == known
    second.stop()
