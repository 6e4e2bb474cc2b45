"""Schema: what a description of the user's own shape must look like, with a bound on everything.

A subset of JSON Schema 2020-12: objects whose keys are all written, in their order; strings, whole
and decimal numbers, booleans, arrays and fixed choices; each may be nullable. Pure; `schema_check`
makes one of what a user wrote, `grammar` turns it into a grammar.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DEFAULT_NUMBER = 1_000_000_000  # numbers without bounds stay within plus and minus this
DECIMALS = 3

Schema = Mapping[str, Any]  # as the user wrote it
Bounded = dict[str, Any]  # the same, checked, with every bound written out
SchemaPath = tuple[str, ...]  # keys below the schema's root


@dataclass(frozen=True, slots=True)
class SchemaFault:
    """Why a schema cannot be used: where, what is wrong (no full stop), what to write instead."""

    at: SchemaPath
    message: str
    remedy: str

    def __str__(self) -> str:
        return f"{'.'.join(('schema', *self.at))}: {self.message}"


def outline(schema: Bounded) -> str:
    """The schema as the model is told it: JSON with a word about each value in its place."""
    if "enum" in schema:
        said = " | ".join(json.dumps(choice, ensure_ascii=False) for choice in schema["enum"])
        return _hinted(f"<{said}", schema)
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    kind = kinds[0]
    if kind == "object":
        pairs = (
            f"{json.dumps(key, ensure_ascii=False)}: {outline(part)}"
            for key, part in schema["properties"].items()
        )
        return "{" + ", ".join(pairs) + "}"
    if kind == "array":
        return f"[{outline(schema['items'])}, ...]"
    said = {"string": "text", "boolean": "true or false"}.get(kind, "")
    said = said or f"{kind} {schema['minimum']} to {schema['maximum']}"
    return _hinted(f"<{said}" + (" or null" if len(kinds) == 2 else ""), schema)


def _hinted(said: str, schema: Bounded) -> str:
    return f"{said}: {schema['description']}>" if "description" in schema else f"{said}>"


def num_keys(schema: Bounded) -> int:
    """Keys in the whole of it."""
    parts = [*schema.get("properties", {}).values()]
    num = len(parts)
    if "items" in schema:
        parts.append(schema["items"])
    return num + sum(num_keys(part) for part in parts)


def max_chars(schema: Bounded) -> int:
    """Length of the longest document, escapes not counted."""
    if "enum" in schema:
        return max(len(json.dumps(choice, ensure_ascii=False)) for choice in schema["enum"])
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    match kinds[0]:
        case "object":
            return 2 + sum(
                len(key) + 6 + max_chars(part) for key, part in schema["properties"].items()
            )
        case "array":
            return 2 + int(schema["maxItems"]) * (max_chars(schema["items"]) + 2)
        case "string":
            return 2 + int(schema["maxLength"])
    return len(str(-DEFAULT_NUMBER)) + 1 + DECIMALS
