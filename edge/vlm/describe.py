"""Descriptions of a picture as JSON: of the built-in shape, or of a schema of the user's.

The grammar gives the shape; the model is told what is asked for in words. Called by `look`, which
has the built-in keys written side by side, and in conversations, which remember one document.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

from edge.grammar import Grammar, compile_schema, compile_some
from edge.questions import Description
from edge.schema import Schema
from edge.vlm.description import (
    BRIEF_REQUEST,
    GROUPS,
    OWN_REQUEST,
    REQUEST,
    SCHEMA,
    built_in_description,
    own_description,
)
from edge.vlm.document import Document, DocumentBounds, check, write_document
from edge.vlm.guide import Guides
from edge.vlm.pen import Pen, Writing, together
from edge.vlm.tokens import Ids, TokenCoder

MAX_TOKENS = 1024
MAX_GRAMMARS = 8  # of users' schemas, kept compiled


@dataclass(frozen=True, slots=True)
class Part:
    """A document that is written in one go; `opening` are the tokens that it begins with, `guess`
    those that likely follow.
    """

    grammar: Grammar
    opening: Ids
    guess: Ids


@dataclass(frozen=True, slots=True)
class DescriptionPlan:
    """A description to be asked for: `request` is the turn's wording; it is written as the `whole`,
    or as its `parts` side by side. `own` where the schema is the user's.
    """

    request: str
    whole: Part
    parts: tuple[Part, ...]
    own: bool


class Describer:
    """Plans and writes descriptions. The grammar's view of the vocabulary is made at the first one
    (about a second) and kept.
    """

    def __init__(
        self, coder: TokenCoder, num_tokens: int, eos: frozenset[int], *, in_one: bool = False
    ) -> None:
        """`num_tokens` is the width of the logits; `in_one` for a model that only learned to write
        the built-in keys in their order, each behind those before it, when asked at length.
        """
        self._coder, self._num_tokens, self._eos = coder, num_tokens, eos
        self._in_one = in_one

    @cached_property
    def _guides(self) -> Guides:
        return Guides(self._coder, self._num_tokens, self._eos)

    def plan(self, schema: Schema | None = None) -> DescriptionPlan:
        """How to ask for a description, by the built-in schema or the user's.

        A user's keys are one part: one may rest on those before it. Raises QuestionError, naming
        the place, for a schema that is not supported or impossible.
        """
        if schema is None:
            return self._built_in
        grammar = _compiled(schema)
        whole = self._part(grammar)
        return DescriptionPlan(OWN_REQUEST + grammar.outline, whole, (whole,), own=True)

    @cached_property
    def _built_in(self) -> DescriptionPlan:
        whole = self._part(compile_schema(SCHEMA))
        apart = tuple(self._part(compile_some(SCHEMA, keys)) for keys in GROUPS)
        if self._in_one:
            return DescriptionPlan(REQUEST, whole, (whole,), own=False)
        return DescriptionPlan(BRIEF_REQUEST, whole, apart, own=False)

    def _part(self, grammar: Grammar) -> Part:
        guide = self._guides.begin(grammar)
        return Part(grammar, tuple(guide.ids), guide.guess())

    def prepare(self) -> None:
        """What the first description would wait for: about a second, and 30 MB."""
        self.plan()

    def write(
        self, pens: Sequence[Pen], plan: DescriptionPlan, bounds: DocumentBounds
    ) -> Writing[Description]:
        """The description, written with a pen for each of the plan's parts, on a branch whose last
        tokens are the part's opening, its guess ahead or not; `bounds` are those of each.

        What is unfinished at the deadline is cut. Raises AnalysisFailed.
        """
        most = min(bounds.max_tokens, MAX_TOKENS // len(plan.parts))
        documents = yield from together(
            [
                self._document(pen, part, bounds, most)
                for pen, part in zip(pens, plan.parts, strict=True)
            ]
        )
        return read_description(documents, plan)

    def write_whole(
        self, pen: Pen, plan: DescriptionPlan, bounds: DocumentBounds
    ) -> Writing[Document]:
        """The description as one JSON document; else as `write`."""
        return self._document(pen, plan.whole, bounds, min(bounds.max_tokens, MAX_TOKENS))

    def _document(
        self, pen: Pen, part: Part, bounds: DocumentBounds, max_tokens: int
    ) -> Writing[Document]:
        bounds = replace(bounds, max_tokens=max(1, max_tokens))
        return write_document(pen, self._guides, part.grammar, self._eos, bounds)


def read_description(documents: Sequence[Document], plan: DescriptionPlan) -> Description:
    """The description of which the plan's documents, in any order, hold the keys.

    Raises AnalysisFailed if together they break its schema.
    """
    truncated = any(document.truncated for document in documents)
    bounded = plan.whole.grammar.bounded
    if plan.own:
        told = {key: value for document in documents for key, value in document.told.items()}
        return own_description(told, truncated=truncated)
    value = {key: value for document in documents for key, value in document.value.items()}
    check(value, bounded)
    return built_in_description(value, truncated=truncated)


def _compiled(schema: Schema) -> Grammar:
    try:
        # Not sorted: the order of keys is the order of writing.
        return _compiled_source(json.dumps(schema))
    except (TypeError, ValueError):
        return compile_schema(schema)  # says what it is that JSON does not know


@lru_cache(maxsize=MAX_GRAMMARS)
def _compiled_source(source: str) -> Grammar:
    return compile_schema(json.loads(source))
