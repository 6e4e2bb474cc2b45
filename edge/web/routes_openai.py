"""Routes below /v1: this box as the vision model of any program that speaks OpenAI's protocol."""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from edge.conversation import Part, Picture, Piece, TurnResult
from edge.errors import EdgeError, TooBusy
from edge.web.openai_reply import Completion, as_event
from edge.web.openai_request import CompletionRequest
from edge.web.refusals import Refusal, refusal_of
from edge.web.remote import fetch_picture
from edge.web.reply import OpenAIErrorReply, refused_as
from edge.web.streams import EventStream
from edge.web.turns import begin, follow
from edge.web.web import Web

_DATA_URL = re.compile(r"data:image/[a-z0-9.+-]{1,40};base64,", re.IGNORECASE | re.ASCII)
NO_MODEL = "edge"  # what the model is called while none is loaded


def build_openai_routes(web: Web) -> APIRouter:
    """OpenAI's chat completions and models."""
    routes = APIRouter(tags=["openai"], responses=refused_as(OpenAIErrorReply))

    @routes.get("/v1/models", summary="The model of this box")
    async def models() -> dict[str, Any]:
        return {"object": "list", "data": [_model(await _name(web))]}

    @routes.get("/v1/models/{model}", summary="The model of this box by its name")
    async def model(model: str) -> dict[str, Any]:
        if model != await _name(web):
            raise Refusal(404, "there is no model of this name", "model", code="model_not_found")
        return _model(model)

    @routes.post(
        "/v1/chat/completions",
        summary="Ask as of OpenAI",
        response_model=dict[str, Any],
        responses={200: {"content": {"text/event-stream": {}}, "description": "see `stream`"}},
    )
    async def completions(request: Request, body: CompletionRequest) -> Response:
        """The model's name is not looked at: there is one. With `response_format` json_object the
        answer has the built-in shape: summary, objects, texts, spatial_relations.
        """
        body.check()
        pictures = [await _picture(web, url, where) for url, where in body.picture_urls()]
        turn = body.build_turn(pictures)
        completion = Completion(turn.id, await _name(web), logprobs=bool(body.logprobs))
        if not body.is_streamed:
            return JSONResponse(completion.whole(await web.answer(turn, request)))
        heard = follow(web.door, turn)
        try:
            first = await begin(heard, request.receive)
        except TooBusy as error:
            raise await web.refuse_busy(error) from None
        return EventStream(_events(completion, first, heard, with_usage=body.wants_usage_at_end))

    return routes


async def _events(
    completion: Completion,
    first: Piece | TurnResult,
    heard: AsyncIterator[Piece | TurnResult],
    *,
    with_usage: bool,
) -> AsyncIterator[bytes]:
    async with aclosing(heard):  # type: ignore[type-var]
        try:
            yield completion.opening()
            one = first
            while isinstance(one, Piece):
                yield completion.piece(one)
                one = await anext(heard)
            for event in completion.ending(one, with_usage=with_usage):
                yield event
        except EdgeError as error:
            yield as_event(refusal_of(error).body("/v1"))


async def _picture(web: Web, url: str, where: str) -> Part:
    if url[:5].lower() == "data:":
        data = await asyncio.to_thread(_decoded, url, where)
    else:
        settings = web.settings
        async with web.fetching:
            data = await fetch_picture(url, settings.picture_urls, settings.max_body_bytes, where)
    return Picture(await web.uploads.decode(data, where))


def _decoded(url: str, where: str) -> bytes:
    match = _DATA_URL.match(url)
    if match is None:
        raise Refusal(400, "a data URL must begin as data:image/jpeg;base64,", where)
    try:
        return base64.b64decode(url[match.end() :], validate=True)
    except (binascii.Error, ValueError):
        raise Refusal(400, "the data URL is not valid base64", where) from None


async def _name(web: Web) -> str:
    model = (await web.present()).model
    return NO_MODEL if model is None else model.name


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "edge"}
