"""Names that a route does not know are refused, and those that it knows are told."""

from __future__ import annotations

import pytest

from tests.web.conftest import PNG, Running


def refused(box: Running, path: str, **more: object) -> tuple[int, str, str]:
    reply = box.post(path, **more) if more else box.get(path)
    assert not reply.ok, reply.text
    error = reply.json()["error"]
    return reply.status_code, error["where"], error["what"]


@pytest.mark.parametrize(
    ("path", "where", "said"),
    [
        ("findings?sincee=3", "sincee", "Did you mean 'since'? The parameters are: camera, cursor"),
        ("findings?limit=x&sincee=3", "sincee", "Did you mean 'since'?"),
        ("findings/x?full=1", "full", "There are no parameters."),
        ("cameras?name=porch", "name", "There are no parameters."),
        ("cameras/porch/keyframe?frsh=1", "frsh", "Did you mean 'fresh'?"),
        ("openapi.json?x=1", "x", "There are no parameters."),
        (f"findings?{'x' * 300}=1", f"'{'x' * 56}...", "The parameters are"),
        ("findings?%ED%A0%80=1", "\ufffd\ufffd\ufffd", "The parameters are"),
    ],
)
def test_parameters(box: Running, path: str, where: str, said: str) -> None:
    status, at, what = refused(box, f"/api/v1/{path}")
    assert (status, at) == (422, where)
    assert said in what


@pytest.mark.parametrize(
    ("path", "fields", "where", "said"),
    [
        ("chat", {"query": "x", "choises": "a,b"}, "choises", "Did you mean 'choices'?"),
        ("chat", {"qery": "x"}, "qery", "The fields are: choices, enhance, format, heatmap"),
        ("sessions", {"query": "x"}, "query", "The fields are: enhance, image, region."),
        ("rules/person/test", {"camra": "porch"}, "camra", "Did you mean 'camera'?"),
        ("tune", {"second": "60", "image": "a"}, "second", "Did you mean 'seconds'?"),
    ],
)
def test_fields(box: Running, path: str, fields: dict[str, str], where: str, said: str) -> None:
    num_turns = len(box.door.turns)
    status, at, what = refused(box, f"/api/v1/{path}", files={"image": PNG}, data=fields)
    assert (status, at) == (422, where)
    assert said in what
    assert len(box.door.turns) == num_turns


def test_a_parameter_of_a_form_is_not_taken_for_a_field(box: Running) -> None:
    status, at, _ = refused(box, "/api/v1/rules/person/test?camera=porch", files={"image": PNG})
    assert (status, at) == (422, "camera")


def test_a_files_name_in_place_of_the_file(box: Running) -> None:
    files = {"image": (None, "yard.jpg"), "query": (None, "x")}
    status, at, what = refused(box, "/api/v1/chat", files=files)
    assert (status, at) == (422, "image")
    assert "image=@yard.jpg" in what


@pytest.mark.parametrize(
    ("path", "body", "where", "said"),
    [
        ("sessions/s/ask", {"query": "x", "knid": "count"}, "knid", "Did you mean 'kind'?"),
        (
            "sessions/s/ask",
            {"queries": ["x", {"query": "y", "knid": "count"}]},
            "queries.1.knid",
            "Did you mean 'kind'? The keys are: choices, kind, query.",
        ),
        ("sessions/s/ask", {"query": "x", "schema_": {}}, "schema_", "Did you mean 'schema'?"),
        ("sessions/s/ask", {"query": "x", "\ud800": 1}, "'\\ud800'", "The keys are"),
        ("login", {"tokn": "0123456789abcdef"}, "tokn", "Did you mean 'token'?"),
    ],
)
def test_keys(box: Running, path: str, body: object, where: str, said: str) -> None:
    status, at, what = refused(box, f"/api/v1/{path}", json=body)
    assert (status, at) == (422, where)
    assert said in what
    assert "0123456789abcdef" not in what


def test_what_belongs_to_others_is_left_alone(box: Running) -> None:
    """Probes and scrapers add parameters of their own, OpenAI's clients send what they like."""
    for path in ("/health", "/ready", "/metrics", "/"):
        assert box.get(path, params={"probe": "1"}).ok, path
    body = {"model": "x", "messages": [{"role": "user", "content": "x"}], "best_of": 1}
    assert box.post("/v1/chat/completions?api-version=1", json=body).ok
