"""Descriptions of a picture as JSON: of the built-in shape, or of a schema of the user's.

The grammar gives the shape; the model is told what is asked for in words. Called by `look`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

from edge.details import one_line
from edge.grammar import Grammar, compile_schema
from edge.questions import Description
from edge.schema import Schema
from edge.vlm.decode import Pen, clean_text
from edge.vlm.document import Document, DocumentBounds, write_document
from edge.vlm.guide import Guides
from edge.vlm.tokens import Ids, TokenCoder

REQUEST = (
    "Describe the picture as JSON with these keys: "
    '"summary" (one short sentence), "objects" (what is visible), "texts" (words that can be '
    'read), "spatial_relations" (where things are relative to each other).'
)
OWN_REQUEST = "Describe the picture as JSON of this form: "
MAX_SUMMARY_CHARS = 240
MAX_ITEMS = 8
MAX_ITEM_CHARS = 100
MAX_TOKENS = 1024
MAX_GRAMMARS = 8  # of users' schemas, kept compiled

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


@dataclass(frozen=True, slots=True)
class DescriptionPlan:
    """A description to be asked for: `request` is the turn's wording, `opening` the tokens that the
    answer begins with. `own` where the schema is the user's.
    """

    grammar: Grammar
    request: str
    opening: Ids
    own: bool


class Describer:
    """Plans and writes descriptions. The grammar's view of the vocabulary is made at the first one
    (about a second) and kept.
    """

    def __init__(self, coder: TokenCoder, num_tokens: int, eos: frozenset[int]) -> None:
        """`num_tokens` is the width of the logits."""
        self._coder, self._num_tokens, self._eos = coder, num_tokens, eos

    @cached_property
    def _guides(self) -> Guides:
        return Guides(self._coder, self._num_tokens, self._eos)

    def plan(self, schema: Schema | None = None) -> DescriptionPlan:
        """How to ask for a description, by the built-in schema or the user's.

        Raises QuestionError, naming the place, for a schema that is not supported or impossible.
        """
        grammar = _built_in() if schema is None else _compiled(schema)
        request = REQUEST if schema is None else OWN_REQUEST + grammar.outline
        opening = tuple(self._guides.begin(grammar).ids)
        return DescriptionPlan(grammar, request, opening, own=schema is not None)

    def prepare(self) -> None:
        """What the first description would wait for: about a second, and 30 MB."""
        self.plan()

    def write(self, pen: Pen, plan: DescriptionPlan, bounds: DocumentBounds) -> Description:
        """Write the description on a branch whose last tokens are the plan's opening.

        What is unfinished at the deadline is cut. Raises AnalysisFailed.
        """
        return read_description(self.write_document(pen, plan, bounds), plan)

    def write_document(self, pen: Pen, plan: DescriptionPlan, bounds: DocumentBounds) -> Document:
        """The description as the JSON that was written; else as `write`."""
        bounds = replace(bounds, max_tokens=max(1, min(bounds.max_tokens, MAX_TOKENS)))
        return write_document(pen, self._guides, plan.grammar, self._eos, bounds)


def read_description(document: Document, plan: DescriptionPlan) -> Description:
    """The description that a document of the plan holds."""
    return _own(document) if plan.own else _description(document)


@lru_cache(maxsize=1)
def _built_in() -> Grammar:
    return compile_schema(SCHEMA)


def _compiled(schema: Schema) -> Grammar:
    try:
        # Not sorted: the order of keys is the order of writing.
        return _compiled_source(json.dumps(schema))
    except (TypeError, ValueError):
        return compile_schema(schema)  # says what it is that JSON does not know


@lru_cache(maxsize=MAX_GRAMMARS)
def _compiled_source(source: str) -> Grammar:
    return compile_schema(json.loads(source))


def _description(document: Document) -> Description:
    value = document.value
    return Description(
        summary=_one_line(value["summary"]),
        objects=_distinct(value["objects"]),
        texts=_distinct(value["texts"]),
        spatial_relations=_distinct(value["spatial_relations"]),
        truncated=document.truncated,
    )


def _own(document: Document) -> Description:
    """The user's shape goes into `details`, as far as the model came; a key called summary is the
    summary as well, without one it is made of the values.
    """
    summary = document.told.get("summary")
    said = _one_line(summary)[:MAX_SUMMARY_CHARS] if isinstance(summary, str) else ""
    return Description(
        summary=said or one_line(document.told, MAX_SUMMARY_CHARS),
        objects=(),
        texts=(),
        spatial_relations=(),
        truncated=document.truncated,
        details=document.told,
    )


def _distinct(items: Sequence[str]) -> tuple[str, ...]:
    """Each text once, in order, without empty ones; case does not tell two apart."""
    texts: dict[str, str] = {}
    for text in map(_one_line, items):
        texts.setdefault(text.casefold(), text)
    return tuple(text for text in texts.values() if text)


def _one_line(text: str) -> str:
    return " ".join(clean_text(text).split())
