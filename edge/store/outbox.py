"""The outbox's nouns: a message to be sent, its row in the database, and the totals over all rows.

They do not know SQLite or MQTT. The daemon writes messages with a finding; the publisher reads
rows, sends them and retires them.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """One MQTT message that must not be lost."""

    camera: str
    topic: str
    payload: bytes = field(repr=False)
    retain: bool = False


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A message in the outbox. `id` only grows and is never used again, also across restarts."""

    id: int
    camera: str
    topic: str
    payload: bytes = field(repr=False)
    retain: bool
    created_at: float  # the store's time, see ages.py


@dataclass(frozen=True, slots=True)
class OutboxTotals:
    """What waits in the outbox now, and what was ever dropped from it (kept across restarts)."""

    pending: int
    pending_bytes: int  # as counted against the size limit: contents plus ROW_BYTES a row
    oldest_age_s: float | None  # None when nothing waits
    dropped_age: int
    dropped_size: int
    dropped_count: int
