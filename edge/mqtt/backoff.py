"""Backoff: how long to wait before the next try. Pure but for the jitter.

Used for the connection and for what the broker refuses.
"""

from __future__ import annotations

import random


class Backoff:
    """Waits that double from `first_s` to `max_s`, each 20 % shorter or longer by chance.

    The jitter keeps a fleet of boxes from returning to a restarted broker in one instant.
    """

    def __init__(self, first_s: float, max_s: float) -> None:
        self._first_s = first_s
        self._max_s = max_s
        self._base_s = first_s

    def next_s(self) -> float:
        """The next wait, in seconds."""
        base_s = self._base_s
        self._base_s = min(base_s * 2, self._max_s)
        return min(base_s * random.uniform(0.8, 1.2), self._max_s)  # noqa: S311 - no secret

    def reset(self) -> None:
        """Begin with the first wait again."""
        self._base_s = self._first_s
