"""The route to tune: a camera or an uploaded clip looked at closely, and what would suit it better.

The clip lies in a file of our own for as long as the request; its name is only shown.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Request, UploadFile

from edge.config.areas import MAX_POLYGONS, parse_polygon
from edge.errors import CaptureError, EdgeError, TooBusy, Withdrawn
from edge.geometry import Polygon
from edge.tuning import MAX_SECONDS, MIN_SECONDS, TuneReport, TuneRequest
from edge.web.refusals import Refusal
from edge.web.reply import ErrorReply
from edge.web.streams import wait_until_gone
from edge.web.web import Web

MAX_MASK_CHARS = 50_000
BUSY_S = 30  # until asking again is worth it

_RESPONSES: dict[int | str, dict[str, Any]] = {
    429: {"model": ErrorReply, "description": "another one is being looked at; see Retry-After"},
    503: {"model": ErrorReply, "description": "the camera gives no picture, or it took too long"},
}


def build_tune_routes(web: Web) -> APIRouter:
    """What an admin may try."""
    routes = APIRouter(tags=["tune"])

    @routes.post(
        "/api/v1/tune",
        summary="Look closely at a camera or clip, and suggest masks and sensitivity",
        responses=_RESPONSES,
    )
    async def tune(  # noqa: PLR0917 - the fields of a form
        request: Request,
        clip: Annotated[
            UploadFile | None, File(description="a video of any usual kind; 120 s of it are used")
        ] = None,
        camera: Annotated[
            str, Form(max_length=64, description="records from it now", examples=["porch"])
        ] = "",
        again: Annotated[
            str, Form(max_length=64, description="id of the last reply: the same pictures again")
        ] = "",
        seconds: Annotated[float | None, Form(ge=MIN_SECONDS, le=MAX_SECONDS)] = None,
        start: Annotated[float, Form(ge=0, le=1e6, description="seconds into the clip")] = 0.0,
        settings_of: Annotated[
            str, Form(max_length=64, description="camera whose settings hold for the clip")
        ] = "",
        sensitivity: Annotated[float | None, Form(ge=0, le=1, examples=[0.4])] = None,
        mask: Annotated[
            str,
            Form(
                max_length=MAX_MASK_CHARS,
                description="JSON list of polygons in place of the camera's; `[]` is none",
                examples=["[[[0, 0], [0.3, 0], [0.3, 0.5], [0, 0.5]]]"],
            ),
        ] = "",
        suggest: Annotated[bool, Form(description="also try other settings")] = True,
    ) -> TuneReport:
        if sum((clip is not None, bool(camera), bool(again))) != 1:
            raise Refusal(422, "send one of `clip`, `camera` and `again`", "clip")
        await _check_cameras(web, camera=camera, settings_of=settings_of)
        areas = parse_mask(mask)
        async with _stored(clip) as path:
            wish = TuneRequest(
                clip=str(path or ""),
                camera=camera,
                again=again,
                name=_name_of(clip),
                seconds=seconds,
                start_s=start,
                settings_of=settings_of,
                sensitivity=sensitivity,
                mask=areas,
                suggest=suggest,
            )
            return await _report(web, wish, request)

    return routes


def parse_mask(text: str) -> tuple[Polygon, ...] | None:
    """Polygons from JSON, None from nothing; raises Refusal."""
    if not text.strip():
        return None
    try:
        listed = json.loads(text)
        if not isinstance(listed, list) or len(listed) > MAX_POLYGONS:
            raise ValueError(f"expected a list of at most {MAX_POLYGONS} polygons")
        return tuple(parse_polygon(one) for one in listed)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, f"these are no masks: {error}", "mask") from None


async def _check_cameras(web: Web, *, camera: str, settings_of: str) -> None:
    if not camera and not settings_of:
        return
    known = {one.name for one in (await web.present()).cameras}
    for name, where in ((camera, "camera"), (settings_of, "settings_of")):
        if name and name not in known:
            raise Refusal(404, "there is no camera of this name", where)


@asynccontextmanager
async def _stored(clip: UploadFile | None) -> AsyncIterator[Path | None]:
    """The upload as a file of our own, gone afterwards."""
    if clip is None:
        yield None
        return
    try:
        path = await asyncio.to_thread(_store, clip)
    except OSError as error:
        raise Refusal(503, f"the clip cannot be stored: {error.strerror}", "clip") from None
    try:
        yield path
    finally:
        await asyncio.to_thread(shutil.rmtree, path.parent, ignore_errors=True)


def _store(clip: UploadFile) -> Path:
    """In a folder of its own, which only we can read; raises OSError."""
    folder = Path(tempfile.mkdtemp(prefix="edge-clip-"))
    try:
        with (folder / "clip").open("wb") as file:
            shutil.copyfileobj(clip.file, file)
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder / "clip"


def _name_of(clip: UploadFile | None) -> str:
    """What the client calls it, only to be shown."""
    if clip is None:
        return ""
    name = (clip.filename or "").replace("\\", "/").rpartition("/")[2]
    return "".join(char for char in name if char.isprintable())[:100] or "clip"


async def _report(web: Web, wish: TuneRequest, request: Request) -> TuneReport:
    """The report; called off if the client goes away."""
    loop = asyncio.get_running_loop()
    told: asyncio.Future[TuneReport | EdgeError] = loop.create_future()

    def tell(outcome: TuneReport | EdgeError) -> None:
        if not told.done():
            told.set_result(outcome)

    def reply(outcome: TuneReport | EdgeError) -> None:  # in the daemon's main thread
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(tell, outcome)

    ticket = secrets.token_hex(16)
    web.door.tune(ticket, wish, reply)
    gone = asyncio.ensure_future(wait_until_gone(request.receive))
    try:
        waiting: set[asyncio.Future[Any]] = {told, gone}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        gone.cancel()
        if not told.done():
            with suppress(TooBusy):  # it ends by itself then
                web.door.cancel_tune(ticket)
    if not told.done():
        raise Withdrawn("the client went away")
    outcome = told.result()
    if isinstance(outcome, TooBusy):
        raise Refusal(429, str(outcome), retry_after_s=BUSY_S)
    if isinstance(outcome, CaptureError):
        status, where = (503, "camera") if wish.camera else (400, "clip")
        raise Refusal(status, str(outcome), where)
    if isinstance(outcome, EdgeError):
        raise outcome
    return outcome
