"""StateBoard: the latest value of each state topic, and which of them the broker still needs.

Pure (the time is given). One value per topic is kept, so memory is bounded by the number of topics
and a flapping state costs one message in flight. Filled by any thread, emptied by the publisher's.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from edge.mqtt.backoff import Backoff


@dataclass(frozen=True, slots=True)
class StateMessage:
    """One value on its way. `revision` tells it from a newer value of the same topic."""

    topic: str
    payload: bytes
    retain: bool
    revision: int


@dataclass(slots=True)
class _Delay:
    """A topic that the broker refuses."""

    backoff: Backoff
    retry_mono_s: float


class StateBoard:
    """Latest values by topic. Thread-safe.

    A retained value is due when it differs from the one before, and again on every connection. A
    value that is not retained is due each time it is set and forgotten once the broker has it.
    """

    def __init__(self, retry_first_s: float, retry_max_s: float) -> None:
        self._retry_first_s = retry_first_s
        self._retry_max_s = retry_max_s
        self._lock = threading.Lock()
        self._values: dict[str, StateMessage] = {}
        self._forgotten: set[str] = set()  # topics whose value is the empty one that clears them
        self._due: dict[str, None] = {}  # in the order in which they became due
        self._in_flight: set[str] = set()
        self._refused: dict[str, _Delay] = {}
        self._revision = 0

    def set(self, topic: str, payload: bytes, retain: bool) -> bool:
        """Keep a value; True if it has to be published."""
        with self._lock:
            known = self._values.get(topic)
            if (
                retain
                and known is not None
                and known.retain
                and known.payload == payload
                and topic not in self._forgotten
            ):
                return False
            self._forgotten.discard(topic)
            self._put(topic, payload, retain)
            return True

    def forget(self, topic: str) -> None:
        """Clear a topic at the broker, and here once the broker has done so.

        Also for a topic that was never set here: an earlier run may have left its value.
        """
        with self._lock:
            self._forgotten.add(topic)
            self._put(topic, b"", retain=True)

    def _put(self, topic: str, payload: bytes, retain: bool) -> None:
        self._revision += 1
        self._values[topic] = StateMessage(topic, payload, retain, self._revision)
        self._due.setdefault(topic)

    def take(self, now_mono_s: float) -> StateMessage | None:
        """The next value to publish, if any; it counts as in flight until settled.

        A topic has at most one value in flight, so its values arrive in order.
        """
        with self._lock:
            for topic in self._due:
                delay = self._refused.get(topic)
                if topic in self._in_flight or (delay and delay.retry_mono_s > now_mono_s):
                    continue
                del self._due[topic]
                self._in_flight.add(topic)
                return self._values[topic]
            return None

    def accepted(self, message: StateMessage) -> None:
        """The broker has the value."""
        with self._lock:
            self._in_flight.discard(message.topic)
            self._refused.pop(message.topic, None)
            current = self._values.get(message.topic)
            if current is not message:
                return
            if not message.retain or message.topic in self._forgotten:
                self._forgotten.discard(message.topic)
                del self._values[message.topic]

    def refused(self, message: StateMessage, now_mono_s: float) -> bool:
        """The broker does not take it: try again later. True at the first refusal of the topic."""
        with self._lock:
            self._in_flight.discard(message.topic)
            first = message.topic not in self._refused
            if first:
                backoff = Backoff(self._retry_first_s, self._retry_max_s)
                self._refused[message.topic] = _Delay(backoff, 0.0)
            delay = self._refused[message.topic]
            delay.retry_mono_s = now_mono_s + delay.backoff.next_s()
            if message.topic in self._values:
                self._due.setdefault(message.topic)
            return first

    def all_due(self) -> None:
        """A new connection: nothing is in flight, and the broker may have lost every value.

        Refused topics keep waiting: a broker may hang up on what it refuses.
        """
        with self._lock:
            self._in_flight.clear()
            self._due = dict.fromkeys(self._values)

    def again(self, topic_prefix: str) -> None:
        """Publish the values below `topic_prefix` once more."""
        with self._lock:
            for topic in self._values:
                if topic.startswith(topic_prefix):
                    self._due.setdefault(topic)

    def retry_mono_s(self) -> float | None:
        """When the next refused value is to be tried again; None if none waits for that."""
        with self._lock:
            return min(
                (
                    delay.retry_mono_s
                    for topic, delay in self._refused.items()
                    if topic in self._due and topic not in self._in_flight
                ),
                default=None,
            )
