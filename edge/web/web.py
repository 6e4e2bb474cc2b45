"""Web: what the routes share. Made with the event loop, gone with it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from starlette.requests import Request

from edge.conversation import Turn, TurnResult
from edge.errors import TooBusy
from edge.findings import ModelReport
from edge.present import Present
from edge.web.darkroom import Darkroom
from edge.web.events import Events
from edge.web.glance import Glance
from edge.web.inside import Archive, Door
from edge.web.refusals import RETRY_AFTER_S, Refusal
from edge.web.replies import model_report
from edge.web.settings import WebSettings
from edge.web.turns import answer
from edge.web.uploads import Uploads
from edge.web.visitors import Visitors

T = TypeVar("T")

MAX_FETCHES = 2  # pictures by URL that are fetched at one time, each for 15 s at most


@dataclass
class Web:
    """The parts of the HTTP side, and its ways to the inside."""

    settings: WebSettings
    door: Door
    archive: Archive
    events: Events
    visitors: Visitors = field(init=False)
    glance: Glance = field(init=False)
    fetching: asyncio.Semaphore = field(init=False)
    uploads: Uploads = field(default_factory=Uploads)
    darkroom: Darkroom = field(default_factory=Darkroom)

    def __post_init__(self) -> None:
        self.visitors = Visitors(self.settings.keys)
        self.glance = Glance(self.door)
        # a slow server of pictures takes none of the threads that decode uploads for long
        self.fetching = asyncio.Semaphore(MAX_FETCHES)
        # searches wait for the disk; what decodes pictures has threads of its own
        self._readers = ThreadPoolExecutor(2, thread_name_prefix="web-read")

    async def read(self, get: Callable[[], T]) -> T:
        """Run something that reads the archive, off the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, get)

    async def present(self) -> Present:
        """What the box is doing now."""
        return await self.glance.now()

    async def model(self) -> ModelReport | None:
        """The model that answers now; none while none is loaded. Raises TooBusy."""
        return model_report(await self.present())

    async def answer(self, turn: Turn, request: Request) -> TurnResult:
        """The result of a turn; called off if the client of `request` goes away."""
        try:
            return await answer(self.door, turn, request.receive)
        except TooBusy as error:
            raise await self.refuse_busy(error) from None

    async def refuse_busy(self, error: TooBusy) -> Refusal:
        """429 where asking later works by itself, 503 where no model runs."""
        try:
            state = (await self.present()).stats.analyzer
        except TooBusy:
            state = "busy"
        status = 503 if state in ("loading", "away", "failed") else 429
        return Refusal(status, str(error), retry_after_s=RETRY_AFTER_S)

    def close(self) -> None:
        """End the threads."""
        self._readers.shutdown(wait=False, cancel_futures=True)
