"""Asking, with a door that answers without a model."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable

import pytest
import requests

from edge.conversation import MAX_NEW_TOKENS, Picture, Piece, Turn, TurnResult
from edge.errors import AnalysisFailed
from edge.geometry import Box
from edge.schema_check import bound_schema
from tests.support.daemon import wait_until
from tests.support.web_box import WorkingDoor, script
from tests.web.conftest import PNG, Running, Serve


def test_the_articles_call(box: Running) -> None:
    f = PNG
    answer = requests.post(
        f"{box.url}/api/v1/chat", files={"image": f}, data={"query": "What is it?"}, timeout=20
    ).json()["answer"]
    assert answer == "It is a test."
    turn = box.door.turns[-1]
    assert turn.opens
    assert turn.reply
    picture, words = turn.messages[0].parts
    assert isinstance(picture, Picture)
    assert picture.image.shape == (48, 64, 3)
    assert words == "What is it?"


def chat(box: Running, num_pictures: int = 1, **fields: object) -> requests.Response:
    files = [("image", (f"{n}.png", PNG, "image/png")) for n in range(num_pictures)]
    files = files or [("image", ("", b"", "application/octet-stream"))]
    return box.post("/api/v1/chat", files=files, data=fields)


def test_a_session_goes_on_without_the_picture(box: Running) -> None:
    session = chat(box, 2, query="What is it?").json()["session"]
    assert box.door.turns[-1].num_pictures == 2
    reply = requests.post(
        f"{box.url}/api/v1/chat",
        files={"session": (None, session), "query": (None, "And?")},
        timeout=20,
    )
    assert reply.json()["session"] == session
    turn = box.door.turns[-1]
    assert (turn.session, turn.opens, turn.num_pictures) == (session, False, 0)


def test_choices_are_read_not_written(box: Running) -> None:
    reply = chat(box, query="How is the gate?", choices="open, closed").json()
    assert reply["answer"] == "open"
    assert reply["probabilities"] == {"open": 0.75, "closed": 0.25}
    assert box.door.turns[-1].questions[0].options == ("open", "closed")
    assert chat(box, query="Is it?", kind="yes_no").json()["answer"] == "yes"


def test_fields_reach_the_turn(box: Running) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    reply = chat(box, query="x", schema=json.dumps(schema), max_tokens=7, region="0,0,0.5,1")
    assert reply.json()["answer"] == {"n": 3}
    turn = box.door.turns[-1]
    assert (turn.describe, turn.schema, turn.writing.max_tokens) == (True, bound_schema(schema), 7)
    picture = turn.messages[0].parts[0]
    assert isinstance(picture, Picture)
    assert picture.region == Box(0, 0, 0.5, 1)
    built_in = chat(box, query="x", format="json").json()["answer"]
    assert box.door.turns[-1].writing.max_tokens == MAX_NEW_TOKENS, "its form bounds it"
    assert built_in == {
        "summary": "A test.",
        "objects": ["box"],
        "texts": [],
        "spatial_relations": [],
    }


@pytest.mark.parametrize(
    ("fields", "status", "where"),
    [
        ({}, 422, "query"),
        ({"query": ""}, 422, "query"),
        ({"query": "   "}, 400, "query"),
        ({"query": "x" * 3000, "kind": "count"}, 400, "query"),
        ({"query": "x", "region": "1,2"}, 400, "region"),
        ({"query": "x", "region": "0,0,nan,1"}, 400, "region"),
        ({"query": "x", "format": "xml"}, 422, "format"),
        ({"query": "x", "max_tokens": "0"}, 422, "max_tokens"),
        ({"query": "x", "schema": "{"}, 400, "schema"),
        ({"query": "x", "schema": "[" * 15_000}, 400, "schema"),
        ({"query": "x", "schema": '["integer"]'}, 400, "schema"),
        ({"query": "x", "schema": "{}"}, 400, "schema"),
        ({"query": "x", "schema": '{"n": "intager"}'}, 400, "schema.n"),
        ({"query": "x", "schema": '{"a": {"type": "array"}}'}, 400, "schema.a.items"),
        ({"query": "x", "schema": '{"a": ' * 2000 + "1" + "}" * 2000}, 400, "schema"),
        ({"query": "x", "choices": "only"}, 400, "choices"),
        ({"query": "x", "choices": "a,A"}, 400, "choices"),
        ({"query": "x", "kind": "choice"}, 400, "choices"),
        ({"query": "x", "choices": "a,b", "format": "json"}, 400, "format"),
        ({"query": "x", "session": "../x"}, 400, "session"),
        ({"query": "x", "session": "gone"}, 404, "session"),
    ],
)
def test_what_is_refused(box: Running, fields: dict[str, str], status: int, where: str) -> None:
    reply = chat(box, **fields)
    assert reply.status_code == status, reply.text
    assert reply.json()["error"]["where"] == where
    assert reply.json()["error"]["what"]


def test_a_question_needs_a_picture(box: Running) -> None:
    reply = box.post("/api/v1/chat", files={"query": (None, "What?")})
    assert (reply.status_code, reply.json()["error"]["where"]) == (422, "image")
    reply = box.post("/api/v1/chat", files={"image": b"no picture"}, data={"query": "What?"})
    assert (reply.status_code, reply.json()["error"]["where"]) == (400, "image")
    reply = chat(box, 17, query="What?")
    assert (reply.status_code, reply.json()["error"]["where"]) == (400, "image")


def events_of(reply: requests.Response) -> list[tuple[str, dict[str, object]]]:
    events = []
    for block in reply.text.split("\n\n")[:-1]:
        kind, data = block.split("\n")
        events.append((kind.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return events


def test_an_answer_streams(box: Running) -> None:
    reply = chat(box, query="What is it?", stream="true")
    assert reply.headers["content-type"].startswith("text/event-stream")
    *pieces, (kind, answer) = events_of(reply)
    assert [piece["text"] for _, piece in pieces] == ["It ", "is ", "a test."]
    assert (kind, answer["answer"]) == ("answer", "It is a test.")


def test_a_stream_that_cannot_begin_is_refused_by_its_status(box: Running) -> None:
    assert chat(box, query="x", session="gone", stream="true").status_code == 404


def test_several_questions_of_a_session(box: Running) -> None:
    opened = box.post("/api/v1/sessions", files=[("image", PNG), ("image", PNG)])
    assert opened.status_code == 201
    session = opened.json()["session"]
    asked = {"queries": ["What?", {"query": "Is it?", "kind": "yes_no"}]}
    reply = box.post(f"/api/v1/sessions/{session}/ask", json=asked).json()
    assert [a["answer"] for a in reply["answers"]] == ["A text.", "yes"]
    assert [a["query"] for a in reply["answers"]] == ["What?", "Is it?"]
    assert len(box.door.turns[-1].questions) == 2
    one = box.post(f"/api/v1/sessions/{session}/ask", json={"query": "And?"}).json()
    assert one["answer"] == "It is a test."
    assert requests.delete(f"{box.url}/api/v1/sessions/{session}", timeout=20).status_code == 204
    assert box.door.closed == [session]


@pytest.mark.parametrize(
    ("body", "status", "where", "what"),
    [
        ({}, 422, "query", "`queries`"),
        ({"query": "a", "queries": ["b"]}, 422, "query", "`queries`"),
        ({"queries": ["a"], "choices": ["b", "c"]}, 422, "choices", "each of them"),
        ({"queries": ["a"], "kind": "count"}, 422, "kind", "each of them"),
        ({"queries": ["a", {"query": ""}]}, 422, "queries.1.query", "at least 1"),
        ({"queries": ["a", {"kind": "count"}]}, 422, "queries.1.query", "required"),
        ({"queries": ["a", {"query": "b", "kind": "county"}]}, 422, "queries.1.kind", "'count'"),
        ({"queries": ["a", 3]}, 422, "queries.1", "object"),
        ({"queries": ["a", " "]}, 400, "queries.1.query", "empty"),
        ({"queries": [" "]}, 400, "queries.0.query", "empty"),
        ({"queries": ["a", {"query": "b", "choices": ["c"]}]}, 400, "queries.1.choices", "not 1"),
        ({"query": "a", "schema": {"n": "integr"}}, 400, "schema.n", "Did you mean integer?"),
        ({"query": "a", "schema": {"n": ["x" * 79] * 300}}, 400, "schema", "20000 characters"),
        ([], 422, "body", "object"),
    ],
)
def test_wrong_questions_of_a_session(
    box: Running, body: object, status: int, where: str, what: str
) -> None:
    reply = box.post("/api/v1/sessions/s/ask", json=body)
    error = reply.json()["error"]
    assert (reply.status_code, error["where"]) == (status, where), reply.text
    assert what in error["what"]


def test_a_body_that_is_no_json_is_told_with_the_place(box: Running) -> None:
    headers = {"content-type": "application/json"}
    reply = box.post("/api/v1/sessions/s/ask", data=b'{"query": x}', headers=headers)
    assert reply.status_code == 422
    assert reply.json()["error"] == {
        "what": "the body is not JSON: Expecting value (character 10)",
        "where": "body",
    }


@pytest.mark.parametrize("way", ["form", "json"])
def test_a_schema_may_be_short(box: Running, way: str) -> None:
    short = {"people": "integer", "queue": ["short", "long"], "note": "text"}
    reply = (
        chat(box, query="x", schema=json.dumps(short))
        if way == "form"
        else box.post("/api/v1/sessions/s/ask", json={"query": "x", "schema": short})
    )
    assert reply.ok, reply.text
    schema = box.door.turns[-1].schema
    assert schema is not None
    parts = schema["properties"]
    assert (parts["people"]["type"], parts["note"]["type"]) == ("integer", "string")
    assert parts["queue"]["enum"] == ["short", "long"]


def test_replies_name_the_model_and_that_it_is_for_demonstration(box: Running) -> None:
    model = {"name": "tiny", "precision": "int8", "demonstration": True}
    model |= {"engine": "openvino", "answers": "logits"}
    assert chat(box, query="x").json()["model"] == model
    _, answer = events_of(chat(box, query="x", stream="true"))[-1]
    assert answer["model"] == model
    assert box.post("/api/v1/sessions", files={"image": PNG}).json()["model"] == model
    asked = box.post("/api/v1/sessions/s/ask", json={"queries": ["a", "b"]}).json()
    assert asked["model"] == model
    tested = box.post("/api/v1/rules/person/test", files={"image": PNG}).json()
    assert tested["model"] == model


class Held:
    """Talk that waits until it is let go, or called off."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.was_cancelled = False

    def __call__(
        self, turn: Turn, tell: Callable[[Piece], None], is_cancelled: Callable[[], bool]
    ) -> TurnResult:
        tell(Piece(turn.id, "", "It "))
        while not self.go.wait(0.01):
            if is_cancelled():
                self.was_cancelled = True
                break
        return script(turn, lambda _: None, is_cancelled)


