"""Routes of the page: its HTML, and its files by edition and name."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.responses import Response

from edge.web.page_files import load_page_files
from edge.web.refusals import Refusal
from edge.web.web import Web


def build_page_routes(_web: Web) -> APIRouter:
    """What everybody may load; the page asks the API for all that is worth protecting."""
    routes = APIRouter(include_in_schema=False)
    page = load_page_files()

    @routes.get("/")
    async def index() -> Response:
        headers = {"cache-control": "no-cache"}
        return Response(page.index, media_type="text/html", headers=headers)

    @routes.get("/page/{edition}/{file}")
    async def file(
        edition: Annotated[str, Path(max_length=64)], file: Annotated[str, Path(max_length=64)]
    ) -> Response:
        found = page.files.get(file)
        if found is None or edition != page.edition:
            raise Refusal(404, "the page has no such file; load it anew", "file")
        headers = {"cache-control": "public, max-age=31536000, immutable"}
        return Response(found.data, media_type=found.media_type, headers=headers)

    return routes
