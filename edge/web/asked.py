"""What was asked in a request, and its reply: whole, or as a stream of events. Reads no request."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from edge.conversation import Piece, Turn, TurnResult
from edge.errors import EdgeError, TooBusy
from edge.findings import ModelReport
from edge.questions import Answer
from edge.web.enhanced import enhanced_fields
from edge.web.refusals import refusal_of
from edge.web.replies import AsksReply, ChatReply, answer_fields, event, timing_reply
from edge.web.streams import EventStream
from edge.web.turns import begin, follow
from edge.web.web import Web
from edge.web.wishes import Wish


@dataclass(frozen=True, slots=True)
class Asked:
    """The wishes of a request and the model that answers them; the reply to a single one is an
    answer by itself, not a list.
    """

    web: Web
    wishes: tuple[Wish, ...]
    model: ModelReport | None
    is_single: bool

    async def answer(self, turn: Turn, request: Request, *, stream: bool) -> Response:
        """Have the turn answered for the client of `request`. Raises EdgeError or Refusal."""
        if not stream:
            result = await self.web.answer(turn, request)
            return JSONResponse(self._reply(result).model_dump(mode="json"))
        heard = follow(self.web.door, turn)
        try:
            first = await begin(heard, request.receive)
        except TooBusy as error:
            raise await self.web.refuse_busy(error) from None
        return EventStream(self._events(first, heard))

    async def _events(
        self, first: Piece | TurnResult, heard: AsyncIterator[Piece | TurnResult]
    ) -> AsyncIterator[bytes]:
        async with aclosing(heard):  # type: ignore[type-var]
            try:
                yield self._event(first)
                async for one in heard:
                    yield self._event(one)
            except EdgeError as error:
                yield event("error", refusal_of(error).body("/api"))

    def _event(self, one: Piece | TurnResult) -> bytes:
        if isinstance(one, TurnResult):
            return event("answer", self._reply(one))
        number = {} if self.is_single else {"number": int(one.question_id.removeprefix("q") or 0)}
        return event("piece", {"text": one.text, **number})

    def _reply(self, result: TurnResult) -> ChatReply | AsksReply:
        answers: list[Answer | None] = [*result.answers] or [None]
        fields = [
            answer_fields(result, wish.query, answer)
            for wish, answer in zip(self.wishes, answers, strict=True)
        ]
        whole: dict[str, Any] = {
            "session": result.session,
            "model": self.model,
            "timing": timing_reply(result),
        }
        if self.is_single:
            return ChatReply(**fields[0], **enhanced_fields(result, self.web.darkroom), **whole)
        return AsksReply.model_validate({"answers": fields, **whole})
