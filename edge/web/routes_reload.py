"""The route to have the configuration's file read again."""

from __future__ import annotations

from fastapi import APIRouter

from edge.findings import ConfigReport
from edge.web.web import Web


def build_reload_routes(web: Web) -> APIRouter:
    """What an admin may do."""
    routes = APIRouter(tags=["look"])

    @routes.post(
        "/api/v1/reload",
        summary="Read the configuration again, and what became of it",
        description="A file with errors is refused as a whole: what was in force goes on, and "
        "`problems` says why. Cameras whose settings are unchanged go on undisturbed.",
    )
    async def reload() -> ConfigReport:
        return await web.glance.reload()

    return routes
