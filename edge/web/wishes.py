"""Wishes: what a request asks about pictures, and the turn that asks it. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from edge.config.describe_as import examine_written
from edge.conversation import (
    MAX_NEW_TOKENS,
    Message,
    Part,
    Picture,
    Turn,
    Writing,
    check_session_name,
)
from edge.errors import QuestionError
from edge.questions import MAX_TEXT_CHARS, Question, choice, count, rating, text, yes_no
from edge.templates import Language, Template
from edge.web.refusals import Refusal
from edge.web.turns import new_turn_id

Kind = Literal["text", "yes_no", "choice", "count", "rating"]
Format = Literal["text", "json"]

MAX_SCHEMA_CHARS = 20_000
TEXT_TOKENS = 512
SHORT_SCHEMA = '{"people": "integer", "queue": ["short", "long"]}'


@dataclass(frozen=True, slots=True)
class Wish:
    """One thing that is asked. `choices` make it a choice, whatever the kind.

    `place` is where it stands in the request, such as `queries.0`, unless that is the whole of it.
    """

    query: str
    kind: Kind = "text"
    choices: tuple[str, ...] = ()
    place: str = ""

    def question(self, question_id: str) -> Question:
        """As a question of a turn; raises Refusal, which names the field."""
        field = "choices"
        try:
            if self.choices:
                choice(field, "?", self.choices)
            field = "query"
            text(field, self.query, MAX_TEXT_CHARS)
        except QuestionError as error:
            raise Refusal(400, str(error), self.where(field)) from None
        if self.choices:
            return choice(question_id, self.query, self.choices)
        match self.kind:
            case "yes_no":
                return yes_no(question_id, self.query)
            case "count":
                return count(question_id, self.query)
            case "rating":
                return rating(question_id, self.query)
            case "choice":
                raise Refusal(400, "a choice needs `choices`", self.where("choices"))
            case _:
                return text(question_id, self.query, MAX_TEXT_CHARS)

    def where(self, field: str) -> str:
        """One of its fields, as an error tells it."""
        return f"{self.place}.{field}" if self.place else field

    @property
    def is_typed(self) -> bool:
        """Whether the answer is read from the model's probabilities."""
        return bool(self.choices) or self.kind != "text"


@dataclass(frozen=True, slots=True)
class Manner:
    """How answers are wanted. Without `max_tokens` a text has TEXT_TOKENS at most, and JSON as many
    as its form, which is bounded, can take.
    """

    as_json: bool = False
    schema: dict[str, Any] | None = None
    max_tokens: int | None = None
    heatmap: bool = False
    enhance: bool = False


def worded(
    wish: Wish, manner: Manner, name: str, language: Language, templates: Sequence[Template]
) -> tuple[Wish, Manner]:
    """The wish in a template's words, its own behind them, and the template's schema where JSON is
    wanted without another. Raises Refusal for a template that is not known, or a typed wish.
    """
    template = next((one for one in templates if one.name == name), None)
    if template is None:
        listed = ", ".join(one.name for one in templates)
        raise Refusal(422, f"there is no such template; there are {listed}", "template")
    if wish.is_typed:
        raise Refusal(422, "a template is answered in text or JSON, not by choices", "template")
    wording = template.wording(language)
    query = f"{wording.ask}\n\n{wish.query.strip()}".strip()
    if manner.as_json and manner.schema is None and wording.schema is not None:
        manner = replace(manner, schema=dict(wording.schema))
    return replace(wish, query=query), manner


def build_turn(
    session: str,
    pictures: Sequence[Picture],
    wishes: Sequence[Wish],
    manner: Manner,
    *,
    opens: bool,
) -> Turn:
    """The turn for one or several wishes. Raises Refusal, which names the field, or QuestionError
    for what cannot be asked.
    """
    try:
        check_session_name(session)
    except QuestionError as error:
        raise Refusal(400, str(error), "session") from None
    parts: list[Part] = list(pictures)
    questions: tuple[Question, ...] = ()
    is_alone = len(wishes) == 1 and not wishes[0].is_typed
    if manner.as_json and wishes and not is_alone:
        said = "JSON is written for one query at a time, and not with choices"
        raise Refusal(400, said, "format")
    if is_alone:
        if not wishes[0].query.strip():
            raise Refusal(400, "the query is empty", wishes[0].where("query"))
        parts.append(wishes[0].query)
    else:
        questions = tuple(wish.question(f"q{n}") for n, wish in enumerate(wishes))
    most = manner.max_tokens or (MAX_NEW_TOKENS if manner.as_json else TEXT_TOKENS)
    return Turn(
        id=new_turn_id(),
        session=session,
        opens=opens,
        messages=(Message("user", tuple(parts)),) if parts else (),
        questions=questions,
        reply=is_alone and not manner.as_json,
        describe=is_alone and manner.as_json,
        schema=manner.schema,
        writing=Writing(max_tokens=most),
        heatmap=manner.heatmap and bool(wishes),
        enhance=manner.enhance and bool(pictures),
    )


def parse_choices(written: Sequence[str]) -> tuple[str, ...]:
    """Options: one in each field, or all in one, separated by commas."""
    listed = [option for option in written if option.strip()]
    if len(listed) == 1:
        listed = listed[0].split(",")
    return tuple(option.strip() for option in listed)


def parse_schema(written: str) -> dict[str, Any] | None:
    """The schema in a form's field; None for an empty one. Raises Refusal."""
    if not written.strip():
        return None
    try:
        schema = json.loads(written)
    except (ValueError, RecursionError):
        raise Refusal(400, "the schema is not JSON", "schema") from None
    return read_schema(schema)


def read_schema(written: object) -> dict[str, Any]:
    """JSON Schema with every bound written out, from JSON Schema or the short form of
    `describe_as`. Raises Refusal for the first fault.
    """
    if not isinstance(written, dict) or not written:
        raise Refusal(400, f"the schema is not a JSON object such as {SHORT_SCHEMA}", "schema")
    try:
        num_chars = len(json.dumps(written, ensure_ascii=False, separators=(",", ":")))
    except RecursionError:
        raise Refusal(400, "the schema is too deep", "schema") from None
    if num_chars > MAX_SCHEMA_CHARS:
        raise Refusal(400, f"the schema has more than {MAX_SCHEMA_CHARS} characters", "schema")
    bounded, faults = examine_written(written, with_grammar=False)  # the engine looks at that
    if faults:
        where = ".".join(str(step) for step in ("schema", *faults[0].at))
        raise Refusal(400, f"{faults[0].message} {faults[0].remedy}", where)
    return bounded
