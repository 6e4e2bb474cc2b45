"""Store: findings, outbox and rule states in one SQLite file, snapshots beside it.

It keeps what it is given and gives it back; it does not know what a finding means or where a
message goes. The daemon's main thread writes, the publisher thread reads and retires, HTTP threads
read: every method may be called from any thread.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Self

from pydantic import ValidationError

from edge.errors import DiskFull, StoreError
from edge.findings import Finding
from edge.store.ages import AgeClock, Clock, parse_mark, uptime_s
from edge.store.archive import Archive
from edge.store.connections import Connections
from edge.store.opening import FolderLock
from edge.store.outbox import OutboxMessage, OutboxRow, OutboxTotals
from edge.store.retention import Removed, Retention
from edge.store.room import Room
from edge.store.rows import State, advance_seq, row_bytes, write_finding, write_state
from edge.store.settings import StoreSettings
from edge.store.snapshots import SnapshotFolder

_log = logging.getLogger(__name__)

DATABASE_NAME = "edge.db"
_MARK = "store time"  # the state that the store keeps for itself
_MARK_S = 600.0  # between two of them; what a power cut takes is made up for by the system's clock


class Store:
    """What must outlive the process. Made by `open_store`; `close` it in the end.

    Every method raises StoreError where the disk or the database fails, and then has changed
    nothing; the same call may succeed later. `snapshots` keeps the pictures. `notify`, if set, is
    called after each commit that added outbox rows, in the thread that wrote them; it must be
    quick and must not raise.
    """

    notify: Callable[[], None] | None = None

    def __init__(self, settings: StoreSettings, clock: Clock, uptime: Clock) -> None:
        self.settings = settings
        self._lock = FolderLock(settings.folder)
        try:
            self.room = Room(settings)
            self._connections = self._connect(clock)
            try:
                self._ages = self._open_ages(clock, uptime)
                self.snapshots = SnapshotFolder(
                    settings.folder / "snapshots", settings.snapshot_quality, self._ages.now
                )
                self.room.look()
            except BaseException:
                self._connections.close()
                raise
        except BaseException:
            self._lock.close()
            raise
        self._retention = Retention(
            settings, self._connections, self.snapshots, self._ages, self.room
        )
        self._uptime = uptime
        self._marked_uptime_s = uptime()
        self._rows_added = threading.Event()
        if self.pending(1):
            self._rows_added.set()

    def _connect(self, clock: Clock) -> Connections:
        path = self.settings.folder / DATABASE_NAME
        try:
            return Connections(path, clock(), self.room.refused)
        except DiskFull:  # opening writes too: a log, its index, an older version's migration
            if not self.room.refused():
                raise
        return Connections(path, clock(), self.room.refused)

    def _open_ages(self, clock: Clock, uptime: Clock) -> AgeClock:
        """The store's time, gone on from the last mark; stamps in a store without one are mended
        where a clock that was wrong set them into the future.
        """
        try:
            saved = self.load_state(_MARK)
            if saved is not None:
                return AgeClock(clock, uptime, parse_mark(saved))
        except (StoreError, TypeError, ValueError) as error:  # a damaged row
            _log.warning("the store's time cannot be read, it begins anew: %s", error)
        ages = AgeClock(clock, uptime, None)
        now = ages.now()

        def mend(connection: sqlite3.Connection) -> None:
            for table, column in (("outbox", "created_at"), ("findings", "first_seen")):
                connection.execute(
                    f"UPDATE {table} SET {column} = ? WHERE {column} > ?",  # noqa: S608 (literals)
                    (now, now),
                )
            write_state(connection, _MARK, asdict(ages.mark()))

        self._connections.write("beginning the store's time", mend)
        return ages

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the files and let the folder go. Calling it twice does no harm."""
        try:
            if self._lock.is_held:
                with suppress(StoreError):  # the earlier mark will do
                    self._save_mark()
            self._connections.close()
        finally:
            self._lock.close()

    def open_archive(self) -> Archive:
        """For searching, by a connection of its own; close it before the store."""
        return Archive(self.settings.folder / DATABASE_NAME, self.snapshots)

    def next_seq(self, camera: str) -> int:
        """The number that the camera's next finding message must carry; the first is 1."""
        rows = self._connections.read(
            f"reading the sequence number of {camera}",
            "SELECT last_seq FROM cameras WHERE camera = ?",
            (camera,),
        )
        return int(rows[0][0]) + 1 if rows else 1

    def record(
        self,
        finding: Finding,
        messages: Sequence[OutboxMessage],
        states: Mapping[str, State] | None = None,
    ) -> None:
        """Keep a finding, its messages and the rule states it moved, all or nothing.

        On return everything is on the disk. A `new` finding must not be known; `update` and `end`
        replace the earlier message of the same id (and stand for it where retention has removed
        it). Raises StoreError for a `seq` that is not the camera's next.
        """
        now = self._ages.now()

        def write(connection: sqlite3.Connection) -> None:
            advance_seq(connection, finding)
            write_finding(connection, finding, now)
            connection.executemany(
                "INSERT INTO outbox (finding, camera, topic, retain, created_at, bytes, payload)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    (finding.id, m.camera, m.topic, m.retain, now, row_bytes(m), m.payload)
                    for m in messages
                ],
            )
            for key, value in (states or {}).items():
                write_state(connection, key, value)

        self._connections.write(f"recording finding {finding.id}", write)
        if messages:
            self._rows_added.set()
            if self.notify is not None:
                self.notify()

    def wait_for_rows(self, timeout_s: float) -> bool:
        """Wait until rows were added since the last call; False if none were in time.

        True at once on the first call where rows were left by an earlier run. For one waiting
        thread, which then reads `pending` until that gives nothing.
        """
        added = self._rows_added.wait(timeout_s)
        # cleared before the caller reads, so that a row added from now on wakes it again
        self._rows_added.clear()
        return added

    def pending(self, limit: int, after_id: int = 0) -> list[OutboxRow]:
        """The oldest `limit` messages with an id above `after_id`, in the order of recording."""
        rows = self._connections.read(
            "reading the outbox",
            "SELECT id, camera, topic, payload, retain, created_at FROM outbox"
            " WHERE id > ? ORDER BY id LIMIT ?",
            (after_id, limit),
        )
        return [
            OutboxRow(number, camera, topic, payload, bool(retain), created_at)
            for number, camera, topic, payload, retain, created_at in rows
        ]

    def retire(self, ids: Iterable[int]) -> None:
        """Forget messages that the broker has taken. Unknown ids (dropped meanwhile) are fine."""
        numbers = [(number,) for number in ids]
        if numbers:
            self._connections.write(
                "retiring sent messages",
                lambda connection: connection.executemany(
                    "DELETE FROM outbox WHERE id = ?", numbers
                ),
            )

    def outbox_stats(self) -> OutboxTotals:
        """What waits, and what was dropped over the store's whole life."""
        totals = dict(
            self._connections.read("reading the totals", "SELECT name, value FROM totals")
        )
        oldest = self._connections.read(
            "reading the outbox", "SELECT created_at FROM outbox ORDER BY id LIMIT 1"
        )
        return OutboxTotals(
            pending=totals["outbox_rows"],
            pending_bytes=totals["outbox_bytes"],
            oldest_age_s=max(0.0, self._ages.now() - oldest[0][0]) if oldest else None,
            dropped_age=totals["dropped_age"],
            dropped_size=totals["dropped_size"],
            dropped_count=totals["dropped_count"],
        )

    def finding(self, finding_id: str) -> Finding | None:
        """The finding as last recorded, or None if there is none of that id."""
        found = self._findings("WHERE id = ?", (finding_id,))
        return found[0] if found else None

    def findings(
        self, camera: str | None = None, since: float | None = None, limit: int = 100
    ) -> list[Finding]:
        """The latest findings first: of one camera, captured at `since` (s since 1970) or later."""
        conditions: dict[str, object] = {}
        if camera is not None:
            conditions["camera = ?"] = camera
        if since is not None:
            conditions["ts >= ?"] = since
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        return self._findings(
            f"{where} ORDER BY ts DESC, number DESC LIMIT ?", (*conditions.values(), limit)
        )

    def open_findings(self) -> list[Finding]:
        """Those whose last message is not `end`, oldest first: what a crash left unfinished."""
        return self._findings("WHERE type <> 'end' ORDER BY number", ())

    def finding_ids(self) -> list[str]:
        """The ids of all findings kept, in the order in which they were first recorded."""
        rows = self._connections.read("reading findings", "SELECT id FROM findings ORDER BY number")
        return [row[0] for row in rows]

    def save_state(self, key: str, value: State) -> None:
        """Keep a small JSON object under `key`, in place of an earlier one."""
        with self._connections.transaction(f"saving the state {key}") as connection:
            write_state(connection, key, value)

    def load_state(self, key: str) -> State | None:
        """The object last saved under `key`, or None if there is none."""
        doing = f"loading the state {key}"
        rows = self._connections.read(doing, "SELECT value FROM states WHERE key = ?", (key,))
        if not rows:
            return None
        try:
            value = json.loads(rows[0][0])
        except ValueError as error:
            raise StoreError(f"{self._connections.path}: {doing} failed: {error}") from error
        return dict(value)

    def enforce_limits(self) -> Removed:
        """Remove what is older or larger than the settings allow, or what the disk has no room for.

        Does a bounded piece of the work and says in `more` whether some is left; call it about once
        a minute, from any thread. Measured at worst 0.13 s, in transactions of 50 ms or less for
        which a recording may have to wait (2 cores, SSD).
        """
        removed = self._retention.enforce()
        if self._uptime() - self._marked_uptime_s >= _MARK_S:
            self._save_mark()
        return removed

    def _save_mark(self) -> None:
        self._marked_uptime_s = self._uptime()
        self.save_state(_MARK, asdict(self._ages.mark()))

    def _findings(self, clauses: str, values: Sequence[object]) -> list[Finding]:
        rows = self._connections.read(
            "reading findings",
            f"SELECT id, document FROM findings {clauses}",  # noqa: S608 (clauses are literals)
            values,
        )
        found = []
        for finding_id, document in rows:
            try:
                found.append(Finding.model_validate_json(document))
            except ValidationError as error:
                _log.error("finding %s in the store cannot be read: %s", finding_id, error)
        return found


def open_store(
    settings: StoreSettings, clock: Clock = time.time, uptime: Clock = uptime_s
) -> Store:
    """Open the store in `settings.folder`, making what is missing.

    An unusable database is moved aside and an empty one started (logged as an error). Raises
    StoreError if the folder cannot be used or another process is using it. `clock` gives seconds
    since 1970, `uptime` seconds that nobody can set.
    """
    return Store(settings, clock, uptime)
