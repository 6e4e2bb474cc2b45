"""OpenAI's documents of an answer, whole and in pieces. Pure."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from typing import Any

from edge.conversation import Chance, Piece, Token, TurnResult
from edge.web.replies import document_of

LEAST_LOGPROB = -9999.0  # stands for a probability of zero, as JSON has no infinity


class Completion:
    """What all documents of one answer have in common."""

    def __init__(self, turn_id: str, model: str, *, logprobs: bool) -> None:
        self._id = f"chatcmpl-{turn_id}"
        self._created = int(time.time())
        self._model = model
        self._logprobs = logprobs

    def whole(self, result: TurnResult) -> dict[str, Any]:
        """The answer in one document."""
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": text_of(result), "refusal": None},
            "logprobs": self._chances(result.chances.get("")),
            "finish_reason": finish_reason(result),
        }
        return self._document("chat.completion", [choice]) | {"usage": usage(result)}

    def opening(self) -> bytes:
        """The first event of a stream."""
        return self._event({"role": "assistant", "content": ""})

    def piece(self, piece: Piece) -> bytes:
        """Some more of the answer."""
        return self._event({"content": piece.text}, self._chances(piece.chances))

    def ending(self, result: TurnResult, *, with_usage: bool) -> Iterable[bytes]:
        """The last events of a stream."""
        if result.description is not None:  # JSON comes at once
            yield self._event({"content": text_of(result)})
        yield self._event({}, finish=finish_reason(result))
        if with_usage:
            document = self._document("chat.completion.chunk", []) | {"usage": usage(result)}
            yield as_event(document)
        yield b"data: [DONE]\n\n"

    def _event(
        self, delta: dict[str, Any], logprobs: object = None, finish: str | None = None
    ) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
        return as_event(self._document("chat.completion.chunk", [choice]))

    def _document(self, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "id": self._id,
            "object": kind,
            "created": self._created,
            "model": self._model,
            "choices": choices,
        }

    def _chances(self, chances: Iterable[Chance] | None) -> dict[str, Any] | None:
        if not self._logprobs or chances is None:
            return None
        return {
            "content": [
                _token(chance.token) | {"top_logprobs": [_token(t) for t in chance.alternatives]}
                for chance in chances
            ],
            "refusal": None,
        }


def text_of(result: TurnResult) -> str:
    """The answer as text."""
    if result.description is not None:
        return json.dumps(document_of(result.description), ensure_ascii=False)
    return result.answers[0].value


def finish_reason(result: TurnResult) -> str:
    """`stop` where the model was done, `length` where something else ended it.

    A document whose list or text is as long as its schema allows is done: clients such as `parse`
    of OpenAI's library throw away what ended by its length.
    """
    return "stop" if result.endings.get("", "stop") == "stop" else "length"


def usage(result: TurnResult) -> dict[str, Any]:
    """Token counts; those that were remembered count as cached."""
    timing = result.timing
    return {
        "prompt_tokens": timing.prompt_tokens,
        "completion_tokens": timing.output_tokens,
        "total_tokens": timing.prompt_tokens + timing.output_tokens,
        "prompt_tokens_details": {"cached_tokens": result.known_tokens},
    }


def as_event(document: dict[str, Any]) -> bytes:
    """One event of a stream."""
    return f"data: {json.dumps(document, ensure_ascii=False)}\n\n".encode()


def _token(token: Token) -> dict[str, Any]:
    return {
        "token": token.text,
        "logprob": max(token.logprob, LEAST_LOGPROB),
        "bytes": list(token.data),
    }
