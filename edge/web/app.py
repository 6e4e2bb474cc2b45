"""The application: all routes behind the gate. What is not found or not valid is told as JSON."""

from __future__ import annotations

from fastapi import Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

from edge import __version__
from edge.errors import EdgeError
from edge.web.document import build_document
from edge.web.gate import Gate
from edge.web.refusals import Refusal, refusal_of_fields, tell_refusal
from edge.web.reply import ErrorReply, refused_as
from edge.web.routes_chat import build_chat_routes
from edge.web.routes_health import build_health_routes
from edge.web.routes_login import build_login_routes
from edge.web.routes_look import build_look_routes
from edge.web.routes_openai import build_openai_routes
from edge.web.routes_page import build_page_routes
from edge.web.routes_reload import build_reload_routes
from edge.web.routes_rules import build_rule_routes
from edge.web.routes_templates import build_template_routes
from edge.web.routes_tune import build_tune_routes
from edge.web.unknown import refuse_unknown
from edge.web.web import Web

OPENAPI_PATH = "/api/v1/openapi.json"
ABOUT = (
    "Below /api/v1, parameters, form fields and keys that are not known are refused (422), and the "
    "error names those that are. Below /v1, as in OpenAI's protocol, most of them are ignored."
)


def build_app(web: Web) -> ASGIApp:
    """The whole HTTP side as one ASGI application."""
    return Gate(build_routes(web), web.settings, web.visitors)


def build_routes(web: Web) -> FastAPI:
    """The routes without the gate."""
    app = FastAPI(
        title="Edge keyframe analyzer",
        version=__version__,
        description=ABOUT,
        dependencies=[Depends(refuse_unknown)],
        docs_url=None,  # its page would load scripts from elsewhere
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        responses=refused_as(ErrorReply),
    )
    for build in (
        build_login_routes,
        build_health_routes,
        build_look_routes,
        build_reload_routes,
        build_rule_routes,
        build_template_routes,
        build_chat_routes,
        build_tune_routes,
        build_openai_routes,
        build_page_routes,
    ):
        app.include_router(build(web))

    @app.get(OPENAPI_PATH, include_in_schema=False)
    async def openapi() -> Response:
        return JSONResponse(build_document(app))

    for kind in (EdgeError, Refusal):
        app.add_exception_handler(kind, tell_refusal)
    app.add_exception_handler(RequestValidationError, _tell_fields)
    app.add_exception_handler(HTTPException, _tell_http)
    app.add_exception_handler(Exception, _tell_fault)
    return app


async def _tell_fields(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - as registered
    refusal = refusal_of_fields(error.errors())
    if request.url.path.startswith("/v1/"):
        refusal.status = 400  # as OpenAI has it
    return refusal.response(request.url.path)


async def _tell_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - as registered
    return Refusal(error.status_code, str(error.detail)).response(request.url.path)


async def _tell_fault(request: Request, _error: Exception) -> Response:
    """The error itself goes on to the gate, which logs it."""
    return Refusal(500, "this is a fault of the program; see its log").response(request.url.path)
