"""A request's body as it comes in: counted, and ended where it is too large or too slow.

Wraps ASGI's `receive` for the gate; knows no route.
"""

from __future__ import annotations

import asyncio
import time

from starlette.types import Message, Receive

SLOW_START_S = 30.0  # a body may take this long and ...
SLOW_BYTES_S = 16_000  # ... a second more for each of these, which the slowest uplinks manage
DRAIN_S = 3.0  # what is refused is read this long, so that the client comes to read why


class BodyRefused(Exception):
    """The body is not read any further."""

    def __init__(self, status: int, what: str) -> None:
        super().__init__(what)
        self.status, self.what = status, what


class Body:
    """One request's body of at most `max_bytes`; `is_empty` where the head says there is none."""

    def __init__(self, receive: Receive, max_bytes: int, *, is_empty: bool) -> None:
        self._receive = receive
        self._max_bytes = max_bytes
        self._num_bytes = 0
        self._started_mono_s = time.monotonic()
        self.is_over = is_empty
        self.refused: BodyRefused | None = None

    async def receive(self) -> Message:
        """ASGI's receive. Raises BodyRefused, now and ever after, for a body that is too much."""
        if self.refused is not None:
            raise self.refused
        if self.is_over:
            return await self._receive()  # tells when the client goes away
        left_s = SLOW_START_S + self._num_bytes / SLOW_BYTES_S - self._spent_s()
        try:
            async with asyncio.timeout(max(left_s, 0.01)):
                message = await self._receive()
        except TimeoutError:
            self.refused = BodyRefused(408, "the request came too slowly")
            raise self.refused from None
        self._take(message)
        if self._num_bytes > self._max_bytes:
            self.refused = BodyRefused(413, f"the request has more than {self._max_bytes} bytes")
            raise self.refused
        return message

    async def drain(self) -> None:
        """Read on for a while without keeping anything."""
        try:
            async with asyncio.timeout(DRAIN_S):
                while not self.is_over and self._num_bytes <= 4 * self._max_bytes:
                    self._take(await self._receive())
        except TimeoutError:
            pass  # the connection will be closed

    def _take(self, message: Message) -> None:
        self._num_bytes += len(message.get("body", b""))
        self.is_over = message["type"] == "http.disconnect" or not message.get("more_body", False)

    def _spent_s(self) -> float:
        return time.monotonic() - self._started_mono_s
