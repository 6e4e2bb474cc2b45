"""What a JSON Schema may say here: checked, and with a bound on everything that has a length.

A subset of JSON Schema 2020-12: objects whose keys are all written, in their order; strings, whole
and decimal numbers, booleans, arrays and fixed choices; each may be nullable. Knows no grammar and
no model: `grammar` turns a bounded schema into one, `conformity` checks documents against it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from edge.errors import QuestionError

DEFAULT_STRING_CHARS = 100
MAX_STRING_CHARS = 2000
DEFAULT_ITEMS = 8
MAX_ITEMS = 64
DEFAULT_NUMBER = 1_000_000_000  # numbers without bounds stay within plus and minus this
MAX_KEYS = 64  # in the whole schema
MAX_KEY_CHARS = 80
MAX_CHOICES = 64
MAX_HINT_CHARS = 300
MAX_PATTERN_CHARS = 200
MAX_DEPTH = 5
DECIMALS = 3

Schema = Mapping[str, Any]
Bounded = dict[str, Any]

_ANNOTATIONS = frozenset({"title", "description"})
_ALLOWED = {
    "object": frozenset({"properties", "required", "additionalProperties"}),
    "array": frozenset({"items", "minItems", "maxItems"}),
    "string": frozenset({"minLength", "maxLength", "pattern"}),
    "integer": frozenset({"minimum", "maximum"}),
    "number": frozenset({"minimum", "maximum"}),
    "boolean": frozenset[str](),
}


def bound_schema(schema: Schema) -> Bounded:
    """The schema with every bound written out: string and array lengths, ranges of numbers.

    All of an object's properties become required. Raises QuestionError naming the place and the
    fault for a schema that is no object at its root, uses another keyword than those supported, or
    cannot be fulfilled as far as bounds show it.
    """
    if not isinstance(schema, Mapping):
        raise QuestionError(f"schema: must be a mapping, not {type(schema).__name__}")
    plain = {key: value for key, value in schema.items() if key != "$schema"}
    bounded = _bound(plain, "schema", 0)
    if bounded.get("type") != "object":
        raise QuestionError('schema: the outermost "type" must be "object"')
    num = _num_keys(bounded)
    if num > MAX_KEYS:
        raise QuestionError(f"schema: {num} keys; at most {MAX_KEYS} are allowed")
    return bounded


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


def _bound(schema: object, at: str, depth: int) -> Bounded:
    if not isinstance(schema, Mapping):
        raise QuestionError(f"{at}: must be a mapping, not {type(schema).__name__}")
    if depth > MAX_DEPTH:
        raise QuestionError(f"{at}: nested deeper than {MAX_DEPTH} levels")
    hint = schema.get("description", "")
    if not isinstance(hint, str) or len(hint) > MAX_HINT_CHARS:
        raise QuestionError(f"{at}.description: must be text of at most {MAX_HINT_CHARS} letters")
    kept: Bounded = {"description": " ".join(hint.split())} if hint.strip() else {}
    if "enum" in schema or "const" in schema:
        return {"enum": _choices(schema, at)} | kept
    kind, nullable = _kind(schema, at)
    unknown = sorted(str(key) for key in schema.keys() - _ALLOWED[kind] - _ANNOTATIONS - {"type"})
    if unknown:
        allowed = ", ".join(sorted(_ALLOWED[kind] | {"description", "enum"}))
        raise QuestionError(
            f"{at}: {unknown[0]!r} is not supported for type {kind}; allowed are {allowed}"
        )
    bounded: Bounded = {"type": [kind, "null"] if nullable else kind} | kept
    if kind == "object":
        return bounded | _object(schema, at, depth)
    if kind == "array":
        return bounded | _array(schema, at, depth)
    if kind == "string":
        return bounded | _string(schema, at)
    if kind in ("integer", "number"):
        return bounded | _range(schema, at, kind)
    return bounded


def _kind(schema: Schema, at: str) -> tuple[str, bool]:
    given = schema.get("type")
    kinds = list(given) if isinstance(given, Sequence) and not isinstance(given, str) else [given]
    nullable = len(kinds) == 2 and "null" in kinds
    if nullable:
        kinds.remove("null")
    kind = kinds[0] if len(kinds) == 1 else None
    if not isinstance(kind, str) or kind not in _ALLOWED:
        raise QuestionError(
            f'{at}.type: must be one of {", ".join(_ALLOWED)}, or one of them and "null"; '
            f"not {given!r}"
        )
    return kind, nullable


def _choices(schema: Schema, at: str) -> list[object]:
    unknown = sorted(str(k) for k in schema.keys() - _ANNOTATIONS - {"type", "enum", "const"})
    if unknown:
        raise QuestionError(f"{at}: {unknown[0]!r} is not supported beside fixed choices")
    choices = [schema["const"]] if "const" in schema else schema["enum"]
    if not isinstance(choices, Sequence) or isinstance(choices, str):
        raise QuestionError(f"{at}.enum: must be a list, not {type(choices).__name__}")
    if not 1 <= len(choices) <= MAX_CHOICES:
        raise QuestionError(f"{at}.enum: {len(choices)} choices; 1 to {MAX_CHOICES} are allowed")
    for choice in choices:
        if choice is not None and not isinstance(choice, str | bool | int):
            raise QuestionError(
                f"{at}.enum: {choice!r} is not text, a whole number, a boolean or null"
            )
        if isinstance(choice, str):
            _check_text(choice, DEFAULT_STRING_CHARS, f"{at}.enum")
    if "type" in schema:
        kind, nullable = _kind(schema, at)
        wrong = [c for c in choices if not (nullable and c is None) and not _is_kind(c, kind)]
        if wrong:
            raise QuestionError(f"{at}.enum: {wrong[0]!r} is not of type {kind}")
    return list(choices)


def _object(schema: Schema, at: str, depth: int) -> Bounded:
    properties = schema.get("properties")
    if not isinstance(properties, Mapping) or not properties:
        raise QuestionError(f"{at}.properties: must name at least one property")
    if schema.get("additionalProperties", False) is not False:
        raise QuestionError(f"{at}.additionalProperties: only false is supported")
    required = schema.get("required", [])
    if not isinstance(required, Sequence) or isinstance(required, str):
        raise QuestionError(f"{at}.required: must be a list of property names")
    missing = [name for name in required if name not in properties]
    if missing:
        raise QuestionError(f"{at}.required: {missing[0]!r} is not among the properties")
    parts: Bounded = {}
    for key, part in properties.items():
        if not isinstance(key, str) or not key:
            raise QuestionError(f"{at}.properties: {key!r} is not a name")
        _check_text(key, MAX_KEY_CHARS, f"{at}.properties")
        parts[key] = _bound(part, f"{at}.properties.{key}", depth + 1)
    return {"properties": parts, "required": list(parts), "additionalProperties": False}


def _array(schema: Schema, at: str, depth: int) -> Bounded:
    if "items" not in schema:
        raise QuestionError(f"{at}.items: must say what the list holds")
    least = _whole(schema, "minItems", at, 0, MAX_ITEMS)
    most = _whole(schema, "maxItems", at, max(DEFAULT_ITEMS, least), MAX_ITEMS)
    if least > most:
        raise QuestionError(f"{at}: minItems {least} is above maxItems {most}")
    items = _bound(schema["items"], f"{at}.items", depth + 1)
    return {"items": items, "minItems": least, "maxItems": most}


def _string(schema: Schema, at: str) -> Bounded:
    least = _whole(schema, "minLength", at, 0, MAX_STRING_CHARS)
    most = _whole(schema, "maxLength", at, max(DEFAULT_STRING_CHARS, least), MAX_STRING_CHARS)
    if least > most:
        raise QuestionError(f"{at}: minLength {least} is above maxLength {most}")
    bounds: Bounded = {"minLength": least, "maxLength": most}
    if "pattern" in schema:
        pattern = schema["pattern"]
        if not isinstance(pattern, str) or not 1 <= len(pattern) <= MAX_PATTERN_CHARS:
            raise QuestionError(
                f"{at}.pattern: must be a regular expression of at most {MAX_PATTERN_CHARS} letters"
            )
        bounds["pattern"] = pattern
    return bounds


def _range(schema: Schema, at: str, kind: str) -> Bounded:
    bounds = {}
    for key, default in (("minimum", -DEFAULT_NUMBER), ("maximum", DEFAULT_NUMBER)):
        bound = schema.get(key, default)
        wanted = int if kind == "integer" else (int, float)
        if isinstance(bound, bool) or not isinstance(bound, wanted):
            raise QuestionError(f"{at}.{key}: must be a number fit for type {kind}, not {bound!r}")
        if not -DEFAULT_NUMBER <= bound <= DEFAULT_NUMBER:
            raise QuestionError(
                f"{at}.{key}: {bound} is outside -{DEFAULT_NUMBER}..{DEFAULT_NUMBER}"
            )
        bounds[key] = bound
    if bounds["minimum"] > bounds["maximum"]:
        raise QuestionError(
            f"{at}: minimum {bounds['minimum']} is above maximum {bounds['maximum']}"
        )
    return bounds


def _whole(schema: Schema, key: str, at: str, default: int, highest: int) -> int:
    number = schema.get(key, default)
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= highest:
        raise QuestionError(f"{at}.{key}: must be a whole number 0..{highest}, not {number!r}")
    return number


def _check_text(text: str, max_chars: int, at: str) -> None:
    """Keys and choices come back as they are written here: no control characters, no halves."""
    if len(text) > max_chars or not text.isprintable():
        raise QuestionError(
            f"{at}: {text[:40]!r} must be printable text of at most {max_chars} letters"
        )


def _num_keys(schema: Bounded) -> int:
    parts = [*schema.get("properties", {}).values()]
    num = len(parts)
    if "items" in schema:
        parts.append(schema["items"])
    return num + sum(_num_keys(part) for part in parts)


def _is_kind(value: object, kind: str) -> bool:
    kinds: dict[str, type | tuple[type, ...]] = {
        "string": str,
        "integer": int,
        "number": (int, float),
        "boolean": bool,
    }
    if isinstance(value, bool) and kind != "boolean":
        return False
    return kind in kinds and isinstance(value, kinds[kind])
