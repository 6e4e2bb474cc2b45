"""An outbox in memory: a real one as far as the publisher can tell, gone with the process."""

from __future__ import annotations

import threading
from collections.abc import Collection
from dataclasses import dataclass

from edge.errors import StoreError


@dataclass(frozen=True)
class Row:
    """A row as the store has them."""

    id: int
    camera: str
    topic: str
    payload: bytes
    retain: bool = False


class MemoryOutbox:
    """Keeps rows in order until they are retired. Thread-safe.

    While `is_broken` every call raises StoreError. `retired` lists ids in the order of retirement.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._rows: dict[int, Row] = {}
        self._last_id = 0
        self._added = False
        self.retired: list[int] = []
        self.is_broken = False

    def add(
        self, camera: str, payload: bytes | str, topic: str = "", *, retain: bool = False
    ) -> int:
        """Store a row, on the camera's finding topic of node `box` if no topic is given."""
        data = payload.encode() if isinstance(payload, str) else payload
        with self._changed:
            self._last_id += 1
            row = Row(self._last_id, camera, topic or f"edge/box/{camera}/finding", data, retain)
            self._rows[row.id] = row
            self._added = True
            self._changed.notify_all()
            return row.id

    def drop(self, row_id: int) -> None:
        """As retention does: the row is gone though nobody retired it."""
        with self._changed:
            del self._rows[row_id]

    def _check(self) -> None:
        if self.is_broken:
            raise StoreError("the disk is full")

    def pending(self, limit: int, after_id: int) -> list[Row]:
        with self._changed:
            self._check()
            return [row for row in self._rows.values() if row.id > after_id][:limit]

    def retire(self, ids: Collection[int]) -> None:
        with self._changed:
            self._check()
            for row_id in ids:
                if self._rows.pop(row_id, None):
                    self.retired.append(row_id)
            self._changed.notify_all()

    def wait_for_rows(self, timeout_s: float) -> bool:
        with self._changed:
            added = self._changed.wait_for(lambda: self._added, timeout_s)
            self._added = False
            return added

    @property
    def num_pending(self) -> int:
        with self._changed:
            return len(self._rows)

    def wait_empty(self, timeout_s: float = 10) -> None:
        """Wait until every row is retired."""
        with self._changed:
            empty = self._changed.wait_for(lambda: not self._rows, timeout_s)
            assert empty, f"{len(self._rows)} rows left after {timeout_s} s"
