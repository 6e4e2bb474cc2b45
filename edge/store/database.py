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
from typing import Any, Self

from pydantic import ValidationError

from edge.errors import StoreError
from edge.findings import Finding
from edge.store.archive import Archive
from edge.store.connections import Connections
from edge.store.opening import FolderLock
from edge.store.outbox import OutboxMessage, OutboxRow, OutboxTotals
from edge.store.retention import Clock, Removed, Retention
from edge.store.settings import StoreSettings
from edge.store.snapshots import SnapshotFolder

_log = logging.getLogger(__name__)

DATABASE_NAME = "edge.db"
# What a row takes beside its texts and payload, indexes included: measured with 20,000 messages of
# 2 and of 200 bytes. (Payloads of just over half a page, 2 to 3 kB, waste the rest of it.)
ROW_BYTES = 120

# What the search index takes: for each character of words and for each verdict. Measured with
# 30,000 findings of 30 words.
_WORD_BYTES = 4
_VERDICT_BYTES = 60

State = dict[str, Any]


class Store:
    """What must outlive the process. Made by `open_store`; `close` it in the end.

    Every method raises StoreError where the disk or the database fails, and then has changed
    nothing; the same call may succeed later. `snapshots` keeps the pictures. `notify`, if set, is
    called after each commit that added outbox rows, in the thread that wrote them; it must be
    quick and must not raise.
    """

    notify: Callable[[], None] | None = None

    def __init__(self, settings: StoreSettings, clock: Clock, monotonic: Clock) -> None:
        self.settings = settings
        self._clock = clock
        self._lock = FolderLock(settings.folder)
        try:
            self._connections = Connections(settings.folder / DATABASE_NAME, clock())
            try:
                self.snapshots = SnapshotFolder(
                    settings.folder / "snapshots", settings.snapshot_quality
                )
            except BaseException:
                self._connections.close()
                raise
        except BaseException:
            self._lock.close()
            raise
        self._retention = Retention(settings, self._connections, self.snapshots, clock, monotonic)
        self._rows_added = threading.Event()
        if self.pending(1):
            self._rows_added.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the files and let the folder go. Calling it twice does no harm."""
        try:
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
        now = self._clock()
        with self._connections.transaction(f"recording finding {finding.id}") as connection:
            _advance_seq(connection, finding)
            _write_finding(connection, finding, now)
            connection.executemany(
                "INSERT INTO outbox (finding, camera, topic, retain, created_at, bytes, payload)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    (finding.id, m.camera, m.topic, m.retain, now, _row_bytes(m), m.payload)
                    for m in messages
                ],
            )
            for key, value in (states or {}).items():
                _write_state(connection, key, value)
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
            with self._connections.transaction("retiring sent messages") as connection:
                connection.executemany("DELETE FROM outbox WHERE id = ?", numbers)

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
            oldest_age_s=max(0.0, self._clock() - oldest[0][0]) if oldest else None,
            dropped_age=totals["dropped_age"],
            dropped_size=totals["dropped_size"],
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
            _write_state(connection, key, value)

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

    def enforce_limits(self, now: float) -> Removed:
        """Remove what is older or larger than the settings allow; `now` is seconds since 1970.

        Does a bounded piece of the work and says in `more` whether some is left; call it about once
        a minute, from any thread. Measured at worst 0.13 s, in transactions of 50 ms or less for
        which a recording may have to wait (2 cores, SSD).
        """
        return self._retention.enforce(now)

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
    settings: StoreSettings, clock: Clock = time.time, monotonic: Clock = time.monotonic
) -> Store:
    """Open the store in `settings.folder`, making what is missing.

    An unusable database is moved aside and an empty one started (logged as an error). Raises
    StoreError if the folder cannot be used or another process is using it. `clock` gives seconds
    since 1970, `monotonic` seconds that nobody can set.
    """
    return Store(settings, clock, monotonic)


def _advance_seq(connection: sqlite3.Connection, finding: Finding) -> None:
    row = connection.execute(
        "SELECT last_seq FROM cameras WHERE camera = ?", (finding.camera,)
    ).fetchone()
    expected = row[0] + 1 if row else 1
    if finding.seq != expected:
        raise StoreError(
            f"camera {finding.camera}: finding {finding.id} carries seq {finding.seq}, "
            f"but the next is {expected}"
        )
    connection.execute(
        "INSERT INTO cameras VALUES (?, ?)"
        " ON CONFLICT (camera) DO UPDATE SET last_seq = excluded.last_seq",
        (finding.camera, finding.seq),
    )


def _write_finding(connection: sqlite3.Connection, finding: Finding, now: float) -> None:
    known = connection.execute("SELECT camera FROM findings WHERE id = ?", (finding.id,)).fetchone()
    if known and (finding.type == "new" or known[0] != finding.camera):
        raise StoreError(
            f"camera {finding.camera}: finding {finding.id} is already known, of camera {known[0]}"
        )
    document = finding.model_dump_json()
    connection.execute(
        "INSERT INTO findings (id, camera, seq, type, ts, first_seen, bytes, document)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
        " seq = excluded.seq, type = excluded.type, ts = excluded.ts, bytes = excluded.bytes,"
        " document = excluded.document",
        (
            finding.id,
            finding.camera,
            finding.seq,
            finding.type,
            finding.ts,
            now,
            len(document.encode()) + _search_bytes(finding) + ROW_BYTES,
            document,
        ),
    )


def _search_bytes(finding: Finding) -> int:
    listed = (*finding.objects, *finding.texts, *finding.spatial_relations)
    words = len(finding.summary) + sum(map(len, listed)) + len(json.dumps(finding.details))
    return _WORD_BYTES * words + _VERDICT_BYTES * len(finding.verdicts)


def _row_bytes(message: OutboxMessage) -> int:
    texts = len(message.topic.encode()) + len(message.camera.encode())
    return len(message.payload) + texts + ROW_BYTES


def _write_state(connection: sqlite3.Connection, key: str, value: State) -> None:
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise StoreError(f"the state {key} is not plain JSON: {error}") from error
    connection.execute(
        "INSERT INTO states VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (key, text),
    )
