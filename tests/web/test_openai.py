"""The official client, and the bundled model behind it."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal

import numpy as np
import openai
import pytest
from pydantic import BaseModel, Field

from edge.conversation import Piece, Turn, TurnResult
from edge.errors import AnalysisFailed
from edge.hub.places import DEMO_DIR
from edge.pictures import encode_jpeg
from edge.vlm.engine import Engine, open_engine
from edge.vlm.settings import EngineSettings
from edge.web.glance import FRESH_S
from edge.web.settings import Key, WebSettings
from tests.support.daemon import wait_until
from tests.support.web_box import WorkingDoor, script
from tests.web.conftest import Running, Serve

TOKEN = "openai-0123456789abcdef"
JPEG = encode_jpeg(np.random.default_rng(1).integers(0, 255, (192, 256, 3), np.uint8))
URL = f"data:image/jpeg;base64,{base64.b64encode(JPEG).decode()}"
PICTURE = {"type": "image_url", "image_url": {"url": URL}}
SCHEMA = {
    "type": "object",
    "properties": {
        "people": {"type": "integer", "minimum": 0, "maximum": 9},
        "gate": {"type": "string", "enum": ["open", "closed"]},
    },
    "required": ["people", "gate"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with open_engine(EngineSettings(DEMO_DIR)) as opened:
        yield opened


@pytest.fixture(scope="module")
def live(serve: Serve, engine: Engine) -> Running:
    keys = (Key.of("me", "admin", TOKEN),)
    return serve(WebSettings(keys=keys, names=("localhost",)), WorkingDoor(engine.talk))


@pytest.fixture(scope="module")
def client(live: Running) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{live.url}/v1", api_key=TOKEN, max_retries=0) as made:
        yield made


def ask(client: openai.OpenAI, *content: object, **more: object):
    messages = [
        {"role": "user", "content": [*content, {"type": "text", "text": "Describe the picture."}]}
    ]
    more = {"max_tokens": 8, **more}
    return client.chat.completions.create(model="edge", messages=messages, **more)  # type: ignore[call-overload]


def test_models(client: openai.OpenAI) -> None:
    listed = client.models.list().data
    assert [model.id for model in listed] == ["tiny"]
    assert client.models.retrieve("tiny").object == "model"
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("gpt")
    assert caught.value.code == "model_not_found"


def test_plain(client: openai.OpenAI) -> None:
    reply = ask(client, PICTURE)
    assert reply.choices[0].message.content
    assert reply.choices[0].finish_reason == "length"
    assert reply.usage is not None
    assert reply.usage.completion_tokens == 8
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + 8
    assert reply.usage.prompt_tokens > 48, "the picture's tokens count"
    again = ask(client, PICTURE)
    assert again.choices[0].message.content == reply.choices[0].message.content
    assert again.usage.prompt_tokens_details.cached_tokens > 48


def test_streamed(client: openai.OpenAI) -> None:
    whole = ask(client, PICTURE)
    chunks = list(ask(client, PICTURE, stream=True, stream_options={"include_usage": True}))
    *written, end, counted = chunks
    assert len({chunk.id for chunk in chunks}) == 1
    assert written[0].choices[0].delta.role == "assistant"
    text = "".join(chunk.choices[0].delta.content or "" for chunk in written)
    assert text == whole.choices[0].message.content
    assert len(written) > 2
    assert end.choices[0].finish_reason == "length"
    assert counted.choices == []
    assert counted.usage == whole.usage or counted.usage.completion_tokens == 8


def test_json_schema(client: openai.OpenAI) -> None:
    form = {
        "type": "json_schema",
        "json_schema": {"name": "yard", "schema": SCHEMA, "strict": True},
    }
    reply = ask(client, PICTURE, response_format=form, max_tokens=60)
    said = json.loads(reply.choices[0].message.content)
    assert list(said) == ["people", "gate"]
    assert said["people"] in range(10)
    assert said["gate"] in ("open", "closed")
    assert reply.choices[0].finish_reason == "stop"
    streamed = "".join(
        chunk.choices[0].delta.content or ""
        for chunk in ask(client, PICTURE, response_format=form, stream=True, max_tokens=60)
    )
    assert json.loads(streamed) == said


class Yard(BaseModel):
    """A list that the model fills up is as long as it may be, which is not too long."""

    lamps: Annotated[list[Literal["red", "green"]], Field(min_length=1, max_length=2)]


def test_json_that_the_client_parses(client: openai.OpenAI) -> None:
    reply = client.chat.completions.parse(
        model="edge",
        messages=[{"role": "user", "content": [PICTURE, {"type": "text", "text": "Which?"}]}],
        response_format=Yard,
    )
    assert reply.choices[0].finish_reason == "stop"
    assert isinstance(reply.choices[0].message.parsed, Yard)


def test_json_object(client: openai.OpenAI) -> None:
    form = {"type": "json_object"}
    reply = ask(client, PICTURE, response_format=form, max_tokens=None)
    whole = json.loads(reply.choices[0].message.content)
    assert {"summary", "objects", "texts"} <= whole.keys()
    short = ask(client, PICTURE, response_format=form, max_completion_tokens=20)
    assert short.choices[0].finish_reason == "length"
    assert short.usage.completion_tokens < reply.usage.completion_tokens
    assert json.loads(short.choices[0].message.content).keys() == whole.keys(), "it is closed"


def test_logprobs(client: openai.OpenAI) -> None:
    reply = ask(client, PICTURE, logprobs=True, top_logprobs=3)
    content = reply.choices[0].logprobs.content
    assert len(content) == 8
    for token in content:
        assert token.logprob <= 0
        assert len(token.top_logprobs) == 3
        best = token.top_logprobs[0]
        assert (best.token, best.logprob) == (token.token, token.logprob), "it is greedy"
    assert ask(client, PICTURE).choices[0].logprobs is None
    chunks = list(ask(client, PICTURE, logprobs=True, stream=True))
    told = [t for c in chunks if c.choices[0].logprobs for t in c.choices[0].logprobs.content]
    assert [t.token for t in told] == [t.token for t in content][: len(told)]
    assert told


def test_several_turns_with_pictures(client: openai.OpenAI, live: Running) -> None:
    messages = [
        {"role": "developer", "content": "Answer in one word."},
        {"role": "user", "content": [{"type": "text", "text": "Describe the picture."}, PICTURE]},
        {"role": "assistant", "content": "A yard."},
        {"role": "user", "content": [PICTURE, {"type": "text", "text": "And here?"}]},
    ]
    reply = client.chat.completions.create(
        model="edge", messages=messages, max_completion_tokens=3, stop=["zzz"], temperature=0.7
    )
    assert reply.usage.completion_tokens <= 3
    turn = live.door.turns[-1]
    assert [message.role for message in turn.messages] == ["system", "user", "assistant", "user"]
    assert turn.num_pictures == 2
    assert turn.writing.stop == ("zzz",)


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"n": 2}, "n"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"top_logprobs": 99, "logprobs": True}, "top_logprobs"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"stop": [""]}, None),
        ({"response_format": {"type": "json_schema"}}, "response_format"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "x", "schema": {"$ref": "#/a"}},
                }
            },
            None,
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_refused(client: openai.OpenAI, more: dict[str, object], param: object) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, PICTURE, **more)
    assert caught.value.param == param
    assert caught.value.type == "invalid_request_error"


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/a.jpg",
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "data:image/jpeg;base64,@@@",
        "data:text/html;base64,AAAA",
        "data:image/png;base64,AAAA",
        "",
    ],
)
def test_pictures_that_are_refused(client: openai.OpenAI, url: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, {"type": "image_url", "image_url": {"url": url}})
    assert caught.value.param == "messages.0.content.0.image_url"


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [{"role": "user", "content": ""}],
        [{"role": "user", "content": []}],
        [{"role": "assistant", "content": "x"}],
        [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}],
        [
            {"role": "user", "content": "x"},
            {"role": "system", "content": "y"},
            {"role": "user", "content": "z"},
        ],
        [{"role": "tool", "content": "x", "tool_call_id": "1"}],
        [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}],
        [{"role": "user", "content": "word " * 8000}],
        [{"role": "user", "content": "x" * 100_001}],
    ],
    ids=lambda value: str(value)[:40],
)
def test_messages_that_are_refused(client: openai.OpenAI, messages: list[object]) -> None:
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model="edge", messages=messages)  # type: ignore[call-overload]


def test_without_the_token(live: Running) -> None:
    with (
        openai.OpenAI(base_url=f"{live.url}/v1", api_key="wrong", max_retries=0) as stranger,
        pytest.raises(openai.AuthenticationError) as caught,
    ):
        stranger.models.list()
    assert caught.value.code == "invalid_api_key"


def other_client(box: Running, token: str = TOKEN) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{box.url}/v1", api_key=token, max_retries=0)


def test_a_viewer_may_not_ask(serve: Serve) -> None:
    keys = (Key.of("me", "admin", TOKEN), Key.of("wall", "viewer", TOKEN[::-1]))
    box = serve(WebSettings(keys=keys))
    with other_client(box, TOKEN[::-1]) as viewer:
        assert viewer.models.list().data
        with pytest.raises(openai.PermissionDeniedError) as caught:
            ask(viewer, PICTURE)
    assert caught.value.type == "permission_error"


def test_a_box_that_is_busy_or_has_no_model(serve: Serve) -> None:
    begun, go = threading.Event(), threading.Event()

    def wait(*turn: Any) -> TurnResult:
        begun.set()
        go.wait(30)
        return script(*turn)

    def ask_once() -> None:
        with other_client(box) as client:
            ask(client)

    box = serve(door=WorkingDoor(wait))
    waiting = [threading.Thread(target=ask_once) for _ in range(9)]
    waiting[0].start()  # is answered; only then is there room for eight more
    assert begun.wait(20)
    for thread in waiting[1:]:
        thread.start()
    with other_client(box) as client:
        wait_until(lambda: box.door.num_waiting == 8, "as many wait as may")
        with pytest.raises(openai.RateLimitError) as busy:
            ask(client)
        assert int(busy.value.response.headers["retry-after"]) > 0
        box.door.set_analyzer("loading")
        time.sleep(FRESH_S)
        with pytest.raises(openai.InternalServerError) as loading:
            ask(client, stream=True)
        assert loading.value.status_code == 503
    go.set()
    for thread in waiting:
        thread.join(20)


def test_a_stream_that_fails_says_so(serve: Serve) -> None:
    def fail(turn: Turn, tell: Callable[[Piece], None], _: object) -> TurnResult:
        tell(Piece(turn.id, "", "It "))
        raise AnalysisFailed("the analyzer process ended")

    heard = []
    with other_client(serve(door=WorkingDoor(fail))) as client:
        with pytest.raises(openai.APIError, match="analyzer process ended"):
            heard += [c.choices[0].delta.content for c in ask(client, stream=True)]
        with pytest.raises(openai.InternalServerError, match="analyzer process ended"):
            ask(client)


def test_a_stream_that_is_closed_calls_its_question_off(serve: Serve) -> None:
    over = threading.Event()

    def write(turn: Turn, tell: Callable[[Piece], None], is_off: Callable[[], bool]) -> TurnResult:
        for _ in range(3000):
            tell(Piece(turn.id, "", "word "))
            if is_off():
                over.set()
                break
            time.sleep(0.01)
        return script(turn, lambda _: None, is_off)

    with other_client(serve(door=WorkingDoor(write))) as client:
        stream = ask(client, stream=True)
        assert next(iter(stream)).choices[0].delta.role == "assistant"
        stream.close()
        assert over.wait(20), "nothing more is written"


HEADERS = {"authorization": f"Bearer {TOKEN}"}


def test_a_conversation_over_the_own_api(live: Running) -> None:
    """The article's call, a follow-up, choices, JSON, a heatmap, on the real engine."""
    sent = {"files": {"image": JPEG}, "headers": HEADERS}
    first = live.post("/api/v1/chat", data={"query": "What is it?", "max_tokens": 8}, **sent).json()
    assert isinstance(first["answer"], str)
    assert first["timing"]["vision_ms"] > 0
    path = f"/api/v1/sessions/{first['session']}/ask"
    asked = {
        "queries": [
            {"query": "Is it open?", "kind": "yes_no"},
            {"query": "How many?", "kind": "count"},
        ]
    }
    second = live.post(path, json=asked, headers=HEADERS).json()
    assert second["timing"]["known_tokens"] > 48
    assert second["timing"]["vision_ms"] == 0
    for answer in second["answers"]:
        assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=0.01)
    third = live.post(path, json={"query": "And?", "schema": SCHEMA}, headers=HEADERS).json()
    assert list(third["answer"]) == ["people", "gate"]
    looked = {"query": "Is it?", "choices": ["a", "b"], "heatmap": True}
    heatmap = live.post(path, json=looked, headers=HEADERS).json()["heatmap"]
    assert sum(map(sum, heatmap[0]["cells"])) == pytest.approx(1, abs=0.01)
    wrong = live.post(path, json={"query": "x", "schema": {"type": "array"}}, headers=HEADERS)
    assert wrong.status_code == 400
    assert wrong.json()["error"]["where"] == "schema.type"


def test_a_region_is_what_is_looked_at(live: Running) -> None:
    data = {"query": "Is it?", "kind": "yes_no", "region": "0.5,0.5,1,1", "heatmap": "true"}
    reply = live.post("/api/v1/chat", data=data, files={"image": JPEG}, headers=HEADERS).json()
    x1, y1, x2, y2 = reply["heatmap"][0]["box"]
    assert (x2, y2) == (1, 1)
    assert (x1, y1) > (0.2, 0.2)


def test_several_pictures_streamed_to_an_async_client(live: Running) -> None:
    async def talk() -> str:
        async with openai.AsyncOpenAI(base_url=f"{live.url}/v1", api_key=TOKEN) as client:
            content = [PICTURE, PICTURE, {"type": "text", "text": "Do they differ?"}]
            stream = await client.chat.completions.create(
                model="edge",
                messages=[{"role": "user", "content": content}],  # type: ignore[list-item]
                max_tokens=6,
                stream=True,
            )
            return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

    assert asyncio.run(talk())
    assert live.door.turns[-1].num_pictures == 2
