"""Glance: what the box is doing now, asked of the daemon's main thread at most twice a second."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from edge.errors import TooBusy
from edge.findings import ConfigReport
from edge.frames import Image
from edge.present import Present
from edge.web.inside import Door

T = TypeVar("T")

FRESH_S = 0.5
ANSWER_S = 3.0  # the main loop answers within milliseconds; a reload may hold it up for seconds
PICTURE_S = 15.0  # a camera gives a picture within 10 s or none
RELOAD_S = 30.0


class Glance:
    """Used in the web thread's event loop alone."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._seen: Present | None = None
        self._seen_mono_s = 0.0
        self._lock = asyncio.Lock()  # many clients, one question

    async def now(self) -> Present:
        """The present state, at most FRESH_S old. Raises TooBusy if the daemon does not answer."""
        async with self._lock:
            if self._seen is None or time.monotonic() - self._seen_mono_s > FRESH_S:
                self._seen = await _ask(self._door.look, ANSWER_S)
                self._seen_mono_s = time.monotonic()
            return self._seen

    async def picture(self, camera: str) -> Image | None:
        """A picture taken now; None if the camera gives none. Raises TooBusy."""
        return await _ask(lambda reply: self._door.take(camera, reply), PICTURE_S)

    async def reload(self) -> ConfigReport:
        """What became of the configuration's file, read again now. Raises TooBusy."""
        report = await _ask(self._door.reload, RELOAD_S)
        self._seen = None  # all may be another
        return report


async def _ask(order: Callable[[Callable[[T], None]], None], timeout_s: float) -> T:
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[T] = loop.create_future()

    def settle(value: T) -> None:
        if not answered.done():
            answered.set_result(value)

    def reply(value: T) -> None:  # in the main thread
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, value)

    order(reply)
    try:
        async with asyncio.timeout(timeout_s):
            return await answered
    except TimeoutError:
        raise TooBusy("the daemon does not answer now; try again in a moment") from None
