"""Retention: removes what is too old or too much, the oldest first, a bounded piece at a time.

Which rows go is decided by `choose_rows` (pure); the rest does it, in short transactions, so that
a recording waits for one of them at most. Called by `Store.enforce_limits` only.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from edge.store.connections import Connections
from edge.store.settings import StoreSettings
from edge.store.snapshots import SnapshotFolder

_log = logging.getLogger(__name__)

_ROUNDS = 4  # transactions for each table in one call
_BATCH_ROWS = 500
_BATCH_BYTES = 8 << 20  # freeing a large row takes a page write for each 4 kB of it
_SPARE_PAGES = 256  # unused pages kept for the next rows instead of shrinking and growing (1 MB)
_VACUUM_PAGES = 512  # in one transaction
_CLOCK_STEP_S = 60.0  # smaller corrections of the clock do not matter to ages of days

Clock = Callable[[], float]
Row = tuple[int, int, float]  # number, bytes, seconds since 1970


@dataclass(frozen=True, slots=True)
class _Table:
    """How to trim one table; the statements are spelled out, so that each can be read at once."""

    name: str
    oldest: str
    total_bytes: str
    delete: str
    count: str = ""  # adds to the totals that outlive the rows


_OUTBOX = _Table(
    name="outbox",
    oldest="SELECT id, bytes, created_at FROM outbox ORDER BY id LIMIT ?",
    total_bytes="SELECT value FROM totals WHERE name = 'outbox_bytes'",
    delete="DELETE FROM outbox WHERE id = ?",
    count="UPDATE totals SET value = value + CASE name WHEN 'dropped_age' THEN ? ELSE ? END"
    " WHERE name IN ('dropped_age', 'dropped_size')",
)
# A finding that still waits in the outbox stays, whatever its age. Rows are sent in the order in
# which they came, so if all of the oldest wait, those behind them do too.
_FINDINGS = _Table(
    name="findings",
    oldest="SELECT number, bytes, first_seen FROM"
    " (SELECT number, id, bytes, first_seen FROM findings ORDER BY number LIMIT ?) AS oldest"
    " WHERE NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.finding = oldest.id) ORDER BY number",
    total_bytes="SELECT value FROM totals WHERE name = 'findings_bytes'",
    delete="DELETE FROM findings WHERE number = ?",
)


@dataclass(frozen=True, slots=True)
class Removed:
    """How many were removed by one call, and whether it should be called again soon."""

    findings_age: int = 0
    findings_size: int = 0
    outbox_age: int = 0
    outbox_size: int = 0
    snapshots_age: int = 0
    snapshots_size: int = 0
    more: bool = False


def choose_rows(
    rows: Iterable[Row], cutoff: float, excess_bytes: int
) -> tuple[list[int], list[int]]:
    """The numbers of the rows that must go: for their age, and for the total size.

    `rows` come oldest first; those stamped before `cutoff` go, and others while `excess_bytes` is
    not yet freed. A wrong stamp (a clock that was set later) does not hide the rows behind it.
    Stops when the rows chosen add up to 8 MB.
    """
    aged: list[int] = []
    oversize: list[int] = []
    freed_bytes = 0
    for number, num_bytes, stamp in rows:
        if freed_bytes >= _BATCH_BYTES:
            break
        if stamp < cutoff:
            aged.append(number)
        elif freed_bytes < excess_bytes:
            oversize.append(number)
        else:
            continue
        freed_bytes += num_bytes
    return aged, oversize


class Retention:
    """Holds the limits, and the clocks' last readings. Any thread may call `enforce`.

    `clock` is the system's, which stamps the rows (s since 1970); `monotonic` tells when it was
    set.
    """

    def __init__(
        self,
        settings: StoreSettings,
        connections: Connections,
        snapshots: SnapshotFolder,
        clock: Clock,
        monotonic: Clock,
    ) -> None:
        self._limits = settings
        self._connections = connections
        self._snapshots = snapshots
        self._lock = threading.Lock()
        self._clock = clock
        self._monotonic = monotonic
        self._opened_at = self._last_now = clock()
        self._last_mono_s = monotonic()

    def enforce(self, now: float) -> Removed:
        """One bounded piece of work; ages are counted up to `now` (s since 1970).

        Snapshots first: removing files needs no space, so that a full disk heals itself.
        """
        limits = self._limits
        with self._lock:
            self._follow_clock()
            snapshots = self._snapshots.remove_oldest(
                now - limits.snapshots_max_age_s, limits.snapshots_max_bytes
            )
            outbox_age, outbox_size, outbox_more = self._trim(
                _OUTBOX, now - limits.outbox_max_age_s, limits.outbox_max_bytes
            )
            findings_age, findings_size, findings_more = self._trim(
                _FINDINGS, now - limits.findings_max_age_s, limits.findings_max_bytes
            )
            unused_pages = self._shrink()
            self._connections.checkpoint()
        if outbox_age or outbox_size:
            _log.warning(
                "outbox: dropped unsent messages: %d for their age, %d for the total size",
                outbox_age,
                outbox_size,
            )
        return Removed(
            findings_age=findings_age,
            findings_size=findings_size,
            outbox_age=outbox_age,
            outbox_size=outbox_size,
            snapshots_age=snapshots.age,
            snapshots_size=snapshots.size,
            more=outbox_more or findings_more or snapshots.more or unused_pages > _SPARE_PAGES,
        )

    def _follow_clock(self) -> None:
        """Move the stamps of this run along when the system clock was set.

        A box whose clock battery is dead starts years in the past; without this, everything that
        waits in the outbox would be too old at the moment when the network brings the right time.
        """
        now, mono_s = self._clock(), self._monotonic()
        before_step = self._last_now + mono_s - self._last_mono_s
        step_s = now - before_step
        if abs(step_s) >= _CLOCK_STEP_S:
            _log.warning("the system clock was set by %+.0f s; stored ages follow", step_s)
            span = (step_s, self._opened_at, before_step)
            with self._connections.transaction("following the clock") as connection:
                connection.execute(
                    "UPDATE outbox SET created_at = created_at + ?"
                    " WHERE created_at BETWEEN ? AND ?",
                    span,
                )
                connection.execute(
                    "UPDATE findings SET first_seen = first_seen + ?"
                    " WHERE first_seen BETWEEN ? AND ?",
                    span,
                )
            self._opened_at += step_s
        self._last_now, self._last_mono_s = now, mono_s

    def _trim(self, table: _Table, cutoff: float, max_bytes: int) -> tuple[int, int, bool]:
        """How many rows went for their age and for the size, and whether more have to go."""
        aged = oversize = 0
        for _ in range(_ROUNDS):
            total_bytes = self._connections.read("reading the totals", table.total_bytes)[0][0]
            rows = self._connections.read("reading ages", table.oldest, (_BATCH_ROWS,))
            if not any(choose_rows(rows, cutoff, total_bytes - max_bytes)):
                return aged, oversize, False
            with self._connections.transaction(f"trimming the {table.name}") as connection:
                gone = _remove_oldest(connection, table, cutoff, max_bytes)
            aged += gone[0]
            oversize += gone[1]
        return aged, oversize, True

    def _shrink(self) -> int:
        """Give unused pages back to the file system; return how many are unused still."""
        unused = self._unused_pages()
        for _ in range(_ROUNDS):
            if unused <= _SPARE_PAGES:
                break
            self._connections.vacuum(min(unused - _SPARE_PAGES, _VACUUM_PAGES))
            unused = self._unused_pages()
        return unused

    def _unused_pages(self) -> int:
        return int(self._connections.read("reading the file's size", "PRAGMA freelist_count")[0][0])


def _remove_oldest(
    connection: sqlite3.Connection, table: _Table, cutoff: float, max_bytes: int
) -> tuple[int, int]:
    # chosen again inside the transaction: what was sent a moment ago has made room
    total_bytes = connection.execute(table.total_bytes).fetchone()[0]
    rows = connection.execute(table.oldest, (_BATCH_ROWS,)).fetchall()
    aged, oversize = choose_rows(rows, cutoff, total_bytes - max_bytes)
    connection.executemany(table.delete, [(number,) for number in (*aged, *oversize)])
    if table.count:
        connection.execute(table.count, (len(aged), len(oversize)))
    return len(aged), len(oversize)
