"""Routes of the login: a token becomes a cookie that scripts cannot read."""

from __future__ import annotations

import logging
import time
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import ConfigDict, Field
from starlette.responses import Response

from edge.web.refusals import Refusal
from edge.web.replies import MeReply
from edge.web.unknown import RequestBody
from edge.web.visitors import COOKIE, LOGIN_S, MAX_TOKEN_CHARS
from edge.web.web import Web

log = logging.getLogger(__name__)


class LoginBody(RequestBody):
    """Who wants to come in."""

    model_config = ConfigDict(hide_input_in_errors=True)

    token: Annotated[str, Field(min_length=1, max_length=MAX_TOKEN_CHARS)]


def build_login_routes(web: Web) -> APIRouter:
    """What everybody may do."""
    routes = APIRouter(tags=["login"])
    visitors = web.visitors

    @routes.post("/api/v1/login", summary="Exchange a token for a cookie", status_code=204)
    async def login(request: Request, body: LoginBody) -> Response:
        if not visitors.are_known:
            raise Refusal(400, "this box asks for no token, so there is no login", "token")
        now = time.monotonic()
        address = request.client.host if request.client else ""
        if wait_s := visitors.wait_s(address, now):
            raise Refusal(429, "too many wrong tokens came from this address", retry_after_s=wait_s)
        visitor = visitors.by_token(body.token)
        if visitor is None:
            visitors.has_failed(address, now)
            log.warning("a login with a wrong token came from %s", address)
            raise Refusal(401, "this token is not known", "token")
        reply = Response(status_code=204)
        reply.set_cookie(
            COOKIE,
            visitors.log_in(visitor, now),
            max_age=int(LOGIN_S),
            httponly=True,
            samesite="strict",
        )
        return reply

    @routes.post("/api/v1/logout", summary="End a login", status_code=204)
    async def logout(request: Request) -> Response:
        visitors.log_out(request.headers.get("cookie", ""))
        reply = Response(status_code=204)
        reply.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return reply

    @routes.get("/api/v1/me", summary="Who is calling")
    async def me(request: Request) -> MeReply:
        visitor = request.state.visitor
        return MeReply(name=visitor.name, role=visitor.role, login=visitors.are_known)

    return routes
