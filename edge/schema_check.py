"""What a user's JSON Schema may say: checked, and with a bound on everything that has a length.

Knows no grammar and no model. The configuration checks users' schemas with it, the model engine
checks them again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edge.errors import QuestionError
from edge.schema import (
    DEFAULT_NUMBER,
    Bounded,
    Schema,
    SchemaFault,
    SchemaPath,
    max_chars,
    num_keys,
    outline,
)

DEFAULT_STRING_CHARS = 100
MAX_STRING_CHARS = 2000
DEFAULT_ITEMS = 8
MAX_ITEMS = 64
MAX_KEYS = 64  # in the whole schema
MAX_KEY_CHARS = 80
MAX_CHOICES = 64
MAX_WHOLE_NUMBER = 2**53  # among choices: what every reader of JSON keeps exactly
MAX_HINT_CHARS = 300
MAX_PATTERN_CHARS = 200
MAX_DEPTH = 5
MAX_OUTLINE_CHARS = 3000  # about 800 tokens of prompt, of 4,096 with picture and document
MAX_DOCUMENT_CHARS = 20_000  # of the longest document possible; a box writes some 30 a second
MAX_FAULTS = 20  # told at once

_ANNOTATIONS = frozenset({"title", "description"})
_ALLOWED = {
    "object": frozenset({"properties", "required", "additionalProperties"}),
    "array": frozenset({"items", "minItems", "maxItems"}),
    "string": frozenset({"minLength", "maxLength", "pattern"}),
    "integer": frozenset({"minimum", "maximum"}),
    "number": frozenset({"minimum", "maximum"}),
    "boolean": frozenset[str](),
}


def examine_schema(schema: object) -> tuple[Bounded, list[SchemaFault]]:
    """The schema with every bound written out (string and array lengths, ranges of numbers), and
    what keeps it from being used; with faults the first means nothing.

    All of an object's properties become required. Faults are: no object at the root, another
    keyword than those supported, bounds that nothing can fulfil, and a schema too large to be told
    to the model or written by it.
    """
    reader = _Reader()
    plain = schema
    if isinstance(schema, Mapping):
        plain = {key: value for key, value in schema.items() if key != "$schema"}
    bounded = reader.read(plain, (), 0)
    if not reader.faults:
        reader.check_whole(bounded)
    return bounded, reader.faults[:MAX_FAULTS]


def bound_schema(schema: Schema) -> Bounded:
    """`examine_schema`, but raises QuestionError about the first fault, if there is one."""
    bounded, faults = examine_schema(schema)
    if faults:
        raise QuestionError(str(faults[0]))
    return bounded


class _Reader:
    """Reads a schema to its end and keeps the faults; what is faulty is left out of the result."""

    def __init__(self) -> None:
        self.faults: list[SchemaFault] = []

    def check_whole(self, bounded: Bounded) -> None:
        """What only shows once every part is read."""
        if bounded.get("type") != "object":
            self._fault(("type",), 'the outermost "type" must be "object"', "Write type: object.")
            return
        sizes = (
            (num_keys(bounded), MAX_KEYS, "keys"),
            (len(outline(bounded)), MAX_OUTLINE_CHARS, "characters when told to the model"),
            (max_chars(bounded), MAX_DOCUMENT_CHARS, "characters in the longest document"),
        )
        for number, most, what in sizes:
            if number > most:
                self._fault(
                    (),
                    f"{number} {what}; at most {most} are allowed",
                    "Ask for less, with lower maxItems and maxLength.",
                )

    def read(self, schema: object, at: SchemaPath, depth: int) -> Bounded:
        """One part of the schema."""
        if not isinstance(schema, Mapping):
            return self._fault(
                at, f"must be a mapping, not {type(schema).__name__}", "Write {type: string}."
            )
        if depth > MAX_DEPTH:
            return self._fault(at, f"nested deeper than {MAX_DEPTH} levels", "Make it flatter.")
        kept = self._hint(schema, at)
        if "enum" in schema or "const" in schema:
            return {"enum": self._choices(schema, at)} | kept
        kind, nullable = self._kind(schema, at)
        if not kind:
            return {}
        bounded: Bounded = {"type": [kind, "null"] if nullable else kind} | kept
        return bounded | self._typed(kind, schema, at, depth)

    def _hint(self, schema: Schema, at: SchemaPath) -> Bounded:
        """What the model is told beside the type, on one line."""
        hint = schema.get("description", "")
        hint = " ".join(hint.split()) if isinstance(hint, str) else None
        if hint is None or len(hint) > MAX_HINT_CHARS or not hint.isprintable():
            said = f"must be printable text of at most {MAX_HINT_CHARS} letters"
            return self._fault((*at, "description"), said, "Write it shorter, without controls.")
        return {"description": hint} if hint else {}

    def _typed(self, kind: str, schema: Schema, at: SchemaPath, depth: int) -> Bounded:
        """What a type has besides its name."""
        for key in sorted(str(key) for key in schema.keys() - _ANNOTATIONS - {"type"}):
            if key not in _ALLOWED[kind]:
                allowed = ", ".join(sorted(_ALLOWED[kind] | {"description", "enum"}))
                self._fault(
                    (*at, key),
                    f"{key!r} is not supported for type {kind}",
                    f"Remove it; allowed are {allowed}.",
                )
        match kind:
            case "object":
                return self._object(schema, at, depth)
            case "array":
                return self._array(schema, at, depth)
            case "string":
                return self._string(schema, at)
            case "integer" | "number":
                return self._range(schema, at, kind)
        return {}

    def _fault(self, at: SchemaPath, message: str, remedy: str) -> Bounded:
        self.faults.append(SchemaFault(at, message, remedy))
        return {}

    def _kind(self, schema: Schema, at: SchemaPath) -> tuple[str, bool]:
        """The type and whether null is another; "" with a fault."""
        given = schema.get("type")
        kinds = (
            list(given) if isinstance(given, Sequence) and not isinstance(given, str) else [given]
        )
        nullable = len(kinds) == 2 and "null" in kinds
        if nullable:
            kinds.remove("null")
        kind = kinds[0] if len(kinds) == 1 else None
        if isinstance(kind, str) and kind in _ALLOWED:
            return kind, nullable
        said = "is missing" if "type" not in schema else f"not {given!r}"
        self._fault(
            (*at, "type"),
            f'must be one of {", ".join(_ALLOWED)}, or one of them and "null"; {said}',
            "Write one type, or a list of choices as `enum`.",
        )
        return "", False

    def _choices(self, schema: Schema, at: SchemaPath) -> list[object]:
        for key in sorted(str(k) for k in schema.keys() - _ANNOTATIONS - {"type", "enum", "const"}):
            self._fault(
                (*at, key), f"{key!r} is not supported beside fixed choices", "Remove one of both."
            )
        choices = [schema["const"]] if "const" in schema else schema["enum"]
        at_choices = (*at, "const" if "const" in schema else "enum")
        if not isinstance(choices, Sequence) or isinstance(choices, str):
            self._fault(
                at_choices, f"must be a list, not {type(choices).__name__}", "Write [one, two]."
            )
            return []
        if not 1 <= len(choices) <= MAX_CHOICES:
            said = f"{len(choices)} choices; 1 to {MAX_CHOICES} are allowed"
            self._fault(at_choices, said, "List what is possible.")
            return []
        for choice in choices:
            if choice is not None and not isinstance(choice, str | bool | int):
                self._fault(
                    at_choices,
                    f"{choice!r} is not text, a whole number, a boolean or null",
                    "Put it in quotes.",
                )
            elif isinstance(choice, str):
                self._check_text(choice, DEFAULT_STRING_CHARS, at_choices)
            elif choice is not None and abs(choice) > MAX_WHOLE_NUMBER:
                said = f"a whole number beyond {MAX_WHOLE_NUMBER} is not kept exactly"
                self._fault(at_choices, said, "Put it in quotes.")
        kind, nullable = self._kind(schema, at) if "type" in schema else ("", False)
        wrong = [c for c in choices if not (nullable and c is None) and not _is_kind(c, kind)]
        if kind and wrong:
            self._fault(
                at_choices, f"{wrong[0]!r} is not of type {kind}", "Remove it, or the type."
            )
        return list(choices)

    def _object(self, schema: Schema, at: SchemaPath, depth: int) -> Bounded:
        properties = schema.get("properties")
        if not isinstance(properties, Mapping) or not properties:
            return self._fault(
                (*at, "properties"),
                "must name at least one property",
                "Write properties: {people: {type: integer}}.",
            )
        if schema.get("additionalProperties", False) is not False:
            at_more = (*at, "additionalProperties")
            self._fault(at_more, "only false is supported", "Remove it; no other keys are written.")
        required = schema.get("required", [])
        if not isinstance(required, Sequence) or isinstance(required, str):
            said = "must be a list of property names"
            self._fault((*at, "required"), said, "Remove it; every property is written.")
            required = []
        for name in required:
            if not isinstance(name, str) or name not in properties:
                said = f"{name!r} is not among the properties"
                self._fault((*at, "required"), said, "Remove it, or add the property.")
        parts: Bounded = {}
        for key, part in properties.items():
            if not isinstance(key, str) or not key:
                said = f"{key!r} is not a name"
                self._fault((*at, "properties"), said, "Name it by a text, in quotes.")
                continue
            self._check_text(key, MAX_KEY_CHARS, (*at, "properties"))
            parts[key] = self.read(part, (*at, "properties", key), depth + 1)
        return {"properties": parts, "required": list(parts), "additionalProperties": False}

    def _array(self, schema: Schema, at: SchemaPath, depth: int) -> Bounded:
        least = self._whole(schema, "minItems", at, 0, MAX_ITEMS)
        most = self._whole(schema, "maxItems", at, max(DEFAULT_ITEMS, least), MAX_ITEMS)
        if least > most:
            self._fault(at, f"minItems {least} is above maxItems {most}", "Exchange them.")
        if "items" not in schema:
            return self._fault(
                (*at, "items"), "must say what the list holds", "Write items: {type: string}."
            )
        items = self.read(schema["items"], (*at, "items"), depth + 1)
        return {"items": items, "minItems": least, "maxItems": most}

    def _string(self, schema: Schema, at: SchemaPath) -> Bounded:
        least = self._whole(schema, "minLength", at, 0, MAX_STRING_CHARS)
        most = self._whole(
            schema, "maxLength", at, max(DEFAULT_STRING_CHARS, least), MAX_STRING_CHARS
        )
        if least > most:
            self._fault(at, f"minLength {least} is above maxLength {most}", "Exchange them.")
        bounds: Bounded = {"minLength": least, "maxLength": most}
        if "pattern" in schema:
            pattern = schema["pattern"]
            is_text = isinstance(pattern, str) and pattern.isprintable()
            if is_text and 1 <= len(pattern) <= MAX_PATTERN_CHARS:
                return bounds | {"pattern": pattern}
            said = f"must be a regular expression of at most {MAX_PATTERN_CHARS} printable letters"
            self._fault((*at, "pattern"), said, "Shorten it; write a tab as \\t.")
        return bounds

    def _range(self, schema: Schema, at: SchemaPath, kind: str) -> Bounded:
        bounds: Bounded = {}
        for key, default in (("minimum", -DEFAULT_NUMBER), ("maximum", DEFAULT_NUMBER)):
            bound = schema.get(key, default)
            wanted = int if kind == "integer" else (int, float)
            if isinstance(bound, bool) or not isinstance(bound, wanted):
                said = f"must be a number fit for type {kind}, not {bound!r}"
                self._fault((*at, key), said, "Write a number.")
                bound = default
            elif not -DEFAULT_NUMBER <= bound <= DEFAULT_NUMBER:
                said = f"{bound} is outside -{DEFAULT_NUMBER}..{DEFAULT_NUMBER}"
                self._fault((*at, key), said, "Write a number within.")
                bound = default
            bounds[key] = bound
        if bounds["minimum"] > bounds["maximum"]:
            said = f"minimum {bounds['minimum']} is above maximum {bounds['maximum']}"
            self._fault(at, said, "Exchange them.")
        return bounds

    def _whole(self, schema: Schema, key: str, at: SchemaPath, default: int, highest: int) -> int:
        number = schema.get(key, default)
        if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= highest:
            said = f"must be a whole number 0..{highest}, not {number!r}"
            self._fault((*at, key), said, f"Write a number up to {highest}.")
            return default
        return number

    def _check_text(self, text: str, max_chars: int, at: SchemaPath) -> None:
        """Keys and choices come back as they are written here: no control characters, no halves."""
        if len(text) > max_chars or not text.isprintable():
            said = f"{text[:40]!r} must be printable text of at most {max_chars} letters"
            self._fault(at, said, "Write it shorter, on one line.")


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
