"""Routes to look: findings, snapshots, cameras, rules, figures, events."""

from __future__ import annotations

import asyncio
from datetime import datetime
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from starlette.responses import Response

from edge.errors import QuestionError, SnapshotMissing, TooBusy
from edge.findings import Finding, Info, Stats
from edge.pictures import encode_jpeg
from edge.search import MAX_PAGE, MAX_SEARCH_CHARS, FindingPage, FindingQuery
from edge.web.budget import BudgetReply, budget_reply
from edge.web.refusals import Refusal
from edge.web.replies import (
    CamerasReply,
    FindingsReply,
    RulesReply,
    cameras_reply,
    info_reply,
    rules_reply,
)
from edge.web.streams import EventStream
from edge.web.web import Web

STATS_EVENT_S = 5.0  # how often figures are sent to those who listen
KEYFRAME_QUALITY = 85

Responses = dict[int | str, dict[str, Any]]

_PICTURE: Responses = {200: {"content": {"image/jpeg": {}}, "description": "a JPEG"}}
_EVENTS: Responses = {
    200: {"content": {"text/event-stream": {}}, "description": "server-sent events"}
}


def _moment(written: object, parse: ValidatorFunctionWrapHandler) -> Any:
    """One error in place of one for each of the two forms."""
    try:
        return parse(written)
    except ValidationError:
        raise ValueError(
            "send RFC 3339 (2026-08-01T12:00:00Z) or Unix seconds (1785585600)"
        ) from None


Name = Annotated[str, Query(max_length=64)]
Moment = Annotated[
    float | datetime | None,
    Query(description="RFC 3339, or Unix seconds", union_mode="left_to_right"),
    WrapValidator(_moment),
]


def build_look_routes(web: Web) -> APIRouter:
    """What a viewer may see."""
    routes = APIRouter()

    @routes.get("/api/v1/findings", summary="Findings, the latest first", tags=["look"])
    async def findings(
        camera: Name | None = None,
        rule: Name | None = None,
        since: Moment = None,
        until: Moment = None,
        text: Annotated[
            str,
            Query(
                max_length=MAX_SEARCH_CHARS,
                description="words that must all occur in what the model wrote about a finding "
                "that has ended: summary, objects, texts, spatial relations, texts in details, "
                "answers in text; for names of rules there is `rule`",
            ),
        ] = "",
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
        cursor: Annotated[str, Query(max_length=64)] = "",
    ) -> FindingsReply:
        query = FindingQuery(camera, rule, _seconds(since), _seconds(until), text, limit, cursor)
        page = await _page(web, query)
        return FindingsReply(findings=list(page.findings), cursor=page.cursor)

    @routes.get("/api/v1/findings/{finding_id}", summary="One finding", tags=["look"])
    async def finding(finding_id: Annotated[str, Path(max_length=64)]) -> Finding:
        found = await web.read(partial(web.archive.finding, finding_id))
        if found is None:
            raise Refusal(404, "there is no finding of this id", "finding_id")
        return found

    @routes.get(
        "/api/v1/snapshots/{snapshot_id}",
        summary="The picture of a finding",
        tags=["look"],
        response_class=Response,
        responses=_PICTURE,
    )
    async def snapshot(snapshot_id: Annotated[str, Path(max_length=64)]) -> Response:
        data = await web.read(partial(web.archive.snapshot, snapshot_id))
        headers = {"cache-control": "private, max-age=86400, immutable"}
        return Response(data, media_type="image/jpeg", headers=headers)

    @routes.get("/api/v1/cameras", summary="Cameras and how they do", tags=["look"])
    async def cameras() -> CamerasReply:
        return cameras_reply(await web.present())

    @routes.get(
        "/api/v1/cameras/{camera}/keyframe",
        summary="A camera's last keyframe, or a picture taken now",
        tags=["look"],
        response_class=Response,
        responses=_PICTURE,
    )
    async def keyframe(
        camera: Annotated[str, Path(max_length=64)],
        fresh: Annotated[bool, Query(description="take a picture now")] = False,
    ) -> Response:
        finding_id, data = await last_keyframe(web, camera, fresh=fresh)
        headers = {"x-finding-id": finding_id} if finding_id else {}
        return Response(data, media_type="image/jpeg", headers=headers)

    @routes.get("/api/v1/rules", summary="Rules and their states", tags=["look"])
    async def rules() -> RulesReply:
        return rules_reply((await web.present()).rules)

    @routes.get("/api/v1/stats", summary="What the box did and how fast it is", tags=["look"])
    async def stats() -> Stats:
        return (await web.present()).stats

    @routes.get(
        "/api/v1/budget", summary="What the box can take, and what rules cost", tags=["look"]
    )
    async def budget() -> BudgetReply:
        return budget_reply(await web.present())

    @routes.get("/api/v1/info", summary="What this box is", tags=["look"])
    async def info() -> Info:
        return info_reply(await web.present())

    @routes.get(
        "/api/v1/events",
        summary="Findings, rule states and figures as they come",
        tags=["look"],
        response_class=Response,
        responses=_EVENTS,
    )
    async def events() -> Response:
        return EventStream(web.events.listen())

    return routes


async def _page(web: Web, query: FindingQuery) -> FindingPage:
    try:
        return await web.read(partial(web.archive.find, query))
    except QuestionError as error:  # the other parameters were held to their bounds before
        raise Refusal(400, str(error), "cursor") from None


async def last_keyframe(web: Web, camera: str, *, fresh: bool = False) -> tuple[str, bytes]:
    """The finding's id and the JPEG of the newest keyframe that is kept, or without an id of a
    picture taken now: if it is to be fresh, and if none is kept.
    """
    if camera not in {one.name for one in (await web.present()).cameras}:
        raise Refusal(404, "there is no camera of this name", "camera")
    if not fresh:
        try:
            return await web.read(partial(web.archive.last_snapshot, camera))
        except SnapshotMissing:
            pass
    image = await web.glance.picture(camera)
    if image is None:
        raise Refusal(404, f"no keyframe is kept, and camera {camera} gives no picture", "camera")
    return "", await asyncio.to_thread(encode_jpeg, image, KEYFRAME_QUALITY)


async def tell_stats(web: Web) -> None:
    """Task body: figures for those who listen, as long as there are any."""
    while True:
        await asyncio.sleep(STATS_EVENT_S)
        if web.events.num_clients:
            try:
                web.events.tell("stats", (await web.present()).stats)
            except TooBusy:
                continue


def _seconds(moment: float | datetime | None) -> float | None:
    return moment.timestamp() if isinstance(moment, datetime) else moment
