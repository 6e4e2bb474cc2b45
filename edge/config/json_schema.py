"""The JSON Schemas that are published: the configuration's, for editors, and the documents'.

Generated from the types themselves; the files in `configs/schema/` are kept in step by a test.
Called by `edge schema`.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel

from edge.config.models import Config
from edge.config.quantities import (
    DURATION_PATTERN,
    SIZE_PATTERN,
    format_duration,
    format_size,
)
from edge.findings import AskReply, Finding, Info, RuleAttributes, Stats

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_CONFIG = "config"
_ANNOTATIONS = ("title", "description", "default")
_NARROWING = {"pattern", "enum", "const"}
DOCUMENTS: dict[str, type[BaseModel]] = {
    _CONFIG: Config,
    "finding": Finding,
    "stats": Stats,
    "info": Info,
    "rule": RuleAttributes,
    "reply": AskReply,
}


def build_schema(name: str) -> dict[str, Any]:
    """The JSON Schema of one document. KeyError for a name not in DOCUMENTS.

    The configuration's describes what may be written, the others what is published.
    """
    model = DOCUMENTS[name]
    if name != _CONFIG:
        return {"$schema": DIALECT, **model.model_json_schema(mode="serialization")}
    schema = model.model_json_schema(mode="validation")
    _complete_rule(schema["$defs"]["RuleConfig"])
    for block in (schema, *schema["$defs"].values()):
        for key, field in block["properties"].items():
            _write_default(field)
            block["properties"][key] = _with_variables(field)
    return {"$schema": DIALECT, **schema}


def format_schema(name: str) -> str:
    """The schema as the text of its file."""
    return json.dumps(build_schema(name), indent=2, ensure_ascii=False) + "\n"


def file_name(name: str) -> str:
    """The name of a document's schema file."""
    return f"{name}.schema.json"


def _complete_rule(rule: dict[str, Any]) -> None:
    """What the validators ask of a rule: exactly one question, and options with `choose`."""
    rule["oneOf"] = [{"required": [key]} for key in ("ask", "choose", "count", "rate", "read")]
    rule["dependentRequired"] = {"choose": ["options"], "options": ["choose"]}


def _write_default(field: dict[str, Any]) -> None:
    """Defaults of durations and sizes as they are written, not in seconds and bytes."""
    default = field.get("default")
    patterns = {option.get("pattern") for option in (field, *field.get("anyOf", ()))}
    if isinstance(default, float) and DURATION_PATTERN in patterns:
        field["default"] = format_duration(default)
    elif isinstance(default, int) and SIZE_PATTERN in patterns:
        field["default"] = format_size(default)


def _with_variables(field: dict[str, Any]) -> dict[str, Any]:
    """The field's schema, with `${VARIABLE}` possible where it asks for more than any text."""
    values = field.get("anyOf", [{k: v for k, v in field.items() if k not in _ANNOTATIONS}])
    takes_text = any("string" in _types(v) and not v.keys() & _NARROWING for v in values)
    is_block = any("$ref" in v or _types(v) & {"object", "array"} for v in values)
    if takes_text or is_block:
        return field
    notes = {key: field[key] for key in _ANNOTATIONS if key in field}
    return notes | {"anyOf": [*values, {"type": "string", "pattern": r"\$\{"}]}


def _types(value: dict[str, Any]) -> set[str]:
    """The JSON types that a schema names."""
    named = value.get("type", [])
    return {named} if isinstance(named, str) else set(named)