@pytest.mark.parametrize("stream", ["false", "true"])
def test_a_client_that_goes_away_calls_its_question_off(serve: Serve, stream: str) -> None:
    held = Held()
    box = serve(door=WorkingDoor(held))
    with (
        requests.post(
            f"{box.url}/api/v1/chat",
            files={"image": PNG},
            data={"query": "x", "stream": stream},
            stream=True,
            timeout=20,
        )
        if stream == "true"
        else _impatient(box)
    ):
        wait_until(lambda: box.door.turns, "the question is asked")
    wait_until(lambda: held.was_cancelled, "the question is called off")


class _impatient:  # noqa: N801 - a context manager
    """A client that hangs up before the answer."""

    def __init__(self, box: Running) -> None:
        self.box = box

    def __enter__(self) -> None:
        body = (
            b'--x\r\ncontent-disposition: form-data; name="query"\r\n\r\nx\r\n'
            b'--x\r\ncontent-disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
            + PNG
            + b"\r\n--x--\r\n"
        )
        self.socket = socket.create_connection(("127.0.0.1", self.box.port))
        self.socket.sendall(
            b"POST /api/v1/chat HTTP/1.1\r\nhost: 127.0.0.1\r\n"
            b"content-type: multipart/form-data; boundary=x\r\n"
            b"content-length: %d\r\n\r\n" % len(body) + body
        )

    def __exit__(self, *_: object) -> None:
        self.socket.close()


def test_too_many_questions_are_told_when_to_come_again(serve: Serve) -> None:
    held = Held()
    box = serve(door=WorkingDoor(held))
    replies: list[requests.Response] = []
    threads = [
        threading.Thread(target=lambda: replies.append(chat(box, query="x"))) for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(replies) == 3, "three are one too many each")
    assert {reply.status_code for reply in replies} == {429}
    assert int(replies[0].headers["retry-after"]) > 0
    box.door.set_analyzer("loading")
    wait_until(lambda: chat(box, query="x").status_code == 503, "without a model it is 503")
    held.go.set()
    for thread in threads:
        thread.join(20)
    assert sorted(reply.status_code for reply in replies) == [200] * 9 + [429] * 3


def test_a_failure_of_the_model_is_told(serve: Serve) -> None:
    def fail(*_: object) -> TurnResult:
        raise AnalysisFailed("the analyzer process ended")

    box = serve(door=WorkingDoor(fail))
    reply = chat(box, query="x")
    assert reply.status_code == 503
    assert "analyzer" in reply.json()["error"]["what"]
