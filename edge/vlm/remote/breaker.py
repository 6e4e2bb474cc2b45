"""Circuit breaker: after failures in a row a server is left alone for a while. Pure.

    closed ──failures of weight 3 in a row──> open ──its rest is over──> half-open
      ^                                         ^                          │  │
      │                                         └────────a failure─────────┘  │
      └────────────────────────────a success──────────────────────────────────┘

Decides by the times it is given; may be used by several threads at once.
"""

from __future__ import annotations

import threading

from edge.elsewhere import Circuit
from edge.vlm.remote.trouble import Kind

LIMIT = 3
_WEIGHTS: dict[Kind, int] = {"passing": 1, "late": 2, "lasting": LIMIT}
FIRST_REST_S = 5.0
MAX_REST_S = 120.0


class Breaker:
    """Whether a server may be asked now."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._weight = 0
        self._rest_s = FIRST_REST_S
        self._until_mono_s: float | None = None  # None: closed

    def state(self, now_mono_s: float) -> Circuit:
        """`half-open` once the rest is over: the next request decides."""
        with self._lock:
            if self._until_mono_s is None:
                return "closed"
            return "open" if now_mono_s < self._until_mono_s else "half-open"

    def rest_s(self, now_mono_s: float) -> float:
        """How long the server is still left alone; 0 where it may be asked."""
        with self._lock:
            return 0.0 if self._until_mono_s is None else max(0.0, self._until_mono_s - now_mono_s)

    def succeeded(self) -> bool:
        """A request was answered; whether this closed the circuit."""
        with self._lock:
            has_closed = self._until_mono_s is not None
            self._weight, self._rest_s, self._until_mono_s = 0, FIRST_REST_S, None
            return has_closed

    def failed(self, now_mono_s: float, kind: Kind, at_least_s: float = 0.0) -> bool:
        """A request failed; whether this opened the circuit.

        `at_least_s` is how long the server asked to be left alone. What comes in while the circuit
        is open was begun before and counts no more.
        """
        with self._lock:
            if self._until_mono_s is not None and now_mono_s < self._until_mono_s:
                return False
            self._weight += _WEIGHTS[kind]
            was_open = self._until_mono_s is not None
            if self._weight < LIMIT and not was_open:
                return False
            self._until_mono_s = now_mono_s + max(self._rest_s, at_least_s)
            self._rest_s = min(2 * self._rest_s, MAX_REST_S)
            return not was_open
