"""Turns: from a request to the daemon's main thread and back, piece by piece.

A turn that nobody waits for any more, because the client went away or the server stops, is called
off. Knows no JSON.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress

from starlette.types import Receive

from edge.conversation import Piece, Turn, TurnResult
from edge.errors import EdgeError, TooBusy, Withdrawn
from edge.web.inside import Door
from edge.web.streams import wait_until_gone


def new_turn_id() -> str:
    """An id that no other turn has."""
    return f"http-{secrets.token_hex(8)}"


class _Ear:
    """Listens in the daemon's main thread, hands over to the event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        # as many pieces as a turn writes tokens, which are bounded
        self.heard: asyncio.Queue[Piece | TurnResult | EdgeError] = asyncio.Queue()

    def on_piece(self, piece: Piece) -> None:
        self._put(piece)

    def on_end(self, outcome: TurnResult | EdgeError) -> None:
        self._put(outcome)

    def _put(self, heard: Piece | TurnResult | EdgeError) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self.heard.put_nowait, heard)


async def follow(door: Door, turn: Turn) -> AsyncIterator[Piece | TurnResult]:
    """The pieces of a turn's texts, then its result. Raises the EdgeError that it ends with.

    Close it to call the turn off.
    """
    ear = _Ear()
    door.ask(turn, ear)
    is_over = False
    try:
        while not is_over:
            heard = await ear.heard.get()
            is_over = not isinstance(heard, Piece)
            if isinstance(heard, EdgeError):
                raise heard
            yield heard
    finally:
        if not is_over:
            with suppress(TooBusy):  # it is answered for nobody then
                door.cancel(turn.id)


async def answer(door: Door, turn: Turn, receive: Receive) -> TurnResult:
    """The result of a turn, for a client whose request has been read; Withdrawn if it goes away."""
    working = asyncio.ensure_future(_result(door, turn))
    gone = asyncio.ensure_future(wait_until_gone(receive))
    try:
        await asyncio.wait({working, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise Withdrawn("the client went away")
        return working.result()
    finally:
        for task in (working, gone):
            task.cancel()
        await asyncio.gather(working, gone, return_exceptions=True)


async def _result(door: Door, turn: Turn) -> TurnResult:
    async with aclosing(follow(door, turn)) as heard:  # type: ignore[type-var]
        async for piece in heard:
            if isinstance(piece, TurnResult):
                return piece
    raise Withdrawn("the turn ended without a result")


async def begin(heard: AsyncIterator[Piece | TurnResult], receive: Receive) -> Piece | TurnResult:
    """The first that is heard of a turn, so that a refusal is told by the reply's status.

    Raises Withdrawn if the client goes away before; the turn is then called off.
    """
    first = asyncio.ensure_future(anext(heard))
    gone = asyncio.ensure_future(wait_until_gone(receive))
    try:
        await asyncio.wait({first, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not first.done():
            raise Withdrawn("the client went away")
        return first.result()
    finally:
        for task in (first, gone):
            task.cancel()
        await asyncio.gather(first, gone, return_exceptions=True)
