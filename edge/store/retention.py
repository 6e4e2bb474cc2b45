"""Retention: removes what is too old or too much, the oldest first, a bounded piece at a time.

Which rows go is decided by `choose_rows` (pure); the rest does it, in short transactions, so that
a recording waits for one of them at most. Ages are counted by the store's own time. Where the disk
has less free space than it is to have, the oldest pictures go, then the oldest delivered findings;
what is not delivered goes by its own limits only. Called by `Store.enforce_limits` only.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from edge.store.ages import AgeClock
from edge.store.connections import Connections
from edge.store.room import Room
from edge.store.settings import StoreSettings
from edge.store.snapshots import RemovedSnapshots, SnapshotFolder, SnapshotLimits

_log = logging.getLogger(__name__)

_ROUNDS = 4  # transactions for each table in one call
_BATCH_ROWS = 500
_BATCH_BYTES = 8 << 20  # freeing a large row takes a page write for each 4 kB of it
_SPARE_PAGES = 256  # unused pages kept for the next rows instead of shrinking and growing (1 MB)
_VACUUM_PAGES = 512  # in one transaction
_TELL_SPACE_S = 3600.0

Row = tuple[int, int, float]  # number, bytes, the store's time
Why = Literal["age", "size", "count", "space"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What may stay in a table: nothing stamped before `cutoff_s`, so many bytes and rows at the
    most. `missing_bytes` are to be freed on top, for the disk's sake.
    """

    cutoff_s: float
    max_bytes: int
    max_rows: int | None = None
    missing_bytes: int = 0


@dataclass(frozen=True, slots=True)
class _Table:
    """How to trim one table; the statements are spelled out, so that each can be read at once."""

    name: str
    oldest: str
    totals: str  # bytes and rows
    delete: str
    count: str = ""  # adds to the totals that outlive the rows


_OUTBOX = _Table(
    name="outbox",
    oldest="SELECT id, bytes, created_at FROM outbox ORDER BY id LIMIT ?",
    totals="SELECT (SELECT value FROM totals WHERE name = 'outbox_bytes'),"
    " (SELECT value FROM totals WHERE name = 'outbox_rows')",
    delete="DELETE FROM outbox WHERE id = ?",
    count="UPDATE totals SET value = value + ? WHERE name = ?",
)
# A finding that still waits in the outbox stays, whatever its age. Rows are sent in the order in
# which they came, so if all of the oldest wait, those behind them do too.
_FINDINGS = _Table(
    name="findings",
    oldest="SELECT number, bytes, first_seen FROM"
    " (SELECT number, id, bytes, first_seen FROM findings ORDER BY number LIMIT ?) AS oldest"
    " WHERE NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.finding = oldest.id) ORDER BY number",
    totals="SELECT (SELECT value FROM totals WHERE name = 'findings_bytes'),"
    " (SELECT value FROM totals WHERE name = 'findings_rows')",
    delete="DELETE FROM findings WHERE number = ?",
)


@dataclass(frozen=True, slots=True)
class Removed:
    """How many were removed by one call, and whether it should be called again soon."""

    findings_age: int = 0
    findings_size: int = 0
    findings_count: int = 0
    findings_space: int = 0
    outbox_age: int = 0
    outbox_size: int = 0
    outbox_count: int = 0
    snapshots_age: int = 0
    snapshots_size: int = 0
    snapshots_count: int = 0
    snapshots_space: int = 0
    more: bool = False


def choose_rows(
    rows: Iterable[Row], limits: Limits, total_bytes: int, total_rows: int
) -> dict[int, Why]:
    """The numbers of the rows that must go, and why.

    `rows` come oldest first, of `total_rows` that take `total_bytes`. Those stamped before the
    cutoff go, and others while there are too many. A stamp that is too late does not hide the rows
    behind it. Stops when the rows chosen add up to 8 MB.
    """
    chosen: dict[int, Why] = {}
    freed_bytes = 0
    for number, num_bytes, stamp_s in rows:
        if freed_bytes >= _BATCH_BYTES:
            break
        if stamp_s < limits.cutoff_s:
            chosen[number] = "age"
        elif total_bytes - freed_bytes > limits.max_bytes:
            chosen[number] = "size"
        elif limits.max_rows is not None and total_rows - len(chosen) > limits.max_rows:
            chosen[number] = "count"
        elif freed_bytes < limits.missing_bytes:
            chosen[number] = "space"
        else:
            continue
        freed_bytes += num_bytes
    return chosen


