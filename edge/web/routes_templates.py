"""Routes for what helps to ask: the templates, and the pictures that were enhanced."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import Field
from starlette.responses import Response

from edge.templates import Language, Template, Wording
from edge.web.enhanced import ENHANCED_PATH
from edge.web.refusals import Refusal
from edge.web.reply import Reply
from edge.web.web import Web


class WordingReply(Reply):
    """A template in one language."""

    title: str
    ask: str
    """The words for the model; a `query` stands behind them."""
    answer_as: Annotated[dict[str, Any] | None, Field(serialization_alias="schema")]
    """JSON Schema of the answer with `format=json`; null for the built-in shape."""


class TemplateReply(Reply):
    """A request about pictures; one language may be missing."""

    name: str
    own: bool
    """It stands in this box's configuration."""
    en: WordingReply | None
    zh: WordingReply | None


class TemplatesReply(Reply):
    """All templates."""

    templates: list[TemplateReply]


def build_template_routes(web: Web) -> APIRouter:
    """To ask with."""
    routes = APIRouter(tags=["ask"])

    @routes.get("/api/v1/templates", summary="Requests that are worded already")
    async def templates() -> TemplatesReply:
        return TemplatesReply(templates=[_template(one) for one in web.settings.templates])

    @routes.get(
        ENHANCED_PATH + "/{picture}",
        summary="A picture as it was enhanced",
        response_class=Response,
        responses={200: {"content": {"image/jpeg": {}}, "description": "a JPEG"}},
    )
    async def enhanced(picture: Annotated[str, Path(max_length=64)]) -> Response:
        jpeg = web.darkroom.find(picture)
        if jpeg is None:
            raise Refusal(404, "this picture is not kept any more", "picture")
        return Response(jpeg, media_type="image/jpeg")

    return routes


def _template(template: Template) -> TemplateReply:
    return TemplateReply(
        name=template.name,
        own=template.is_own,
        en=_wording(template, "en"),
        zh=_wording(template, "zh"),
    )


def _wording(template: Template, language: Language) -> WordingReply | None:
    wording: Wording | None = template.wordings.get(language)
    if wording is None:
        return None
    schema = None if wording.schema is None else dict(wording.schema)
    return WordingReply(title=wording.title, ask=wording.ask, answer_as=schema)
