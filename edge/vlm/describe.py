"""Descriptions of a picture as JSON: of the built-in shape, or of a schema of the user's.

The grammar gives the shape; the model is told what is asked for in words. Called by `look`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

from edge.grammar import Grammar, compile_schema
from edge.questions import Description
from edge.schema import Schema
from edge.vlm.decode import Pen
from edge.vlm.description import (
    OWN_REQUEST,
    REQUEST,
    SCHEMA,
    built_in_description,
    own_description,
)
from edge.vlm.document import Document, DocumentBounds, write_document
from edge.vlm.guide import Guides
from edge.vlm.tokens import Ids, TokenCoder

MAX_TOKENS = 1024
MAX_GRAMMARS = 8  # of users' schemas, kept compiled


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
    if plan.own:
        return own_description(document.told, truncated=document.truncated)
    return built_in_description(document.value, truncated=document.truncated)


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
