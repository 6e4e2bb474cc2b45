"""A bounded schema as a grammar: whether any document can fulfil it, and what it must look like.

Shares llguidance (MIT, no dependencies, 8 MB) with `vlm.guide`, which writes by these grammars; its
errors end here. Knows no model and no vocabulary, so that the configuration can tell an impossible
schema before anything runs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import llguidance

from edge.errors import QuestionError
from edge.schema import DECIMALS, Bounded, Schema, SchemaFault, SchemaPath, outline
from edge.schema_check import bound_schema

# The one way a document is laid out, so that all but the values is forced; this is how Qwen writes
# JSON on one line. Escapes are those of quotes and backslashes: no \u, so no half surrogate pairs.
_LAYOUT: Any = {
    "whitespace_flexible": False,
    "item_separator": ", ",
    "key_separator": ": ",
    "json_allowed_escapes": '"\\',
}
# What no string may hold: controls, what turns the direction of writing or hides text, private and
# replacement characters. Few ranges: all of \p{C} makes masks dearer by a millisecond.
_PRINTABLE = (
    r"^[^\x00-\x1f\x7f-\x9f\xad\x{061c}\x{180e}\x{200b}-\x{200f}\x{2028}-\x{202e}"
    r"\x{2060}-\x{206f}\x{e000}-\x{f8ff}\x{feff}\x{fff9}-\x{ffff}\x{e0000}-\x{10ffff}]*$"
)

GO_ON = "more"  # the key with which a document of some keys may go on; its value is null


@dataclass(frozen=True, slots=True)
class Grammar:
    """A schema ready to write with: `bounded` has every bound, `outline` tells the model what is
    asked for.
    """

    bounded: Bounded
    outline: str
    source: str = field(repr=False)  # as the library reads it


def compile_schema(schema: Schema) -> Grammar:
    """The grammar of the documents that fulfil a schema; see `schema_check` for what it may say.

    Takes milliseconds. Raises QuestionError, naming the place, for an unsupported or impossible
    schema.
    """
    bounded = bound_schema(schema)
    fault = find_impossible(bounded)
    if fault is not None:
        raise QuestionError(str(fault))
    return Grammar(bounded, outline(bounded), _source(bounded))


def compile_some(schema: Schema, keys: Sequence[str]) -> Grammar:
    """The grammar of documents that hold some of a schema's keys, in the order of `keys`.

    A model that was asked for all of them would not end behind the last: it may go on there, which
    is a null called GO_ON. Where it must end, it would rather write on in its last text, as the
    comma behind a text is one token with the quote.
    """
    bounded = bound_schema({**schema, "properties": {k: schema["properties"][k] for k in keys}})
    wanted = _for_library(bounded)
    parts = {**bounded["properties"], GO_ON: {"enum": [None]}}
    going_on = {**wanted, "properties": {k: _for_library(part) for k, part in parts.items()}}
    return Grammar(bounded, outline(bounded), _compile(going_on))


def find_impossible(bounded: Bounded) -> SchemaFault | None:
    """Why no document can fulfil a bounded schema, at the innermost place that shows it; or None.

    Also a `pattern` that cannot be read, or is one that the library does not know.
    """
    said = llguidance.LLMatcher.validate_grammar(_source(bounded))
    return _place_fault(bounded, said, ()) if said else None


def _source(schema: Bounded) -> str:
    return _compile(_for_library(schema))


def _compile(wanted: Mapping[str, object]) -> str:
    return llguidance.LLMatcher.grammar_from_json_schema(json.dumps(wanted), overrides=_LAYOUT)


def _for_library(schema: Bounded) -> Mapping[str, object]:
    """The schema with what every string and number has to keep to besides."""
    if "enum" in schema:
        return {"enum": schema["enum"]}
    out = dict(schema)
    out.pop("description", None)
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if kinds[0] == "object":
        out["properties"] = {k: _for_library(part) for k, part in schema["properties"].items()}
    elif kinds[0] == "array":
        out["items"] = _for_library(schema["items"])
    elif kinds[0] == "number":
        out["multipleOf"] = 10**-DECIMALS
    elif kinds[0] == "string":
        own = [{"pattern": out.pop("pattern")}] if "pattern" in out else []
        out["allOf"] = [*own, {"pattern": _PRINTABLE}]
    return out


def _place_fault(schema: Bounded, said: str, at: SchemaPath) -> SchemaFault:
    parts = {(*at, "properties", k): part for k, part in schema.get("properties", {}).items()}
    if "items" in schema:
        parts[*at, "items"] = schema["items"]
    for place, part in parts.items():
        inner = llguidance.LLMatcher.validate_grammar(_source(part))
        if inner:
            return _place_fault(part, inner, place)
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    why = lines[-1] if "pattern" in schema and len(lines) > 1 else lines[0]
    why = why.partition("  (")[0]  # behind it the library prints its own form of the pattern
    remedy = (
        "Change the pattern, which must fit the lengths; look-around is not supported."
        if "pattern" in schema
        else "Widen its bounds."
    )
    return SchemaFault(at, f"no document can fulfil this: {why[:200].rstrip('.: ')}", remedy)
