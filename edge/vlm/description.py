"""Descriptions: the words that ask for one, the built-in shape, and what a document of it says.

Pure; whoever has it written, this model or one elsewhere, asks and reads alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edge.details import one_line
from edge.questions import Description
from edge.schema import Schema
from edge.vlm.plain_text import clean_text

REQUEST = (
    "Describe the picture as JSON with these keys: "
    '"summary" (one short sentence), "objects" (what is visible), "texts" (words that can be '
    'read), "spatial_relations" (where things are relative to each other).'
)
# Where the grammar writes the keys they need no quotes: 23 of Qwen's tokens fewer to read.
BRIEF_REQUEST = (
    "Describe the picture as JSON: summary in one short sentence, visible objects, texts that can "
    "be read, spatial_relations between objects."
)
OWN_REQUEST = "Describe the picture as JSON of this form: "
MAX_SUMMARY_CHARS = 240
MAX_ITEMS = 8
MAX_ITEM_CHARS = 100

_LIST = {
    "type": "array",
    "items": {"type": "string", "maxLength": MAX_ITEM_CHARS},
    "maxItems": MAX_ITEMS,
}
SCHEMA: Schema = {
    "type": "object",
    "properties": {
        "summary": {"type": "string", "maxLength": MAX_SUMMARY_CHARS},
        "objects": _LIST,
        "texts": _LIST,
        "spatial_relations": _LIST,
    },
}
# Keys that are written side by side, each group as a document of its own: what is said in one does
# not rest on what is said in another. Relations are between the objects named.
GROUPS = (("summary",), ("objects", "spatial_relations"), ("texts",))


def built_in_description(value: Mapping[str, Any], *, truncated: bool) -> Description:
    """What a document of the built-in shape says."""
    return Description(
        summary=_one_line(value["summary"]),
        objects=_distinct(value["objects"]),
        texts=_distinct(value["texts"]),
        spatial_relations=_distinct(value["spatial_relations"]),
        truncated=truncated,
    )


def own_description(told: Mapping[str, Any], *, truncated: bool) -> Description:
    """The user's shape goes into `details`, as far as the model came; a key called summary is the
    summary as well, without one it is made of the values.
    """
    summary = told.get("summary")
    said = _one_line(summary)[:MAX_SUMMARY_CHARS] if isinstance(summary, str) else ""
    return Description(
        summary=said or one_line(told, MAX_SUMMARY_CHARS),
        objects=(),
        texts=(),
        spatial_relations=(),
        truncated=truncated,
        details=told,
    )


def _distinct(items: Sequence[str]) -> tuple[str, ...]:
    """Each text once, in order, without empty ones; case does not tell two apart."""
    texts: dict[str, str] = {}
    for text in map(_one_line, items):
        texts.setdefault(text.casefold(), text)
    return tuple(text for text in texts.values() if text)


def _one_line(text: str) -> str:
    return " ".join(clean_text(text).split())
