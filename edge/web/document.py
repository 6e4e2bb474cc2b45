"""The OpenAPI document: what FastAPI knows of the routes, and who may call them, and examples.

The examples lie beside this file; a test holds them against the document's own schemas.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from edge.web.access import ROUTES
from edge.web.visitors import COOKIE

EXAMPLES = Path(__file__).with_name("examples.json")

_SCHEMES = {
    "token": {"type": "http", "scheme": "bearer", "description": "where the box has tokens"},
    "login": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": "from /login"},
}


def build_document(app: FastAPI) -> dict[str, Any]:
    """The document; made once for an application."""
    document = app.openapi()
    document["components"]["securitySchemes"] = _SCHEMES
    for access in ROUTES:
        operation = document["paths"].get(access.path, {}).get(access.method.lower())
        if operation is None:
            continue
        operation["security"] = [] if access.need == "nobody" else [{"token": []}, {"login": []}]
        operation["x-role"] = access.need
        _close_form(operation, document["components"]["schemas"])
        _add_examples(operation, _examples().get(f"{access.method} {access.path}", {}))
    return document


def _close_form(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Say of a form that it has no other fields, in place."""
    form = operation.get("requestBody", {}).get("content", {}).get("multipart/form-data", {})
    if "$ref" in form.get("schema", {}):
        schemas[form["schema"]["$ref"].rpartition("/")[2]]["additionalProperties"] = False


def _add_examples(operation: dict[str, Any], examples: dict[str, Any]) -> None:
    """`body`, `reply` (JSON), `text` (other replies) and values of `parameters`, in place."""
    if "body" in examples:
        for content in operation["requestBody"]["content"].values():
            content["example"] = examples["body"]
    for status, reply in operation["responses"].items():
        for kind, content in reply.get("content", {}).items():
            of_kind = "reply" if kind == "application/json" else "text"
            if status.startswith("2") and of_kind in examples:
                content["example"] = examples[of_kind]
    for parameter in operation.get("parameters", []):
        if parameter["name"] in examples.get("parameters", {}):
            parameter["example"] = examples["parameters"][parameter["name"]]


@lru_cache(maxsize=1)
def _examples() -> dict[str, Any]:
    examples: dict[str, Any] = json.loads(EXAMPLES.read_text(encoding="utf-8"))
    return examples
