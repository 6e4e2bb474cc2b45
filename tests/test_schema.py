"""Users' schemas: what is accepted, with which bounds, and what each refusal says."""

from __future__ import annotations

import jsonschema
import pytest

from edge.errors import QuestionError
from edge.grammar import compile_schema
from edge.schema_check import MAX_FAULTS, bound_schema, examine_schema
from edge.vlm.conformity import faults, reaches_bound


def whole(part):
    return {"type": "object", "properties": {"a": part}}


def nested(depth):
    schema = {"type": "boolean"}
    for _ in range(depth):
        schema = {"type": "array", "items": schema}
    return whole(schema)


@pytest.mark.parametrize(
    ("part", "bounds"),
    [
        ({"type": "string"}, {"minLength": 0, "maxLength": 100}),
        ({"type": "string", "minLength": 300}, {"minLength": 300, "maxLength": 300}),
        ({"type": "integer"}, {"minimum": -1_000_000_000, "maximum": 1_000_000_000}),
        ({"type": "number", "minimum": 0.5}, {"minimum": 0.5, "maximum": 1_000_000_000}),
        ({"type": "array", "items": {"type": "boolean"}}, {"minItems": 0, "maxItems": 8}),
        ({"type": ["null", "string"]}, {"type": ["string", "null"]}),
        ({"const": 3}, {"enum": [3]}),
        ({"type": "object", "properties": {"b": {"type": "boolean"}}}, {"required": ["b"]}),
    ],
    ids=["string", "long", "integer", "number", "array", "nullable", "const", "object"],
)
def test_everything_gets_a_bound(part, bounds):
    bounded = compile_schema(whole(part)).bounded["properties"]["a"]
    assert bounds.items() <= bounded.items()


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ([], "schema: must be a mapping, not list"),
        ({}, r"schema\.type: must be one of object, array"),
        ({"type": "string"}, "outermost"),
        ({"type": "object"}, r"schema\.properties: must name"),
        ({"type": "object", "properties": {}}, r"schema\.properties: must name"),
        (whole(True), r"schema\.properties\.a: must be a mapping, not bool"),
        (whole({"type": "date"}), r"schema\.properties\.a\.type: .* not 'date'"),
        (whole({"anyOf": []}), r"properties\.a\.type"),
        (whole({"type": "string", "format": "uuid"}), "'format' is not supported for type string"),
        (whole({"type": "string", "maxLength": -1}), r"a\.maxLength: must be a whole number"),
        (whole({"type": "string", "maxLength": True}), r"a\.maxLength"),
        (whole({"type": "string", "maxLength": 10**6}), r"0\.\.2000, not 1000000"),
        (whole({"type": "string", "minLength": 5, "maxLength": 4}), "minLength 5 is above"),
        (whole({"type": "string", "pattern": "["}), r"properties\.a: .*unclosed"),
        (whole({"type": "string", "pattern": "(?=a)b"}), r"properties\.a: .*look-around"),
        (whole({"type": "string", "pattern": "^a{9}$", "maxLength": 8}), r"a: no document can"),
        (whole({"type": "string", "pattern": "^\\x1b$"}), r"a: no document can"),
        (whole({"type": "string", "pattern": "a" * 999}), r"a\.pattern: .*at most 200"),
        (whole({"type": "string", "pattern": "\ud800"}), r"a\.pattern: .*printable"),
        (whole({"type": "string", "pattern": "(.*a){20}.*b"}), r"a: no document .* is empty$"),
        (whole({"type": "array"}), r"a\.items: must say"),
        (whole({"type": "array", "items": {"type": "x"}}), r"a\.items\.type"),
        (whole({"type": "array", "items": {"type": "boolean"}, "minItems": 65}), r"0\.\.64"),
        (whole({"type": "integer", "minimum": 2, "maximum": 1}), "minimum 2 is above maximum 1"),
        (whole({"type": "integer", "minimum": 0.5}), r"a\.minimum: .*not 0\.5"),
        (whole({"type": "number", "maximum": float("nan")}), r"a\.maximum"),
        (whole({"type": "number", "maximum": float("inf")}), r"a\.maximum"),
        (whole({"type": "number", "minimum": 0.0004, "maximum": 0.0006}), r"a: no document can"),
        (whole({"enum": []}), "0 choices"),
        (whole({"enum": "car"}), r"a\.enum: must be a list"),
        (whole({"enum": [1.5]}), r"a\.enum: 1\.5 is not"),
        (whole({"enum": ["\x1b"]}), r"a\.enum: .*printable"),
        (whole({"enum": [10**400]}), r"a\.enum: .*not kept exactly"),
        (whole({"enum": ["\ud800"]}), r"a\.enum: .*printable"),
        (whole({"type": "integer", "enum": [1, "x"]}), "'x' is not of type integer"),
        (whole({"enum": [1], "maxLength": 3}), "'maxLength' is not supported beside"),
        (whole({"type": "boolean", "description": 3}), r"a\.description"),
        (whole({"type": "boolean", "description": "\ud800"}), r"a\.description: .*printable"),
        ({"type": "object", "properties": {"": {"type": "boolean"}}}, "is not a name"),
        ({"type": "object", "properties": {1: {"type": "boolean"}}}, "1 is not a name"),
        ({"type": "object", "properties": {"x" * 81: {"type": "boolean"}}}, "at most 80"),
        (whole({"type": "boolean"}) | {"required": ["b"]}, r"required: 'b' is not among"),
        (whole({"type": "boolean"}) | {"required": [["b"]]}, r"required: \['b'\] is not among"),
        (whole({"type": "boolean"}) | {"additionalProperties": True}, "only false"),
        (nested(6), "deeper than 5"),
        (
            {"type": "object", "properties": {f"k{n}": {"type": "boolean"} for n in range(65)}},
            "65 keys; at most 64",
        ),
    ],
    ids=lambda value: str(value)[:50],
)
def test_refusals_say_what_and_where(schema, message):
    with pytest.raises(QuestionError, match=message):
        compile_schema(schema)


