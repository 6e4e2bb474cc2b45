"""Routes for those who watch the box: alive, ready, figures for Prometheus."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from edge.errors import TooBusy
from edge.web.metrics import CONTENT_TYPE, build_metrics
from edge.web.replies import HealthReply
from edge.web.web import Web


def build_health_routes(web: Web) -> APIRouter:
    """Each at the usual place and below /api/v1."""
    routes = APIRouter(tags=["watch"])

    async def health() -> Response:
        """200 while the daemon's main loop turns."""
        try:
            await web.present()
        except TooBusy as error:
            return _said(503, "stuck", str(error))
        return _said(200, "ok")

    async def ready() -> Response:
        """200 while questions can be answered and a camera is online, if any is enabled."""
        try:
            present = await web.present()
        except TooBusy as error:
            return _said(503, "not ready", str(error))
        if present.stats.analyzer not in ("ready", "busy"):
            return _said(503, "not ready", f"the model is {present.stats.analyzer}")
        figures = present.stats.cameras
        enabled = [figures[c.name].state for c in present.cameras if c.enabled]
        if enabled and not set(enabled) & {"online", "frozen", "ended"}:
            return _said(503, "not ready", "no camera is online")
        return _said(200, "ready")

    async def metrics() -> Response:
        """Figures in Prometheus' text format."""
        text = build_metrics(await web.present(), web.events)
        return Response(text, media_type=CONTENT_TYPE)

    for prefix in ("/api/v1", ""):
        is_shown = bool(prefix)  # the document names each once
        for path, body, title in (
            ("/health", health, "Whether the daemon lives"),
            ("/ready", ready, "Whether it can answer"),
        ):
            routes.get(
                prefix + path,
                summary=title,
                response_model=HealthReply,
                responses={503: {"model": HealthReply}},
                include_in_schema=is_shown,
            )(body)
        routes.get(
            f"{prefix}/metrics",
            summary="Figures for Prometheus",
            response_class=Response,
            responses={200: {"content": {CONTENT_TYPE: {}}, "description": "text format"}},
            include_in_schema=is_shown,
        )(metrics)
    return routes


def _said(status: int, word: str, reason: str = "") -> Response:
    return JSONResponse(HealthReply(status=word, reason=reason).model_dump(), status)
