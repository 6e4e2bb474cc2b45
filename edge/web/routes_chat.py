"""Routes to ask: about pictures that are sent, and further in a conversation."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Path, Request, UploadFile
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from edge.conversation import MAX_NEW_TOKENS, Piece, Turn, TurnResult, new_session_name
from edge.errors import EdgeError, TooBusy
from edge.questions import MAX_OPTIONS, MAX_QUESTION_CHARS, MAX_QUESTIONS, Answer
from edge.templates import Language
from edge.web.enhanced import enhanced_fields
from edge.web.refusals import Refusal, refusal_of
from edge.web.replies import (
    AsksReply,
    ChatReply,
    SessionReply,
    answer_fields,
    event,
    timing_reply,
)
from edge.web.reply import ErrorReply
from edge.web.streams import EventStream
from edge.web.turns import begin, follow
from edge.web.web import Web
from edge.web.wishes import (
    TEXT_TOKENS,
    Format,
    Kind,
    Manner,
    Wish,
    build_turn,
    parse_choices,
    parse_schema,
    worded,
)

MAX_FIELD_CHARS = 20_000

_TOKENS = f"bound of an answer; without it {TEXT_TOKENS} for text, and for JSON what its form takes"
Tokens = Annotated[int | None, Form(ge=1, le=MAX_NEW_TOKENS, description=_TOKENS)]
Images = Annotated[
    list[UploadFile], File(description="JPEG, PNG, WebP, BMP or GIF; the field may come repeatedly")
]
Region = Annotated[
    str,
    Form(
        max_length=200,
        description="x1,y1,x2,y2: only this part is looked at",
        examples=["0.5,0,1,1"],
    ),
]
Enhance = Annotated[
    bool,
    Form(
        description="make more visible before the model looks: pages are turned upright and "
        "levelled, shadows, darkness, noise and blur reduced, tiny letters shown larger; "
        "the reply tells what was done"
    ),
]
TemplateName = Annotated[
    str, Form(max_length=64, description="a request that is worded already: see /templates")
]
SessionName = Annotated[str, Path(max_length=64)]

_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {"text/event-stream": {}},
        "description": "with `stream`: events `piece` {text}, then `answer` or `error`",
    },
    429: {"model": ErrorReply, "description": "too many questions wait; see Retry-After"},
    503: {"model": ErrorReply, "description": "no model runs now; see Retry-After"},
}


class AskItem(BaseModel):
    """One of several questions."""

    model_config = ConfigDict(extra="forbid")

    query: Annotated[str, Field(min_length=1, max_length=MAX_QUESTION_CHARS)]
    kind: Kind = "text"
    choices: Annotated[list[str], Field(max_length=MAX_OPTIONS)] = []


class AskBody(BaseModel):
    """A further question about the pictures of a session, or several that do not see each other."""

    model_config = ConfigDict(
        extra="forbid",
        use_attribute_docstrings=True,
        json_schema_extra={
            "examples": [
                {"query": "What colour is it?"},
                {"queries": ["Is the gate open?", {"query": "How many cars?", "kind": "count"}]},
            ]
        },
    )

    query: Annotated[str, Field(max_length=MAX_QUESTION_CHARS)] = ""
    kind: Kind = "text"
    choices: Annotated[list[str], Field(max_length=MAX_OPTIONS)] = []
    queries: Annotated[list[str | AskItem], Field(max_length=MAX_QUESTIONS)] = []
    """In place of `query`; those with a kind or choices are answered in one pass."""
    format: Format = "text"
    schema_: dict[str, Any] | None = Field(default=None, alias="schema")
    """JSON Schema for `format: json`; the built-in shape without."""
    max_tokens: Annotated[int, Field(ge=1, le=MAX_NEW_TOKENS, description=_TOKENS)] | None = None
    heatmap: bool = False
    stream: bool = False
    template: Annotated[str, Field(max_length=64)] = ""
    """A request that is worded already: see /templates. `query` may then be left out."""
    language: Language = "en"
    """Of the template."""

    def wishes(self) -> list[Wish]:
        """What is asked; raises Refusal if nothing is, or two things at once."""
        if bool(self.query or self.template) == bool(self.queries):
            raise Refusal(422, "send either `query` or `queries`", "query")
        if not self.queries:
            return [Wish(self.query, self.kind, tuple(self.choices))]
        return [
            Wish(one) if isinstance(one, str) else Wish(one.query, one.kind, tuple(one.choices))
            for one in self.queries
        ]


def build_chat_routes(web: Web) -> APIRouter:
    """What an admin may ask."""
    routes = APIRouter(tags=["ask"])

    @routes.post(
        "/api/v1/chat",
        summary="Ask about pictures",
        response_model=ChatReply,
        responses=_STREAM,
    )
    async def chat(  # noqa: PLR0917 - the fields of a form
        request: Request,
        query: Annotated[
            str, Form(max_length=MAX_FIELD_CHARS, examples=["What is on the table?"])
        ] = "",
        image: Images = [],  # noqa: B006 - FastAPI copies defaults
        session: Annotated[str, Form(max_length=64, description="go on with a conversation")] = "",
        region: Region = "",
        shape: Annotated[Format, Form(alias="format")] = "text",
        schema_text: Annotated[
            str,
            Form(
                alias="schema",
                max_length=MAX_FIELD_CHARS,
                description="JSON Schema for format=json; the built-in shape without",
            ),
        ] = "",
        kind: Annotated[Kind, Form()] = "text",
        choices: Annotated[
            list[str], Form(description="possible answers, repeated or separated by commas")
        ] = [],  # noqa: B006 - as above
        max_tokens: Tokens = None,
        heatmap: Annotated[bool, Form(description="also tell where the answer looked")] = False,
        stream: Annotated[bool, Form(description="send the answer as it is written")] = False,
        enhance: Enhance = False,
        template: TemplateName = "",
        language: Annotated[Language, Form(description="of the template")] = "en",
    ) -> Response:
        if not query and not template:
            raise Refusal(422, "ask something", "query")
        if not image and not session:
            raise Refusal(422, "send a picture, or the session of an earlier one", "image")
        schema = parse_schema(schema_text)
        manner = Manner(shape == "json" or schema is not None, schema, max_tokens, heatmap, enhance)
        wish = Wish(query, kind, parse_choices(choices))
        if template:
            wish, manner = worded(wish, manner, template, language, web.settings.templates)
        pictures = await web.uploads.read(image, region)
        name = session or new_session_name()
        turn = build_turn(name, pictures, [wish], manner, opens=not session)
        return await _answer(web, request, turn, [wish], stream=stream, is_single=True)

    @routes.post("/api/v1/sessions", summary="Show pictures and ask later", status_code=201)
    async def open_session(
        request: Request,
        image: Annotated[list[UploadFile], File(min_length=1)],
        region: Region = "",
        enhance: Enhance = False,
    ) -> SessionReply:
        pictures = await web.uploads.read(image, region)
        manner = Manner(enhance=enhance)
        turn = build_turn(new_session_name(), pictures, [], manner, opens=True)
        result = await web.answer(turn, request)
        return SessionReply(
            session=result.session,
            timing=timing_reply(result),
            **enhanced_fields(result, web.darkroom),
        )

    @routes.post(
        "/api/v1/sessions/{session}/ask",
        summary="Ask further, one question or several",
        response_model=ChatReply | AsksReply,
        responses=_STREAM,
    )
    async def ask(request: Request, session: SessionName, body: AskBody) -> Response:
        wishes = body.wishes()
        as_json = body.format == "json" or body.schema_ is not None
        manner = Manner(as_json, body.schema_, body.max_tokens, body.heatmap)
        if body.template:
            wish, manner = worded(
                wishes[0], manner, body.template, body.language, web.settings.templates
            )
            wishes = [wish]
        turn = build_turn(session, [], wishes, manner, opens=False)
        is_single = not body.queries
        return await _answer(web, request, turn, wishes, stream=body.stream, is_single=is_single)

    @routes.delete("/api/v1/sessions/{session}", summary="Forget a conversation", status_code=204)
    async def close_session(session: SessionName) -> None:
        web.door.close(session)

    return routes


async def _answer(
    web: Web, request: Request, turn: Turn, wishes: list[Wish], *, stream: bool, is_single: bool
) -> Response:
    if not stream:
        result = await web.answer(turn, request)
        reply = _reply(web, result, wishes, is_single=is_single)
        return JSONResponse(reply.model_dump(mode="json"))
    heard = follow(web.door, turn)
    try:
        first = await begin(heard, request.receive)
    except TooBusy as error:
        raise await web.refuse_busy(error) from None
    return EventStream(_events(web, first, heard, wishes, is_single=is_single))


async def _events(
    web: Web,
    first: Piece | TurnResult,
    heard: AsyncIterator[Piece | TurnResult],
    wishes: list[Wish],
    *,
    is_single: bool,
) -> AsyncIterator[bytes]:
    async with aclosing(heard):  # type: ignore[type-var]
        try:
            yield _event(web, first, wishes, is_single=is_single)
            async for one in heard:
                yield _event(web, one, wishes, is_single=is_single)
        except EdgeError as error:
            yield event("error", refusal_of(error).body("/api"))


def _event(web: Web, one: Piece | TurnResult, wishes: list[Wish], *, is_single: bool) -> bytes:
    if isinstance(one, TurnResult):
        return event("answer", _reply(web, one, wishes, is_single=is_single))
    number = {} if is_single else {"number": int(one.question_id.removeprefix("q") or 0)}
    return event("piece", {"text": one.text, **number})


def _reply(
    web: Web, result: TurnResult, wishes: list[Wish], *, is_single: bool
) -> ChatReply | AsksReply:
    answers: list[Answer | None] = [*result.answers] or [None]
    fields = [
        answer_fields(result, wish.query, answer)
        for wish, answer in zip(wishes, answers, strict=True)
    ]
    timing = timing_reply(result)
    if is_single:
        shown = enhanced_fields(result, web.darkroom)
        return ChatReply(**fields[0], **shown, session=result.session, timing=timing)
    return AsksReply.model_validate(
        {"answers": fields, "session": result.session, "timing": timing}
    )