class Retention:
    """Holds the limits. Any thread may call `enforce`."""

    def __init__(
        self,
        settings: StoreSettings,
        connections: Connections,
        snapshots: SnapshotFolder,
        ages: AgeClock,
        room: Room,
    ) -> None:
        self._settings = settings
        self._connections = connections
        self._snapshots = snapshots
        self._ages = ages
        self._room = room
        self._for_space: Counter[str] = Counter()  # deleted for want of space since it was told
        self._told_s = float("-inf")
        self._lock = threading.Lock()

    def enforce(self) -> Removed:
        """One bounded piece of work.

        Snapshots first: removing files needs no space, so that a full disk heals itself.
        """
        with self._lock:
            self._ages.follow()
            snapshots = self._remove_snapshots()
            self._room.look()  # the reserve comes back first, the database may need it below
            outbox, outbox_more = self._trim(_OUTBOX, self._outbox_limits())
            findings, findings_more = self._trim(_FINDINGS, self._findings_limits())
            spare_pages = 0 if self._room.missing_bytes else _SPARE_PAGES
            unused_pages = self._shrink(spare_pages)
            self._connections.checkpoint()
            more = outbox_more or findings_more or snapshots.more or unused_pages > spare_pages
            self._room.look(is_cleared=not more)
            self._tell_space(snapshots.space, findings["space"])
        if outbox:
            _log.warning("outbox: dropped unsent messages: %s", _in_words(outbox))
        return Removed(
            **{f"findings_{why}": number for why, number in findings.items()},
            **{f"outbox_{why}": number for why, number in outbox.items()},
            snapshots_age=snapshots.age,
            snapshots_size=snapshots.size,
            snapshots_count=snapshots.count,
            snapshots_space=snapshots.space,
            more=more,
        )

    def _tell_space(self, num_snapshots: int, num_findings: int) -> None:
        """Once an hour at the most: a disk smaller than the limits is at its floor all the time."""
        self._for_space += Counter(snapshots=num_snapshots, findings=num_findings)
        now_s = self._ages.now()
        if not self._for_space or now_s - self._told_s < _TELL_SPACE_S:
            return
        _log.warning(
            "the disk is short of space: %d of the oldest pictures and %d of the oldest delivered "
            "findings were deleted before their time, so that %.0f MB stay free",
            self._for_space["snapshots"],
            self._for_space["findings"],
            self._room.facts().floor_bytes / 1e6,
        )
        self._told_s = now_s
        self._for_space.clear()

    def _remove_snapshots(self) -> RemovedSnapshots:
        settings = self._settings
        return self._snapshots.remove_oldest(
            SnapshotLimits(
                cutoff_s=self._ages.now() - settings.snapshots_max_age_s,
                max_bytes=settings.snapshots_max_bytes,
                max_count=settings.snapshots_max_count,
                missing_bytes=self._room.missing_bytes,
            )
        )

    def _outbox_limits(self) -> Limits:
        settings = self._settings
        return Limits(
            cutoff_s=self._ages.now() - settings.outbox_max_age_s,
            max_bytes=settings.outbox_max_bytes,
            max_rows=settings.outbox_max_count,
        )

    def _findings_limits(self) -> Limits:
        """Findings go for the disk's sake only where no pictures are left to go, and only as far
        as the file's unused pages, which are given back by and by, do not make up for it.
        """
        settings = self._settings
        missing_bytes = 0
        if not self._snapshots.total_bytes:
            missing_bytes = max(0, self._room.below_floor_bytes - self._unused_bytes())
        return Limits(
            cutoff_s=self._ages.now() - settings.findings_max_age_s,
            max_bytes=settings.findings_max_bytes,
            max_rows=settings.findings_max_count,
            missing_bytes=missing_bytes,
        )

    def _trim(self, table: _Table, limits: Limits) -> tuple[Counter[Why], bool]:
        """How many rows went and why, and whether more have to go."""
        removed: Counter[Why] = Counter()
        for _ in range(_ROUNDS):
            totals = self._connections.read("reading the totals", table.totals)[0]
            rows = self._connections.read("reading ages", table.oldest, (_BATCH_ROWS,))
            if not choose_rows(rows, limits, *totals):
                return removed, False

            def remove(connection: sqlite3.Connection) -> Counter[Why]:
                return _remove_oldest(connection, table, limits)

            gone = self._connections.write(f"trimming the {table.name}", remove)
            removed += gone
            if gone["space"]:  # the file must shrink before it is known what is missing still
                return removed, True
        return removed, True

    def _shrink(self, spare_pages: int) -> int:
        """Give unused pages back to the file system but for some to spare; how many are unused."""
        unused = self._unused_pages()
        for _ in range(_ROUNDS):
            if unused <= spare_pages:
                break
            self._connections.vacuum(min(unused - spare_pages, _VACUUM_PAGES))
            unused = self._unused_pages()
        return unused

    def _unused_pages(self) -> int:
        return int(self._connections.read("reading the file's size", "PRAGMA freelist_count")[0][0])

    def _unused_bytes(self) -> int:
        """What the file takes beyond its content, and gives back without any further deletion."""
        page_bytes, num_pages = self._connections.read(
            "reading the file's size",
            "SELECT page_size, page_count FROM pragma_page_size(), pragma_page_count()",
        )[0]
        file_bytes = self._connections.file_bytes()
        unused_pages = self._unused_pages()
        return int(max(0, file_bytes - num_pages * page_bytes) + unused_pages * page_bytes)


def _remove_oldest(connection: sqlite3.Connection, table: _Table, limits: Limits) -> Counter[Why]:
    # chosen again inside the transaction: what was sent a moment ago has made room
    totals = connection.execute(table.totals).fetchone()
    rows = connection.execute(table.oldest, (_BATCH_ROWS,)).fetchall()
    chosen = choose_rows(rows, limits, *totals)
    connection.executemany(table.delete, [(number,) for number in chosen])
    removed = Counter(chosen.values())
    if table.count:
        connection.executemany(
            table.count, [(number, f"dropped_{why}") for why, number in removed.items()]
        )
    return removed


def _in_words(removed: Counter[Why]) -> str:
    words: dict[Why, str] = {
        "age": "for their age",
        "size": "for the total size",
        "count": "for their number",
    }
    return ", ".join(f"{removed[why]} {words[why]}" for why in words if removed[why])
