"""Routes to ask: about pictures that are sent, and further in a conversation."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Path, Request, UploadFile
from pydantic import BeforeValidator, ConfigDict, Field
from starlette.responses import Response

from edge.conversation import MAX_NEW_TOKENS, new_session_name
from edge.questions import MAX_OPTIONS, MAX_QUESTION_CHARS, MAX_QUESTIONS
from edge.templates import Language
from edge.web.asked import Asked
from edge.web.enhanced import enhanced_fields
from edge.web.refusals import Refusal
from edge.web.replies import AsksReply, ChatReply, SessionReply, timing_reply
from edge.web.reply import ErrorReply
from edge.web.unknown import RequestBody
from edge.web.web import Web
from edge.web.wishes import (
    SHORT_SCHEMA,
    TEXT_TOKENS,
    Format,
    Kind,
    Manner,
    Wish,
    build_turn,
    parse_choices,
    parse_schema,
    read_schema,
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


class AskItem(RequestBody):
    """One of several questions."""

    query: Annotated[str, Field(min_length=1, max_length=MAX_QUESTION_CHARS)]
    kind: Kind = "text"
    choices: Annotated[tuple[str, ...], Field(max_length=MAX_OPTIONS)] = ()


def _item(written: object) -> object:
    """A question in words alone is one without anything else."""
    return {"query": written} if isinstance(written, str) else written


Item = Annotated[AskItem, BeforeValidator(_item, json_schema_input_type=str | AskItem)]


class AskBody(RequestBody):
    """A further question about the pictures of a session, or several that do not see each other."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"query": "What colour is it?"},
                {"queries": ["Is the gate open?", {"query": "How many cars?", "kind": "count"}]},
            ]
        },
    )

    query: Annotated[str, Field(max_length=MAX_QUESTION_CHARS)] = ""
    kind: Kind = "text"
    choices: Annotated[tuple[str, ...], Field(max_length=MAX_OPTIONS)] = ()
    queries: Annotated[tuple[Item, ...], Field(max_length=MAX_QUESTIONS)] = ()
    """In place of `query`; those with a kind or choices are answered in one pass."""
    format: Format = "text"
    schema_: dict[str, Any] | None = Field(default=None, alias="schema")
    """For `format: json`: JSON Schema, or its short form, as in `describe_as`: for each key
    integer, number, boolean, text or a list of choices; the built-in shape without."""
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
            return [Wish(self.query, self.kind, self.choices)]
        if self.choices or self.kind != "text":
            said = "with `queries`, each of them has its own `kind` and `choices`"
            raise Refusal(422, said, "choices" if self.choices else "kind")
        return [
            Wish(one.query, one.kind, one.choices, f"queries.{n}")
            for n, one in enumerate(self.queries)
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
                description="for format=json: JSON Schema, or its short form, as in `describe_as`: "
                "for each key integer, number, boolean, text or a list of choices; the built-in "
                "shape without",
                examples=[SHORT_SCHEMA],
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
        asked = Asked(web, (wish,), await web.model(), is_single=True)
        return await asked.answer(turn, request, stream=stream)

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
        model = await web.model()
        result = await web.answer(turn, request)
        return SessionReply(
            session=result.session,
            model=model,
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
        schema = None if body.schema_ is None else read_schema(body.schema_)
        as_json = body.format == "json" or schema is not None
        manner = Manner(as_json, schema, body.max_tokens, body.heatmap)
        if body.template:
            wish, manner = worded(
                wishes[0], manner, body.template, body.language, web.settings.templates
            )
            wishes = [wish]
        turn = build_turn(session, [], wishes, manner, opens=False)
        model = await web.model()
        asked = Asked(web, tuple(wishes), model, is_single=not body.queries)
        return await asked.answer(turn, request, stream=body.stream)

    @routes.delete("/api/v1/sessions/{session}", summary="Forget a conversation", status_code=204)
    async def close_session(session: SessionName) -> None:
        web.door.close(session)

    return routes
