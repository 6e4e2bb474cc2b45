"""The durable outbox as the publisher needs it: a Protocol that the store fulfils.

Knows nothing of SQLite. The store keeps rows on disk; the publisher reads them in order and retires
what the broker has acknowledged.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol


class OutboxRow(Protocol):
    """A message that must reach the broker."""

    @property
    def id(self) -> int:
        """Greater than that of every row stored before, from 1 on; never used twice."""

    @property
    def camera(self) -> str:
        """Rows of one camera keep their order; "" for the node's own."""

    @property
    def topic(self) -> str:
        """Where to publish it."""

    @property
    def payload(self) -> bytes:
        """What to publish."""

    @property
    def retain(self) -> bool:
        """Whether the broker keeps it for later subscribers."""


class Outbox(Protocol):
    """Rows waiting for the broker. Called from the publisher's threads; may raise StoreError."""

    def pending(self, limit: int, after_id: int) -> Sequence[OutboxRow]:
        """Up to `limit` rows not yet retired with an id above `after_id`, in order of id."""

    def retire(self, ids: Collection[int]) -> object:
        """Forget rows that the broker has. Ids that are already gone are no error."""

    def wait_for_rows(self, timeout_s: float) -> bool:
        """Wait until a row has been added; False when none was within `timeout_s`.

        True may also mean that a row was added since the last call, or only that rows wait.
        """
