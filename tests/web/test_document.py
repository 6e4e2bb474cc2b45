"""The OpenAPI document: complete, with examples that are true, and an API that keeps to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from edge.web.access import ROUTES
from edge.web.document import EXAMPLES
from tests.web.conftest import PNG, Running

UNNAMED = {"/health", "/ready", "/metrics"}  # named below /api/v1
UNNAMED |= {"/api/v1/openapi.json", "/", "/page/{edition}/{file}"}  # itself, and the page

LISTED = ("findings", "cameras", "rules", "stats", "budget", "info", "health", "ready", "me")

Operation = dict[str, Any]


@pytest.fixture(scope="module")
def document(box: Running) -> dict[str, Any]:
    return box.get("/api/v1/openapi.json").json()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, Operation]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def check(document: dict[str, Any], schema: dict[str, Any], value: object) -> None:
    whole = {"components": document["components"], **schema}
    jsonschema.Draft202012Validator(whole).validate(value)


def example_of(document: dict[str, Any], content: dict[str, Any]) -> object:
    """Beside the schema, or in it."""
    name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
    own = document["components"]["schemas"].get(name, {}).get("examples", [None])
    return content.get("example", own[0])


def test_every_route_is_named_with_who_may_call_it(document: dict[str, Any]) -> None:
    named = {name: operation["x-role"] for name, operation in operations(document)}
    expected = {f"{a.method} {a.path}": a.need for a in ROUTES if a.path not in UNNAMED}
    assert named == expected
    for name, operation in operations(document):
        assert operation["summary"], name
        assert operation["tags"], name
        assert bool(operation["security"]) == (operation["x-role"] != "nobody"), name
    used = {scheme for _, o in operations(document) for need in o["security"] for scheme in need}
    assert used == document["components"]["securitySchemes"].keys()


def test_every_route_has_examples_that_fit_its_schemas(document: dict[str, Any]) -> None:
    missing = []
    for name, operation in operations(document):
        for kind, content in operation.get("requestBody", {}).get("content", {}).items():
            if "example" not in content:
                missing.append(f"{name}: body")
            elif kind == "application/json":
                check(document, content["schema"], content["example"])
            else:
                known = document["components"]["schemas"][content["schema"]["$ref"][21:]]
                assert content["example"].keys() <= known["properties"].keys(), name
        for parameter in operation.get("parameters", []):
            if parameter["required"] and "example" not in parameter:
                missing.append(f"{name}: {parameter['name']}")
            elif "example" in parameter:
                check(document, parameter["schema"], parameter["example"])
        good = {code: reply for code, reply in operation["responses"].items() if code[0] == "2"}
        assert good, name
        for reply in good.values():
            for kind, content in reply.get("content", {}).items():
                example = example_of(document, content)
                if kind != "image/jpeg" and example is None:
                    missing.append(f"{name}: reply of {kind}")
                elif kind == "application/json":
                    check(document, content["schema"], example)
    assert not missing


def test_forms_and_bodies_say_that_nothing_else_is_known(document: dict[str, Any]) -> None:
    closed = set()
    for name, operation in operations(document):
        for content in operation.get("requestBody", {}).get("content", {}).values():
            schema = content["schema"]
            shape = schema.get("anyOf", [schema])[0]["$ref"].rpartition("/")[2]
            if document["components"]["schemas"][shape].get("additionalProperties") is False:
                closed.add(name)
    assert closed == {f"{a.method} {a.path}" for a in ROUTES if a.bodies and a.path[:4] == "/api"}


def test_no_example_is_left_over(document: dict[str, Any]) -> None:
    examples = json.loads(EXAMPLES.read_text())
    assert examples.keys() <= {name for name, _ in operations(document)}


def test_replies_are_as_the_document_says(document: dict[str, Any], box: Running) -> None:
    """What is really sent, against the schemas: nothing more and nothing less than is told."""
    sent = {
        "POST /api/v1/chat": box.post(
            "/api/v1/chat", files={"image": PNG}, data={"query": "x", "kind": "yes_no"}
        ),
        "POST /api/v1/sessions": box.post("/api/v1/sessions", files={"image": PNG}),
        "POST /api/v1/sessions/{session}/ask": box.post(
            "/api/v1/sessions/s/ask", json={"queries": ["a", {"query": "b", "kind": "count"}]}
        ),
        "POST /api/v1/rules/{rule}/test": box.post(
            "/api/v1/rules/person/test", files={"image": PNG}
        ),
        "GET /v1/models": box.get("/v1/models"),
    }
    for path in LISTED:
        sent[f"GET /api/v1/{path}"] = box.get(f"/api/v1/{path}")
    told = dict(operations(document))
    for name, reply in sent.items():
        assert reply.ok, (name, reply.text)
        responses = told[name]["responses"]
        content = responses[str(reply.status_code)]["content"]["application/json"]
        check(document, content["schema"], reply.json())


def test_refusals_are_as_the_document_says(document: dict[str, Any], box: Running) -> None:
    told = dict(operations(document))
    for name, reply in {
        "POST /api/v1/chat": box.post("/api/v1/chat", files={"image": PNG}),
        "GET /api/v1/findings/{finding_id}": box.get("/api/v1/findings/x"),
        "GET /api/v1/cameras/{camera}/keyframe": box.get("/api/v1/cameras/x/keyframe"),
    }.items():
        content = told[name]["responses"][str(reply.status_code)]["content"]["application/json"]
        check(document, content["schema"], reply.json())