SCHEMA = whole(
    {
        "type": "array",
        "maxItems": 2,
        "items": {
            "type": "object",
            "properties": {
                "s": {"type": ["string", "null"], "minLength": 1, "maxLength": 3},
                "n": {"type": "number", "minimum": 0, "maximum": 1},
                "i": {"type": "integer", "minimum": 1, "maximum": 5},
                "b": {"type": "boolean"},
                "e": {"enum": [1, "x", None]},
            },
        },
    }
)
GOOD = {"s": "abc", "n": 0.5, "i": 5, "b": True, "e": "x"}


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"s": None},
        {"s": ""},
        {"s": "abcd"},
        {"s": 3},
        {"n": 1},
        {"n": 1.5},
        {"n": None},
        {"n": True},
        {"i": 0},
        {"i": 2.5},
        {"b": 0},
        {"e": 1},
        {"e": True},
        {"e": None},
        {"e": "y"},
        {"more": 1},
    ],
    ids=str,
)
def test_faults_are_those_that_jsonschema_finds(change):
    bounded = bound_schema(SCHEMA)
    document = {"a": [GOOD, GOOD | change]}
    valid = jsonschema.Draft202012Validator(bounded).is_valid(document)
    found = list(faults(document, bounded))
    assert (not found) == valid
    assert all("document.a.1" in fault for fault in found)


@pytest.mark.parametrize(
    "document", [[], {}, {"b": 1}, {"a": None}, {"a": [GOOD] * 3}, {"a": [{}]}], ids=str
)
def test_faults_of_shape(document):
    bounded = bound_schema(SCHEMA)
    assert not jsonschema.Draft202012Validator(bounded).is_valid(document)
    assert list(faults(document, bounded))


def test_every_fault_is_told_with_its_place_and_a_remedy():
    part = {
        "type": "object",
        "properties": {
            "x": {"type": "date"},
            "y": {"type": "string", "format": "uuid", "maxLength": 5000},
            "z": {"type": "array", "minItems": 3, "maxItems": 2, "items": {"type": "boolean"}},
        },
    }
    told = examine_schema(whole(part))[1]
    inside = ("properties", "a", "properties")
    assert [fault.at for fault in told] == [
        (*inside, "x", "type"),
        (*inside, "y", "format"),
        (*inside, "y", "maxLength"),
        (*inside, "z"),
    ]
    assert all(fault.remedy.endswith(".") for fault in told)


def test_no_more_faults_are_told_than_are_of_use():
    many = {f"k{n}": {"type": "date"} for n in range(1000)}
    assert len(examine_schema({"type": "object", "properties": many})[1]) == MAX_FAULTS


LONG = {"type": "string", "maxLength": 2000}


@pytest.mark.parametrize(
    ("part", "says"),
    [
        ({"type": "array", "maxItems": 64, "items": LONG}, "128267 characters in the longest"),
        (
            {
                "type": "object",
                "properties": {
                    f"k{n}": {"type": "boolean", "description": "x" * 300} for n in range(12)
                },
            },
            "characters when told to the model; at most 3000",
        ),
    ],
    ids=["document", "prompt"],
)
def test_too_large_is_refused(part, says):
    with pytest.raises(QuestionError, match=says):
        bound_schema(whole(part))


@pytest.mark.parametrize("schema", [SCHEMA, whole({"enum": ["a", None]})], ids=["all", "choices"])
def test_a_bounded_schema_stays_as_it_is(schema):
    bounded = bound_schema(schema)
    assert bound_schema(bounded) == bounded


@pytest.mark.parametrize(
    ("items", "reached"),
    [
        ([], False),
        ([GOOD | {"s": "ab"}], False),
        ([GOOD], True),
        ([GOOD | {"s": None}], False),
        ([GOOD | {"s": "a"}] * 2, True),
    ],
    ids=["empty", "short", "long text", "null", "long list"],
)
def test_reaching_a_bound(items, reached):
    assert reaches_bound({"a": items}, bound_schema(SCHEMA)) is reached
