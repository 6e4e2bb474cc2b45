"""Events: findings, rule states and figures as they come, to everybody who listens.

Told by the daemon's main thread without waiting for anyone: each client has a queue of its own, and
one that does not keep up is dropped, counted and may come again.

| queue            | bound                   | when full                  |
|------------------|-------------------------|----------------------------|
| a client's       | 256 events              | the client is dropped      |
| clients          | 32                      | 429                        |
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Literal

from pydantic import BaseModel

from edge.errors import TooBusy

log = logging.getLogger(__name__)

EventKind = Literal["finding", "rule", "camera", "motion", "snapshot", "stats", "info"]

MAX_CLIENTS = 32
MAX_WAITING = 256
BEAT_S = 15.0  # a comment that keeps proxies from closing a quiet stream

_Queue = asyncio.Queue[bytes]


class Events:
    """Who listens. `tell` may be called in any thread, everything else in the event loop's."""

    def __init__(self) -> None:
        self.num_dropped = 0
        self._clients: set[_Queue] = set()
        self._dropped: set[_Queue] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def num_clients(self) -> int:
        """Clients that listen now."""
        return len(self._clients)

    def open(self) -> None:
        """Events are handed out in this event loop from now on."""
        self._loop = asyncio.get_running_loop()

    def close(self) -> None:
        """The event loop ends; so do all streams."""
        self._loop = None
        for client in list(self._clients):
            self._drop(client)

    def tell(self, kind: EventKind, document: BaseModel | dict[str, object]) -> None:
        """Hand an event out; costs nothing while nobody listens."""
        loop = self._loop
        if loop is None or not self._clients:
            return
        text = (
            document.model_dump_json() if isinstance(document, BaseModel) else json.dumps(document)
        )
        with suppress(RuntimeError):  # closed a moment ago
            loop.call_soon_threadsafe(self._spread, f"event: {kind}\ndata: {text}\n\n".encode())

    def listen(self) -> AsyncIterator[bytes]:
        """A new client's stream of server-sent events. Raises TooBusy for one too many."""
        if len(self._clients) >= MAX_CLIENTS:
            raise TooBusy(f"{MAX_CLIENTS} clients listen already")
        client: _Queue = asyncio.Queue(MAX_WAITING)
        self._clients.add(client)
        return self._stream(client)

    async def _stream(self, client: _Queue) -> AsyncIterator[bytes]:
        try:
            yield b"retry: 3000\n\n"
            while client not in self._dropped:
                try:
                    async with asyncio.timeout(BEAT_S):
                        event = await client.get()
                except TimeoutError:
                    event = b": still here\n\n"
                yield event
        finally:
            self._clients.discard(client)
            self._dropped.discard(client)

    def _spread(self, event: bytes) -> None:
        for client in list(self._clients):
            try:
                client.put_nowait(event)
            except asyncio.QueueFull:
                self.num_dropped += 1
                log.info("a client did not keep up with the events and was dropped")
                self._drop(client)

    def _drop(self, client: _Queue) -> None:
        self._clients.discard(client)
        self._dropped.add(client)
        while not client.empty():
            client.get_nowait()
        client.put_nowait(b"")  # wakes its stream
