"""`describe_as`: the user's own schema of a description, written in the file or in one beside it.

Takes the short form (`people: integer`, `queue: [short, long]`) and JSON Schema, and gives JSON
Schema with every bound written out. What can be asked for is `edge.schema_check`'s business.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ValidationInfo, WithJsonSchema

from edge.config.block import resolve_path
from edge.config.faults import Fault, nearest, refuse, show
from edge.config.yaml_text import parse_yaml, read_text
from edge.errors import ConfigError, Problem
from edge.schema import SchemaFault
from edge.schema_check import examine_schema

BUILT_IN = "built-in"  # in place of a schema: the shape that findings have without one
EXAMPLE = "{people: integer, queue: [short, long], shelf_empty: boolean}"

_TYPE_OF_WORD = {
    "bool": "boolean",
    "boolean": "boolean",
    "int": "integer",
    "integer": "integer",
    "number": "number",
    "string": "string",
    "text": "string",
}
_WORDS = "integer, number, boolean, text"


def read_schema_file(file: Path) -> dict[str, Any]:
    """The bounded schema in a YAML or JSON file. Raises ConfigError with every fault in it."""
    tree = parse_yaml(read_text(file), str(file), example=f"Write, for example, {EXAMPLE}.")
    bounded, found = examine_written(tree.root.plain())
    faults = [*tree.faults, *found]
    if faults:
        problems = [
            Problem(".".join(map(str, f.at)), f.message, f.remedy, tree.find_line(f.at))
            for f in faults
        ]
        raise ConfigError(str(file), problems)
    return bounded


def examine_written(
    written: Any, *, with_grammar: bool = True
) -> tuple[dict[str, Any], list[Fault]]:
    """The bounded schema for what was written, and every fault, with paths as they were written.

    `with_grammar` also finds what no document can fulfil, such as a bad pattern.
    """
    if not isinstance(written, Mapping) or not written:
        fault = Fault(f"{show(written)} is not a schema.", f"Write, for example, {EXAMPLE}.")
        return {}, [fault]
    is_short = not (written.keys() & {"properties", "$schema"} or written.get("type") == "object")
    faults: list[Fault] = []
    schema = _from_short(written, faults) if is_short else written
    bounded, found = examine_schema(schema)
    if with_grammar:
        found += _impossible_keys(bounded, found)
    told = {fault.at for fault in faults}
    others = [_fault(fault, is_short=is_short) for fault in found]
    return bounded, faults + [fault for fault in others if fault.at not in told]


def _impossible_keys(bounded: dict[str, Any], found: Sequence[SchemaFault]) -> list[SchemaFault]:
    """What no document can fulfil, such as a bad pattern, beside what was `found` elsewhere."""
    from edge.grammar import find_impossible  # noqa: PLC0415 - 8 MB that few files need

    if not found:
        whole = find_impossible(bounded)
        if whole is None or whole.at[:1] != ("properties",):
            return [] if whole is None else [whole]
    if any(fault.at[:1] != ("properties",) or len(fault.at) < 2 for fault in found):
        return []  # the whole of it is wrong, or too large to be worth a look
    faulty = {fault.at[1] for fault in found}
    alone = [
        bounded | {"properties": {key: part}, "required": [key]}
        for key, part in bounded["properties"].items()
        if key not in faulty
    ]
    return [fault for schema in alone if (fault := find_impossible(schema)) is not None]


def _from_short(written: Mapping[str, Any], faults: list[Fault]) -> dict[str, Any]:
    parts = {key: _part(key, value, faults) for key, value in written.items()}
    return {"type": "object", "properties": parts}


def _part(key: str, value: Any, faults: list[Fault]) -> Any:
    """JSON Schema for one entry of the short form; a mapping is JSON Schema already."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, list):
        if len(value) < 2:
            faults.append(
                Fault(
                    f"{show(value)} is no choice.",
                    "Write two or more, as [short, long]; for a list of values write "
                    "{type: array, items: {type: string}}.",
                    (key,),
                )
            )
        return {"enum": value}
    if isinstance(value, str) and value in _TYPE_OF_WORD:
        return {"type": _TYPE_OF_WORD[value]}
    near = nearest(value, _TYPE_OF_WORD) if isinstance(value, str) else None
    faults.append(
        Fault(
            f"{show(value)} is not a type.",
            f"{f'Did you mean {near}? ' if near else ''}Write one of {_WORDS}, a list of choices, "
            "or JSON Schema such as {type: integer, minimum: 0, maximum: 20}.",
            (key,),
        )
    )
    return {"type": "boolean"}


def _fault(found: SchemaFault, *, is_short: bool) -> Fault:
    """The fault at the place where it was written, which the short form does not call the same."""
    at = found.at
    if is_short and at[:1] == ("properties",):
        at = at[1:2] if at[2:] == ("enum",) else at[1:]
    return Fault(f"{found.message}.", found.remedy, at)


def _describe_as(value: Any, info: ValidationInfo) -> Any:
    if value is None or value == BUILT_IN:
        return value
    if not isinstance(value, str):
        bounded, faults = examine_written(value)
        if faults:
            raise refuse(faults)
        return bounded
    if not value.strip() or "\0" in value:
        raise refuse(Fault(f"{show(value)} is not a path.", f"Write {EXAMPLE}, or a file's name."))
    file = resolve_path(value, info)
    try:
        return read_schema_file(file)
    except ConfigError as error:
        raise refuse([Fault(_in_file(file, p), p.remedy) for p in error.problems]) from None


def _in_file(file: Path, problem: Problem) -> str:
    if str(file) in problem.message:
        return problem.message
    line = f", line {problem.line}" if problem.line else ""
    place = f" {problem.path}:" if problem.path else ""
    return f"{file}{line}:{place} {problem.message}"


DescribeAs = Annotated[
    dict[str, Any] | Literal["built-in"] | None,
    BeforeValidator(_describe_as),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "object"}, {"type": "null"}]}),
]
