"""Whether a parsed document keeps to its bounded schema: the check behind the grammar's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from edge.schema import Bounded


def faults(value: object, schema: Bounded, at: str = "document") -> Iterator[str]:
    """Where a parsed document breaks its bounded schema; `pattern` is left to the grammar."""
    if "enum" in schema:
        if not any(_same(value, choice) for choice in schema["enum"]):
            yield f"{at}: {value!r} is none of the choices"
        return
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if value is None and "null" in kinds:
        return
    yield from _CHECKS[kinds[0]](value, schema, at)


def reaches_bound(value: object, schema: Bounded) -> bool:
    """Whether a free string or a list of the document is as long as it may be: likely cut there."""
    if value is None or "enum" in schema:
        return False
    if isinstance(value, dict):
        return any(reaches_bound(value[key], part) for key, part in schema["properties"].items())
    if isinstance(value, list):
        full = len(value) == schema["maxItems"] > schema.get("minItems", 0)
        return full or any(reaches_bound(item, schema["items"]) for item in value)
    if isinstance(value, str):
        return "pattern" not in schema and len(value) >= schema["maxLength"]
    return False


def _same(a: object, b: object) -> bool:
    return a == b and isinstance(a, bool) == isinstance(b, bool)


def _check_object(value: object, schema: Bounded, at: str) -> Iterator[str]:
    if not isinstance(value, dict) or value.keys() != schema["properties"].keys():
        yield f"{at}: is not an object with the keys {', '.join(schema['properties'])}"
        return
    for key, part in schema["properties"].items():
        yield from faults(value[key], part, f"{at}.{key}")


def _check_array(value: object, schema: Bounded, at: str) -> Iterator[str]:
    if not isinstance(value, list) or not schema["minItems"] <= len(value) <= schema["maxItems"]:
        yield f"{at}: is not a list of {schema['minItems']} to {schema['maxItems']} items"
        return
    for index, item in enumerate(value):
        yield from faults(item, schema["items"], f"{at}.{index}")


def _check_string(value: object, schema: Bounded, at: str) -> Iterator[str]:
    least, most = schema["minLength"], schema["maxLength"]
    if not isinstance(value, str) or not least <= len(value) <= most:
        yield f"{at}: is not text of {least} to {most} characters"


def _check_number(value: object, schema: Bounded, at: str) -> Iterator[str]:
    wanted = int if schema["type"] in ("integer", ["integer", "null"]) else (int, float)
    low, high = schema["minimum"], schema["maximum"]
    is_number = isinstance(value, wanted) and not isinstance(value, bool)
    if not (is_number and isinstance(value, int | float) and low <= value <= high):
        yield f"{at}: is not a number {low}..{high}"


def _check_boolean(value: object, schema: Bounded, at: str) -> Iterator[str]:  # noqa: ARG001
    if not isinstance(value, bool):
        yield f"{at}: is not true or false"


_CHECKS: dict[str, Callable[[object, Bounded, str], Iterator[str]]] = {
    "object": _check_object,
    "array": _check_array,
    "string": _check_string,
    "integer": _check_number,
    "number": _check_number,
    "boolean": _check_boolean,
}
