"""The engine whose model is on a server, against a server of ours with faults on demand."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import numpy as np
import pytest

from edge.conversation import Message, Picture, Turn, Writing
from edge.errors import AnalysisFailed, PictureError, QuestionError, SessionGone, Withdrawn
from edge.geometry import Box
from edge.questions import AnalysisRequest, AnalysisResult, Look, Question, choice, text, yes_no
from edge.vlm.remote import client
from edge.vlm.remote.breaker import Breaker
from edge.vlm.remote.client import ServerAway
from edge.vlm.remote.engine import RemoteEngine
from edge.vlm.remote.settings import RemoteSettings
from edge.vlm.remote.wire import read_retry_after
from tests.support.openai_server import Fault, ScriptedServer

KEY = "sk-very-secret-key"
YES_NO = yes_no("q", "Is it?")
PICTURE = np.random.default_rng(3).integers(0, 256, (360, 640, 3), dtype=np.uint8)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        yield running


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "FIRST_WAIT_S", 0.01)


@pytest.fixture
def engine(server: ScriptedServer) -> Iterator[RemoteEngine]:
    engine = RemoteEngine(settings(server))
    yield engine
    engine.close()


def settings(server: ScriptedServer, **changes: object) -> RemoteSettings:
    return RemoteSettings(server.url, "qwen", key=KEY, **changes)  # type: ignore[arg-type]


def ask(
    engine: RemoteEngine, *questions: Question, deadline_s: float = 10.0, **changes: object
) -> AnalysisResult:
    boxes = changes.pop("boxes", ())
    looks = (Look(boxes, questions or (YES_NO,)),)  # type: ignore[arg-type]
    request = AnalysisRequest("j", PICTURE, None, looks, deadline_s=deadline_s)
    for name, value in changes.items():
        object.__setattr__(request, name, value)
    return engine.analyze(request)


def test_an_answer_by_logprobs(server: ScriptedServer, engine: RemoteEngine) -> None:
    result = ask(engine)
    (answer,) = result.answers
    assert (answer.value, round(answer.probability, 3)) == ("yes", 0.778)
    assert result.model is not None
    assert (result.model.name, result.model.engine, result.model.answers) == (
        "qwen",
        "openai",
        "logprobs",
    )
    assert (result.timing.prompt_tokens, result.timing.output_tokens) == (70, 1)
    (asked,) = server.asked
    assert asked.key == f"Bearer {KEY}"
    assert asked.words == "Is it? (yes or no)"
    assert asked.form == "logprobs 20"
    assert asked.document["temperature"] == 0
    assert asked.document["messages"][0]["role"] == "system"


def test_pictures_are_cut_as_for_the_model_here(server: ScriptedServer) -> None:
    engine = RemoteEngine(settings(server, pictures="png", overview=True))
    result = ask(engine, boxes=(Box(0.4, 0.4, 0.6, 0.6),))
    engine.close()
    overview, crop = result.views
    assert overview.is_overview
    shown = server.asked[0].pictures
    assert [p.size for p in shown] == [(v.width_px, v.height_px) for v in (overview, crop)]
    x1, y1 = round(crop.box.x1 * 640), round(crop.box.y1 * 360)
    part = PICTURE[y1 : y1 + crop.height_px, x1 : x1 + crop.width_px]
    assert np.array_equal(np.array(shown[1]), part)  # native pixels, lossless


def test_a_request_may_bound_its_pixels(server: ScriptedServer, engine: RemoteEngine) -> None:
    image = np.zeros((480, 640, 3), np.uint8)
    look = Look((), (yes_no("q", "Is it?"),))
    result = engine.analyze(AnalysisRequest("a", image, None, (look,), max_pixels=65_536))
    (view,) = result.views
    assert view.width_px * view.height_px <= 65_536
    (picture,) = server.asked[-1].pictures
    assert picture.size == (view.width_px, view.height_px)


def test_a_pair_is_told_apart_in_words(server: ScriptedServer) -> None:
    engine = RemoteEngine(settings(server, use_before=True))
    ask(engine, before=PICTURE)
    engine.close()
    content = server.asked[0].document["messages"][1]["content"]
    assert [part.get("text", "picture") for part in content] == [
        "A moment before:",
        "picture",
        "Now:",
        "picture",
        "Is it? (yes or no)",
    ]


def test_the_first_question_goes_alone_then_the_others_at_once(server: ScriptedServer) -> None:
    server.delay_s = 0.1
    engine = RemoteEngine(settings(server, parallel=3))
    result = ask(engine, *(yes_no(f"q{n}", f"Is it {n}?") for n in range(7)))
    engine.close()
    assert [answer.question_id for answer in result.answers] == [f"q{n}" for n in range(7)]
    assert server.asked[0].words.startswith("Is it 0?")
    assert 2 <= server.together <= 3
    beginnings = {json.dumps(a.document["messages"][1]["content"][0]) for a in server.asked}
    assert len(beginnings) == 1  # what the server can use again


@pytest.mark.parametrize(
    ("top", "schema", "forms", "answers", "probability"),
    [
        (20, True, ["logprobs 20"], "logprobs", 0.778),
        (5, True, ["logprobs 20", "logprobs 5"], "logprobs", 0.778),
        (-1, True, ["logprobs 20", "logprobs 5", "json_schema"], "text", 1.0),
        (-1, False, ["logprobs 20", "logprobs 5", "json_schema", "text"], "text", 1.0),
        (0, True, ["logprobs 20"], "text", 1.0),
    ],
    ids=["20", "5", "refused", "plain text", "left out"],
)
def test_what_the_server_can_do_is_found_out_once(
    server: ScriptedServer,
    engine: RemoteEngine,
    top: int,
    schema: bool,
    forms: list[str],
    answers: str,
    probability: float,
) -> None:
    server.top, server.json_schema = top, schema
    result = ask(engine)
    assert [asked.form for asked in server.asked] == forms
    assert (result.answers[0].value, round(result.answers[0].probability, 3)) == (
        "yes",
        probability,
    )
    assert result.model is not None
    assert result.model.answers == answers
    server.asked.clear()
    ask(engine)
    assert len(server.asked) == 1
    assert server.asked[0].form == ("json_schema" if top == 0 else forms[-1])


def test_an_answer_that_begins_with_something_else_is_wanted_as_json(
    server: ScriptedServer, engine: RemoteEngine
) -> None:
    server.says = {"<think>": 0.99}
    with pytest.raises(AnalysisFailed, match="gives no answer to question 'q'"):
        ask(engine)
    assert [a.form for a in server.asked] == ["logprobs 20", "logprobs 5", "json_schema", "text"]
    server.says = [{"Well": 0.6, "yes": 0.3}, {" no": 0.9}]
    assert ask(engine).answers[0].value == "yes"  # among what it might have said
    assert server.asked[-1].form == "logprobs 20"  # one odd answer does not change the form


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=500),
        Fault(status=503, body=b"<html>busy</html>"),
        Fault(status=429, headers={"Retry-After": "0"}),
        Fault(hang_up=True),
        Fault(cut_after=40),
        Fault(body=b"\xff\xfe garbage"),
        Fault(body=b'{"choices": []}'),
        Fault(body=b'{"choices": [{"message": {"content": 3}}]}'),
        Fault(body=b"[" * 100_000),
    ],
    ids=["500", "503", "429", "hang-up", "cut", "garbage", "no choice", "wrong type", "deep"],
)
def test_what_passes_is_tried_again(
    server: ScriptedServer, engine: RemoteEngine, fault: Fault
) -> None:
    server.fault(fault, times=2)
    assert ask(engine).answers[0].value == "yes"
    assert len(server.asked) == 3
    assert (engine.facts.requests, engine.facts.retries, engine.facts.failures) == (3, 2, 2)
    assert engine.facts.circuit == "closed"


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault(status=401), "does not take the key"),
        (Fault(status=404), "no such model or address"),
        (Fault(status=302, headers={"Location": "http://127.0.0.1:1/"}), "it answered 302"),
        (Fault(body=b" " * (9 * 2**20)), "more than 8388608 bytes"),
    ],
    ids=["401", "404", "redirection", "huge"],
)
def test_what_does_not_pass_is_not_tried_again(
    server: ScriptedServer, engine: RemoteEngine, fault: Fault, words: str
) -> None:
    server.fault(fault)
    with pytest.raises(ServerAway, match=words):
        ask(engine)
    assert len(server.asked) == 1


@pytest.mark.parametrize("fault", [Fault(stall_s=30), Fault(drip_s=0.05)], ids=["hang", "drip"])
def test_a_server_that_does_not_end_is_given_up_at_the_deadline(
    server: ScriptedServer, engine: RemoteEngine, fault: Fault
) -> None:
    server.fault(fault)
    began = time.monotonic()
    with pytest.raises(ServerAway, match="in time"):
        ask(engine, deadline_s=2)
    assert time.monotonic() - began < 10


def test_retry_after_beyond_the_deadline_leaves_the_server_alone_for_so_long(
    server: ScriptedServer, engine: RemoteEngine
) -> None:
    server.fault(Fault(status=429, headers={"Retry-After": "60"}), times=3)
    for _ in range(3):
        with pytest.raises(ServerAway, match="429"):
            ask(engine, deadline_s=5)
    assert len(server.asked) == 3
    assert engine.facts.circuit == "open"
    assert engine.client.rest_s > 50
    with pytest.raises(ServerAway, match="left alone"):
        ask(engine)
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("", 0.0),
        ("soon", 0.0),
        ("99999", 300.0),
        (format_datetime(datetime(2026, 1, 1, 0, 0, 30, tzinfo=UTC), usegmt=True), 30.0),
        (format_datetime(datetime(2025, 1, 1, tzinfo=UTC), usegmt=True), 0.0),
    ],
)
def test_retry_after(header: str, seconds: float) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert read_retry_after(header, now) == pytest.approx(seconds, abs=timedelta(seconds=1).seconds)


def test_the_key_is_told_to_nobody(
    server: ScriptedServer, engine: RemoteEngine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    body = json.dumps({"error": {"message": f"Incorrect key {KEY} given"}}).encode()
    server.fault(Fault(status=500, body=body), times=3)
    with pytest.raises(ServerAway) as caught:
        ask(engine)
    assert "Incorrect key *** given" in str(caught.value)
    server.fault(Fault(status=418, body=body), times=4)
    engine.client.breaker.succeeded()
    with pytest.raises(QuestionError) as refused:
        ask(engine)
    assert "***" in str(refused.value)
    told = caplog.text + str(caught.value) + str(refused.value) + repr(settings(server))
    assert KEY not in told


def test_a_request_that_is_refused_in_every_form_is_the_requests_fault(
    server: ScriptedServer, engine: RemoteEngine
) -> None:
    body = b'{"error": {"message": "the picture is too large"}}'
    server.fault(Fault(status=413, body=body), times=4)
    with pytest.raises(QuestionError, match="the picture is too large"):
        ask(engine)
    assert engine.facts.circuit == "closed"
    assert ask(engine).model.answers == "logprobs"  # type: ignore[union-attr]


def test_what_cannot_be_asked_is_not_sent(server: ScriptedServer, engine: RemoteEngine) -> None:
    with pytest.raises(QuestionError, match="the model on this box"):
        ask(engine, heatmap=True)
    with pytest.raises(QuestionError, match="nothing is asked"):
        engine.analyze(AnalysisRequest("j", PICTURE, None, ()))
    with pytest.raises(PictureError):
        ask(engine, image=PICTURE[:0])
    with pytest.raises(QuestionError, match="schema"):
        ask(engine, describe=True, schema={"type": "array"})
    assert not [asked for asked in server.asked if "Describe" in asked.words]


def test_text(server: ScriptedServer, engine: RemoteEngine) -> None:
    server.says = [{"A \u202e blue": 0.9}, {" van": 0.7}]
    (answer,) = ask(engine, text("t", "What is it?", max_chars=8)).answers
    assert (answer.value, answer.truncated) == ("A  blue", True)
    assert answer.probability == pytest.approx(0.8)
    server.top = -1
    assert ask(engine, text("t", "What is it?")).answers[0].probability == 1.0


def test_a_description_in_the_built_in_shape(server: ScriptedServer, engine: RemoteEngine) -> None:
    server.document = {
        "objects": ["car"] * 20,
        "summary": "A car.\u0007",
        "texts": [],
        "spatial_relations": [],
        "extra": 1,
    }
    described = ask(engine, describe=True).description
    assert described is not None
    assert (described.summary, described.objects, described.truncated) == ("A car.", ("car",), True)
    wanted = server.asked[-1].document["response_format"]["json_schema"]
    assert wanted["strict"]
    assert wanted["schema"]["required"] == ["summary", "objects", "texts", "spatial_relations"]


@pytest.mark.parametrize(
    ("schema", "plain", "form"),
    [(True, True, "json_schema"), (False, True, "json_object"), (False, False, "text")],
)
def test_a_description_of_the_users_shape(
    server: ScriptedServer, engine: RemoteEngine, schema: bool, plain: bool, form: str
) -> None:
    server.json_schema, server.json_object = schema, plain
    server.document = '```json\n{"people": 3, "queue": "short"}\n```'
    shape = {
        "type": "object",
        "properties": {"people": {"type": "integer"}, "queue": {"enum": ["short", "long"]}},
    }
    described = ask(engine, describe=True, schema=shape).description
    assert described is not None
    assert described.details == {"people": 3, "queue": "short"}
    assert server.asked[-1].form == form
    assert "<integer" in server.asked[-1].words
    ask(engine, describe=True, schema=shape)
    assert [a.form for a in server.asked if "Describe" in a.words][-1] == form


@pytest.mark.parametrize("said", ["no JSON", '{"summary": 3}', "[]", '{"summary": "A yard."}'])
def test_a_description_that_breaks_its_shape_is_none(
    server: ScriptedServer, engine: RemoteEngine, said: str
) -> None:
    server.document = said
    with pytest.raises(AnalysisFailed, match="the description"):
        ask(engine, describe=True)


def test_a_conversation(server: ScriptedServer, engine: RemoteEngine) -> None:
    seen = (Message("user", (Picture(PICTURE, Box(0, 0, 0.5, 0.5)),)),)
    first = engine.talk(Turn("1", session="s", opens=True, messages=seen, questions=(YES_NO,)))
    assert first.answers[0].value == "yes"
    assert first.views[0].box.x2 == pytest.approx(0.5, abs=0.05)
    server.says = {"Blue.": 1.0}
    pieces = []
    turn = Turn(
        "2",
        session="s",
        messages=(Message("user", ("Which colour?",)),),
        reply=True,
        writing=Writing(wants_chances=True, alternatives=3, stop=("!",)),
    )
    second = engine.talk(turn, pieces.append)
    assert [(p.turn_id, p.text) for p in pieces] == [("2", "Blue.")]
    assert second.endings == {"": "stop"}
    assert second.chances[""][0].token.text == "Blue."
    asked = server.asked[-1].document
    assert [m["role"] for m in asked["messages"]] == ["system", "user", "assistant", "user"]
    assert asked["messages"][2]["content"] == "yes"
    assert (asked["stop"], asked["top_logprobs"]) == (["!"], 3)
    described = engine.talk(Turn("3", session="s", describe=True))
    assert described.description is not None
    assert len(server.asked[-1].document["messages"]) == 6
    engine.close_session("s")
    with pytest.raises(SessionGone):
        engine.talk(Turn("4", session="s", describe=True))
    assert engine.settle() is False


def test_a_turn_that_is_called_off_is_not_waited_for(
    server: ScriptedServer, engine: RemoteEngine
) -> None:
    server.fault(Fault(stall_s=20))
    message = (Message("user", (Picture(PICTURE), "What is it?")),)
    began = time.monotonic()
    with pytest.raises(Withdrawn):
        engine.talk(Turn("1", messages=message, reply=True), is_cancelled=lambda: True)
    assert time.monotonic() - began < 10


def test_the_circuit() -> None:
    breaker = Breaker()
    assert not breaker.failed(0, "passing")
    assert not breaker.failed(1, "passing")
    breaker.succeeded()
    assert not breaker.failed(2, "late")
    assert breaker.state(2) == "closed"
    assert breaker.failed(3, "passing")
    assert breaker.state(3) == "open"
    assert not breaker.failed(4, "lasting")  # begun before: does not prolong
    assert breaker.rest_s(4) == 4
    assert breaker.state(8) == "half-open"
    assert not breaker.failed(8, "passing")  # open again, for twice as long
    assert breaker.rest_s(8) == 10
    assert breaker.succeeded()
    assert breaker.state(9) == "closed"
    assert breaker.failed(10, "lasting", at_least_s=70)
    assert breaker.rest_s(10) == 70


def test_openvino_is_not_imported(server: ScriptedServer) -> None:
    script = f"""
import sys
import numpy as np
from edge.questions import AnalysisRequest, Look, yes_no
from edge.vlm.door import open_answering
from edge.vlm.remote.settings import RemoteSettings
with open_answering(RemoteSettings({server.url!r}, "m")) as engine:
    look = Look((), (yes_no("q", "Is it?"),))
    picture = np.zeros((64, 64, 3), np.uint8)
    result = engine.analyze(AnalysisRequest("j", picture, None, (look,), describe=True))
    print(result.answers[0].value)
print([m for m in ("openvino", "cv2", "torch", "transformers", "tokenizers") if m in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n")[:2] == ["yes", "[]"]


def test_long_options_are_read_to_where_they_part(
    server: ScriptedServer, engine: RemoteEngine
) -> None:
    question = choice("q", "Which?", ("the gate is open", "the gate is closed"))
    server.says = [{"the gate is": 1.0}, {" closed": 0.8, " open": 0.2}]
    (answer,) = ask(engine, question).answers
    assert (answer.value, answer.probability) == ("the gate is closed", pytest.approx(0.8))
    assert server.asked[0].document["max_tokens"] > len("the gate is ")
