"""Requests made up from the OpenAPI document, fitting it and not: no server error, no end."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode

from edge.config.template import all_templates
from edge.web.settings import WebSettings
from tests.web.conftest import Running, Serve

EXAMPLES = 6  # for each route and each kind of request
ENDLESS = {"/api/v1/events"}

bounded = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def open_box(serve: Serve) -> Running:
    return serve(WebSettings(templates=all_templates({}), max_body_bytes=2_000_000))


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_no_request_is_a_fault_of_the_server(open_box: Running, mode: GenerationMode) -> None:
    document = open_box.get("/api/v1/openapi.json").json()
    schema = schemathesis.openapi.from_dict(document)
    seen: dict[str, set[int]] = {}
    for result in schema.get_all_operations():
        operation = result.ok()
        has_input = bool(operation.definition.raw.keys() & {"parameters", "requestBody"})
        if operation.path in ENDLESS or (mode is GenerationMode.NEGATIVE and not has_input):
            continue

        @bounded
        @given(case=operation.as_strategy(generation_mode=mode))
        def send(case: Any) -> None:
            reply = case.call(base_url=open_box.url, timeout=20)
            seen.setdefault(case.operation.label, set()).add(reply.status_code)
            assert reply.status_code < 500, reply.text

        send()
    assert open_box.get("/health").status_code == 200
    if mode is GenerationMode.POSITIVE:
        assert len(seen) > 20
        good = {label for label, codes in seen.items() if codes & {200, 201, 204}}
        assert "GET /api/v1/findings" in good
        assert len(good) > 10
    else:
        refused = {label for label, codes in seen.items() if codes & {400, 404, 405, 415, 422}}
        assert {"GET /api/v1/findings", "POST /api/v1/chat", "POST /api/v1/login"} <= refused
