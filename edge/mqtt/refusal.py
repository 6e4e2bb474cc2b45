"""What becomes of a command that is refused: an answer if it was a question, and a log line.

Pure, but for the document of the answer. Called by the publisher, in the link's thread.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from edge.errors import CommandRefused, DeliveryError
from edge.findings import AskReply
from edge.mqtt.commands import (
    MAX_ID_CHARS,
    MAX_PAYLOAD_BYTES,
    Incoming,
    ReplyAddress,
)
from edge.mqtt.topics import MAX_LEVEL_BYTES, Topics
from edge.questions import MAX_QUESTION_CHARS, has_half_characters

TOLD_AGAIN_S: Final = 600.0
MAX_REMEMBERED: Final = 256  # a stranger can invent any number of topics


def answer_refused_ask(
    topics: Topics, message: Incoming, refusal: CommandRefused
) -> tuple[ReplyAddress, str] | None:
    """Where the refusal of a question goes, and the AskReply as JSON; None if it cannot be sent.

    None also for what is no question, and for a retained one: it would be answered anew at every
    connection. A response topic that is not allowed gives way to the camera's `ask/reply`.
    """
    try:
        target = topics.parse_command(message.topic)
        if target.kind != "ask" or message.retained:
            return None
        topic = message.response_topic
        if not topic or not topics.is_reply_topic_allowed(topic):
            topic = topics.ask_reply(target.camera)
    except DeliveryError:
        return None
    fields = _fields(message.payload)
    reply = AskReply(
        id=_text(fields, "id", MAX_ID_CHARS),
        camera=target.camera[:MAX_LEVEL_BYTES],
        question=_text(fields, "question", MAX_QUESTION_CHARS),
        error=str(refusal),
    )
    return ReplyAddress(topic, message.correlation), reply.model_dump_json()


def _fields(payload: bytes) -> dict[str, object]:
    """What can be read of the question; nothing where it cannot be read at all."""
    if len(payload) > MAX_PAYLOAD_BYTES:
        return {}
    try:
        value = json.loads(payload.decode("utf-8"))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _text(fields: dict[str, object], name: str, max_chars: int) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or len(value) > max_chars or has_half_characters(value):
        return ""
    return value


@dataclass(slots=True)
class _Told:
    mono_s: float
    num_since: int = 0


class RefusalLog:
    """Which refusals go into the log: the first of a topic and kind, then one in ten minutes."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, str], _Told] = {}

    def line(self, topic: str, refusal: CommandRefused, now_mono_s: float) -> str:
        """The line to log; "" if the like was told a short while ago, or too many others were."""
        key = (topic, refusal.kind)
        told = self._told.get(key)
        if told is not None and now_mono_s - told.mono_s < TOLD_AGAIN_S:
            told.num_since += 1
            return ""
        if told is None and not self._has_room(now_mono_s):
            return ""
        self._told[key] = _Told(now_mono_s)
        before = f", {told.num_since} more since it was last told" if told is not None else ""
        return (
            f"refused a command on {topic[:120]!r}: {refusal} "
            f"({refusal.kind}{before}; the next ones of {TOLD_AGAIN_S / 60:g} min are only counted)"
        )

    def _has_room(self, now_mono_s: float) -> bool:
        if len(self._told) >= MAX_REMEMBERED:
            self._told = {
                key: told
                for key, told in self._told.items()
                if now_mono_s - told.mono_s < TOLD_AGAIN_S
            }
        return len(self._told) < MAX_REMEMBERED
