"""Conversations with a server, which keeps none: what was shown and said, kept here.

Bounded by number, size and idle time; the one unused longest goes first. Knows no server.
"""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edge.errors import SessionGone
from edge.vlm.remote.wording import Message


@dataclass(slots=True)
class _Kept:
    messages: tuple[Message, ...]
    num_bytes: int
    used_mono_s: float


class Histories:
    """Open conversations by name."""

    def __init__(
        self,
        max_number: int,
        max_bytes: int,
        idle_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_number, self._max_bytes, self._idle_s = max_number, max_bytes, idle_s
        self._clock = clock
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, name: str) -> tuple[Message, ...]:
        """What was said so far. Raises SessionGone if the conversation is not open."""
        self.close_idle()
        if name not in self._kept:
            raise SessionGone(f"session {name} is not open any more: send the picture again")
        return self._kept[name].messages

    def keep(self, name: str, messages: Sequence[Message]) -> None:
        """Remember a conversation; others are closed if there are too many, or they are too large.
        The one that is kept stays, however large it is.
        """
        size = sum(len(json.dumps(message)) for message in messages)
        self._kept[name] = _Kept(tuple(messages), size, self._clock())
        self._kept.move_to_end(name)
        while len(self._kept) > self._max_number or (
            len(self._kept) > 1 and sum(k.num_bytes for k in self._kept.values()) > self._max_bytes
        ):
            self._kept.popitem(last=False)

    def close(self, name: str) -> None:
        """Forget a conversation; unknown names are ignored."""
        self._kept.pop(name, None)

    def close_idle(self) -> None:
        """Forget conversations that nobody goes on with."""
        oldest = self._clock() - self._idle_s
        for name in [name for name, kept in self._kept.items() if kept.used_mono_s < oldest]:
            del self._kept[name]
