"""Asks a server one thing at a time, in the best form that it can do.

    typed answers    logprobs, 20 or 5 of them   probabilities for all options (see `chances`)
                     json_schema                 a document that holds one of the options
                     plain text                  which must be an option and no more
    descriptions     json_schema, json_object, plain text that must be such a document

A form that the server refuses, while a lower one works, is not tried again until the next start.
May be used by several threads at once.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from edge.errors import AnalysisFailed, QuestionError
from edge.questions import Answer, Description, Question
from edge.schema import Bounded, Schema, outline
from edge.schema_check import bound_schema
from edge.vlm.conformity import faults, reaches_bound
from edge.vlm.description import (
    OWN_REQUEST,
    REQUEST,
    SCHEMA,
    built_in_description,
    own_description,
)
from edge.vlm.plain_text import clean_text
from edge.vlm.remote.chances import Unreadable, read_chances, read_written
from edge.vlm.remote.client import Client
from edge.vlm.remote.replies import Reply
from edge.vlm.remote.trouble import RequestRefused
from edge.vlm.remote.wording import (
    MAX_DOCUMENT_TOKENS,
    Form,
    JsonForm,
    Message,
    ask_document,
    ask_typed,
    with_words,
    words_of,
)

log = logging.getLogger(__name__)

FORMS: Sequence[Form] = ("logprobs", "few logprobs", "schema", "text")
JSON_FORMS: Sequence[JsonForm] = ("schema", "object", "text")
SPARE_TOKENS = 16  # a text bounded to n characters may take this many tokens more than n


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of one request: an answer, or a description as document and as told."""

    words: str
    said: str  # as it stands in a conversation afterwards
    reply: Reply
    answer: Answer | None = None
    description: Description | None = None
    read_as: Literal["logprobs", "text"] = "text"


