"""The model on this box takes over while the server is away, and hands back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edge.conversation import Message, Picture, Turn
from edge.errors import SessionGone
from edge.questions import AnalysisRequest, AnalysisResult, Look, yes_no
from edge.vlm.remote import client, standby
from edge.vlm.remote.client import ServerAway
from edge.vlm.remote.settings import RemoteSettings
from edge.vlm.remote.standby import KEPT_S, StandbyEngine
from edge.vlm.settings import EngineSettings
from tests.support.daemon import wait_until
from tests.support.openai_server import Fault, ScriptedServer

PICTURE = np.zeros((64, 64, 3), np.uint8)
YES_NO = yes_no("q", "Is it?")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "FIRST_WAIT_S", 0.01)
    monkeypatch.setattr("edge.vlm.remote.breaker.FIRST_REST_S", 0.3)
    monkeypatch.setattr("edge.vlm.remote.breaker.MAX_REST_S", 0.3)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        yield running


def ask(engine: StandbyEngine) -> AnalysisResult:
    look = Look((), (YES_NO,))
    return engine.analyze(AnalysisRequest("j", PICTURE, None, (look,), deadline_s=5))


def test_without_a_standby_it_waits_for_the_server(server: ScriptedServer) -> None:
    with StandbyEngine(RemoteSettings(server.url, "m")) as engine:
        assert ask(engine).answers[0].value == "yes"
        assert engine.tend() is None
        server.stop()
        with pytest.raises(ServerAway, match="connection"):
            ask(engine)
        assert engine.is_away
        assert engine.facts.circuit == "open"
        assert 0 < (engine.tend() or 0) <= 0.3
        server.start()
        wait_until(lambda: engine.tend() is None, "the server is found again", 10)
        assert not engine.is_away
        assert server.probes
        assert ask(engine).answers[0].value == "yes"
        assert engine.facts.circuit == "closed"
        assert engine.facts.last_error == ""


def test_a_server_that_is_there_and_fails_is_left_alone_again(server: ScriptedServer) -> None:
    with StandbyEngine(RemoteSettings(server.url, "m")) as engine:
        server.fault(Fault(status=500), times=3)
        with pytest.raises(ServerAway):
            ask(engine)
        wait_until(lambda: engine.tend() is None, "the probe finds it", 10)
        server.fault(Fault(status=500))
        with pytest.raises(ServerAway):
            ask(engine)
        assert engine.is_away  # one failure is enough now


def test_the_model_here_takes_over_and_hands_back(server: ScriptedServer, demo_dir: Path) -> None:
    now = 1000.0
    settings = RemoteSettings(server.url, "m", standby=EngineSettings(demo_dir))
    with StandbyEngine(settings, clock=lambda: now) as engine:
        server.stop()
        with pytest.raises(ServerAway):
            ask(engine)
        assert engine.is_away
        engine.tend()  # loads
        assert not engine.is_away
        assert engine.info.engine == "openvino"
        answered = ask(engine)
        assert answered.model == engine.info
        assert engine.facts.standby_answers == 1
        shown = (Message("user", (Picture(PICTURE),)),)
        turn = Turn("1", session="s", opens=True, messages=shown, questions=(YES_NO,))
        assert engine.talk(turn).answers
        server.start()
        wait_until(lambda: (engine.tend() or 0) > 1, "the server is found again", 10)
        assert engine.info.engine == "openai"
        assert ask(engine).model == engine.info
        with pytest.raises(SessionGone):
            engine.talk(Turn("2", session="s", questions=(YES_NO,)))
        server.fault(Fault(status=500), times=3)
        again = ask(engine)  # it is still loaded: no answer is lost
        assert again.model is not None
        assert again.model.engine == "openvino"
        wait_until(lambda: (engine.tend() or 0) > 1, "the server is found again", 10)
        now += KEPT_S + 1
        assert engine.tend() is None
        assert engine._local is None


def test_a_model_here_that_cannot_be_loaded_is_said_once(
    server: ScriptedServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = RemoteSettings(server.url, "m", standby=EngineSettings(tmp_path / "nothing"))
    server.stop()
    with StandbyEngine(settings) as engine:
        with pytest.raises(ServerAway):
            ask(engine)
        engine.tend()
        engine.tend()
        assert engine.is_away
    said = [r for r in caplog.records if "cannot take over" in r.getMessage()]
    assert len(said) == 1
    assert standby.__name__ in said[0].name
