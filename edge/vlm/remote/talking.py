"""Turns of a conversation with a server: told whole each time, as it remembers none.

Each question of a turn is asked by itself, behind the same history; afterwards they stand in it one
after the other with their answers, as with the model on this box.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from edge.conversation import Chance, Ending, Piece, Token, Turn
from edge.errors import Withdrawn
from edge.questions import Answer, Description
from edge.vlm.plain_text import clean_text
from edge.vlm.prompt import SYSTEM
from edge.vlm.remote.asking import Asked, Asker
from edge.vlm.remote.histories import Histories
from edge.vlm.remote.replies import PlacePart
from edge.vlm.remote.settings import RemoteSettings
from edge.vlm.remote.wording import Message, Part, picture_part, text_part, with_words
from edge.vlm.transcript import Fed

CANCEL_CHECK_S = 0.1


@dataclass(slots=True)
class Said:
    """What came of a turn."""

    asked: list[Asked] = field(default_factory=list)
    endings: dict[str, Ending] = field(default_factory=dict)
    chances: dict[str, tuple[Chance, ...]] = field(default_factory=dict)
    pieces: list[Piece] = field(default_factory=list)

    @property
    def answers(self) -> tuple[Answer, ...]:
        """In the order of what was asked."""
        return tuple(one.answer for one in self.asked if one.answer is not None)

    @property
    def description(self) -> Description | None:
        """The description, if one was wanted."""
        return next((one.description for one in self.asked if one.description is not None), None)


class RemoteTalker:
    """Answers turns, and keeps the conversations that they belong to. Not thread-safe."""

    def __init__(self, asker: Asker, settings: RemoteSettings) -> None:
        self._asker, self._pictures = asker, settings.pictures
        self.histories = Histories(
            settings.max_sessions, settings.max_session_bytes, settings.session_idle_s
        )

    def talk(
        self,
        turn: Turn,
        fed: Sequence[Fed],
        threads: ThreadPoolExecutor,
        is_cancelled: Callable[[], bool],
    ) -> Said:
        """Answer a turn; `fed` are the pictures of its messages. Raises as `RemoteEngine.talk`."""
        earlier = self.histories.get(turn.session) if turn.continues else ()
        history = self._told(turn, fed, earlier)
        until_mono_s = time.monotonic() + turn.deadline_s
        calls: list[Callable[[], Asked]]
        if turn.describe:
            calls = [partial(self._asker.describe, history, turn.schema, until_mono_s)]
        elif turn.reply:
            calls = [partial(self._reply, turn, history, until_mono_s)]
        else:
            calls = [
                partial(self._asker.ask, history, question, until_mono_s)
                for question in turn.questions
            ]
        said = Said(_run_watched(threads, calls, is_cancelled))
        for one in said.asked:
            self._tell(turn, one, said)
        if turn.session:
            for one in said.asked:
                history = with_words(history, one.words) if one.words else history
                history = [*history, {"role": "assistant", "content": one.said}]
            self.histories.keep(turn.session, history)
        return said

    def _told(self, turn: Turn, fed: Sequence[Fed], earlier: Sequence[Message]) -> list[Message]:
        """The conversation up to what is asked now, in the server's words."""
        pictures = iter(fed)
        told = list(earlier)
        if not earlier and turn.messages and turn.messages[0].role != "system":
            told.append({"role": "system", "content": SYSTEM})
        for message in turn.messages:
            if message.role != "user":
                text = "\n\n".join(str(part) for part in message.parts)
                if text.strip():
                    told.append({"role": message.role, "content": text})
                continue
            parts: list[Part] = [
                text_part(part.strip())
                if isinstance(part, str)
                else picture_part(next(pictures).image, self._pictures)
                for part in message.parts
            ]
            if told and told[-1]["role"] == "user":
                last = told.pop()
                parts = [*last["content"], *parts]
            told.append({"role": "user", "content": parts})
        return told

    def _reply(self, turn: Turn, history: Sequence[Message], until_mono_s: float) -> Asked:
        writing = turn.writing
        wanted: dict[str, Any] = {"max_tokens": writing.max_tokens}
        if writing.stop:
            wanted["stop"] = list(writing.stop)
        if writing.wants_chances:
            wanted |= {"logprobs": True, "top_logprobs": writing.alternatives}
        reply = self._asker.write(history, wanted, until_mono_s)
        text = clean_text(reply.text)
        answer = Answer("", "text", text, reply.probability, truncated=reply.is_cut)
        return Asked("", text, reply, answer)

    def _tell(self, turn: Turn, one: Asked, said: Said) -> None:
        """What is told of one answer besides: its text, why it ended, its tokens' chances."""
        if one.answer is not None and one.answer.kind != "text":
            return
        name = "" if one.answer is None else one.answer.question_id
        said.endings[name] = "tokens" if one.reply.is_cut else "stop"
        if one.answer is None:
            return
        chances = tuple(map(_chance, one.reply.parts)) if turn.writing.wants_chances else ()
        if chances:
            said.chances[name] = chances
        said.pieces.append(Piece(turn.id, name, one.answer.value, chances))


def _run_watched(
    threads: ThreadPoolExecutor,
    calls: Sequence[Callable[[], Asked]],
    is_cancelled: Callable[[], bool],
) -> list[Asked]:
    """The results of the calls, the first alone, then the others at once.

    Raises Withdrawn as soon as the turn is called off; its requests then end by themselves.
    """
    results: list[Asked] = []
    for batch in (calls[:1], calls[1:]):
        futures = [threads.submit(call) for call in batch]
        while not all(future.done() for future in futures):
            wait(futures, CANCEL_CHECK_S, FIRST_COMPLETED)
            if is_cancelled():
                for future in futures:
                    future.cancel()
                raise Withdrawn("the turn was called off")
        results += [future.result() for future in futures]
    return results


def _chance(part: PlacePart) -> Chance:
    def token(text: str, logprob: float) -> Token:
        return Token(text, text.encode(), logprob)

    others = tuple(token(one.token, one.logprob) for one in part.top_logprobs)
    return Chance(token(part.token, part.logprob), others)