class Asker:
    """Puts questions to one server."""

    def __init__(self, client: Client, model: str) -> None:
        self._client = client
        self._common = {"model": model, "temperature": 0, "stream": False}
        self._forms, self._json_forms = list(FORMS), list(JSON_FORMS)

    def ask(self, history: Sequence[Message], question: Question, until_mono_s: float) -> Asked:
        """The answer to a question behind `history`.

        Raises ServerAway, AnalysisFailed if no answer can be read, and QuestionError where the
        server refuses the request in every form.
        """
        if question.kind == "text":
            return self._ask_text(history, question, until_mono_s)
        return self._ask_typed(history, question, until_mono_s)

    def describe(
        self, history: Sequence[Message], schema: Schema | None, until_mono_s: float
    ) -> Asked:
        """A description of what `history` shows, by the user's schema if given. Raises as `ask`,
        and QuestionError for a schema that cannot be used.
        """
        bounded = bound_schema(SCHEMA if schema is None else schema)
        words = REQUEST if schema is None else OWN_REQUEST + outline(bounded)
        messages = with_words(history, words)
        refused: RequestRefused | None = None
        for form in tuple(self._json_forms):
            wanted = ask_document(bounded, form, MAX_DOCUMENT_TOKENS)
            try:
                reply = self._complete(messages, wanted, until_mono_s)
            except RequestRefused as refusal:
                refused = refusal
                continue
            if refused is not None:
                self._leave_out(self._json_forms, form, refused)
            value, was_cut = read_document(reply.text, bounded)
            truncated = was_cut or reaches_bound(value, bounded)
            read = built_in_description if schema is None else own_description
            said = json.dumps(value, ensure_ascii=False)
            told = read(value, truncated=truncated)
            return Asked(words, said, reply, description=told)
        raise QuestionError(f"{self._client.name} refuses to describe: {refused}")

    def write(
        self, history: Sequence[Message], wanted: Mapping[str, Any], until_mono_s: float
    ) -> Reply:
        """What the server says next. Raises as `ask`."""
        try:
            return self._complete(history, wanted, until_mono_s)
        except RequestRefused as refusal:
            raise QuestionError(f"{self._client.name} refuses the request: {refusal}") from None

    def _ask_typed(
        self, history: Sequence[Message], question: Question, until_mono_s: float
    ) -> Asked:
        words = words_of(question)
        messages = with_words(history, words)
        refused: RequestRefused | None = None
        unreadable = ""
        for form in tuple(self._forms):
            try:
                reply = self._complete(messages, ask_typed(question, form), until_mono_s)
            except RequestRefused as refusal:
                refused = refusal
                continue
            if refused is not None:
                self._leave_out(self._forms, form, refused)
            try:
                answer = self._read(question, form, reply)
            except Unreadable as reason:
                unreadable = str(reason)
                continue
            is_read = form in ("logprobs", "few logprobs") and bool(reply.parts)
            read_as: Literal["logprobs", "text"] = "logprobs" if is_read else "text"
            return Asked(words, answer.value, reply, answer, read_as=read_as)
        if unreadable:
            raise AnalysisFailed(
                f"{self._client.name} gives no answer to question {question.id!r}: {unreadable}"
            )
        raise QuestionError(f"{self._client.name} refuses question {question.id!r}: {refused}")

    def _read(self, question: Question, form: Form, reply: Reply) -> Answer:
        if form == "schema":
            return read_written(question, _answer_of(reply.text))
        if form == "text":
            return read_written(question, reply.text)
        if reply.parts:
            return read_chances(question, reply.places)
        self._leave_out(self._forms, "schema", "it tells no logprobs")
        return read_written(question, reply.text)

    def _ask_text(
        self, history: Sequence[Message], question: Question, until_mono_s: float
    ) -> Asked:
        words = words_of(question)
        wanted: dict[str, Any] = {"max_tokens": question.max_chars + SPARE_TOKENS}
        if self._forms[0] in ("logprobs", "few logprobs"):
            wanted["logprobs"] = True
        messages = with_words(history, words)
        try:
            reply = self._complete(messages, wanted, until_mono_s)
        except RequestRefused:
            wanted.pop("logprobs", None)
            reply = self.write(messages, wanted, until_mono_s)
        text = clean_text(reply.text)
        answer = Answer(
            question_id=question.id,
            kind="text",
            value=text[: question.max_chars].rstrip(),
            probability=reply.probability,
            truncated=reply.is_cut or len(text) > question.max_chars,
        )
        read_as: Literal["logprobs", "text"] = "logprobs" if reply.parts else "text"
        return Asked(words, answer.value, reply, answer, read_as=read_as)

    def _complete(
        self, messages: Sequence[Message], wanted: Mapping[str, Any], until_mono_s: float
    ) -> Reply:
        document = {**self._common, "messages": list(messages), **wanted}
        return self._client.complete(document, until_mono_s)

    def _leave_out(self, forms: list[Any], first: str, reason: object) -> None:
        """From now on begin with the form `first`; said once."""
        if first in forms[1:]:
            left_out = forms[: forms.index(first)]
            del forms[: forms.index(first)]
            name = self._client.name
            log.warning("%s is not asked by %s: %s", name, " or ".join(left_out), reason)


def read_document(text: str, bounded: Bounded) -> tuple[dict[str, Any], bool]:
    """The JSON document in a text, and whether it had to be cut to its bounds.

    A fence of Markdown around it is taken off. Raises AnalysisFailed for anything else.
    """
    plain = text.strip()
    if plain.startswith("```"):
        plain = plain.partition("\n")[2].rpartition("```")[0]
    try:
        value = json.loads(plain)
    except (ValueError, RecursionError):
        raise AnalysisFailed(f"the description is no JSON: {plain[:60]!r}") from None
    kept = _cut(value, bounded)
    broken = next(faults(kept, bounded), None)
    if broken is not None:
        raise AnalysisFailed(f"the description breaks its schema: {broken[:200]}")
    return kept, kept != value  # type: ignore[return-value]  # the schema's root is an object


def _cut(value: object, bounded: Bounded) -> object:
    """The document with its keys in order, and its texts and lists no longer than they may be."""
    if isinstance(value, dict) and "properties" in bounded:
        parts = bounded["properties"]
        return {key: _cut(value[key], part) for key, part in parts.items() if key in value}
    if isinstance(value, list) and "items" in bounded:
        return [_cut(item, bounded["items"]) for item in value[: bounded["maxItems"]]]
    if isinstance(value, str) and "maxLength" in bounded:
        return value[: bounded["maxLength"]]
    return value


def _answer_of(text: str) -> str:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        raise Unreadable(f"{text.strip()[:40]!r} is no JSON") from None
    answer = said.get("answer") if isinstance(said, dict) else None
    if not isinstance(answer, str | int):
        raise Unreadable(f"{text.strip()[:40]!r} holds no answer")
    return str(answer)
