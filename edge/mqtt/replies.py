"""ReplyQueue: answers to questions that wait for the broker; bounded, in memory alone.

Filled by any thread, emptied by the pump's.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from edge.mqtt.commands import ReplyAddress

MAX_REPLIES: Final = 64  # the oldest is dropped


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a question, on its way."""

    address: ReplyAddress
    payload: bytes


class ReplyQueue:
    """Answers in order, and how many were dropped because too many waited. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[Reply] = deque()
        self.num_dropped = 0

    def put(self, reply: Reply) -> None:
        """Add an answer behind the others."""
        with self._lock:
            if len(self._waiting) >= MAX_REPLIES:
                self._waiting.popleft()
                self.num_dropped += 1
            self._waiting.append(reply)

    def put_back(self, replies: Iterable[Reply]) -> None:
        """Add those that were taken and not acknowledged before the others, in their order."""
        with self._lock:
            self._waiting.extendleft(reversed(list(replies)))

    def take(self) -> Reply | None:
        """The oldest answer, or None if none waits."""
        with self._lock:
            return self._waiting.popleft() if self._waiting else None
