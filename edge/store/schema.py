"""The database's tables, and how a file written by an older version becomes a current one.

`PRAGMA user_version` counts the migrations that a file has seen; a new file runs them all. Never
change a migration that was released: add one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from edge.store.search_index import SEARCH

APPLICATION_ID = 0x65646765  # "edge": tells our file from another program's SQLite database

# The totals are kept by triggers, in the transaction that changes the rows, so that they cannot
# disagree with them and no limit or statistic needs to add up a table.
_FIRST: tuple[str, ...] = (
    """CREATE TABLE cameras (
        camera TEXT PRIMARY KEY,
        last_seq INTEGER NOT NULL
    ) WITHOUT ROWID""",
    """CREATE TABLE findings (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        camera TEXT NOT NULL,
        seq INTEGER NOT NULL,
        type TEXT NOT NULL,
        ts REAL NOT NULL,
        first_seen REAL NOT NULL,
        bytes INTEGER NOT NULL,
        document TEXT NOT NULL
    )""",
    "CREATE INDEX findings_by_ts ON findings (ts)",
    "CREATE INDEX findings_by_camera_ts ON findings (camera, ts)",
    "CREATE INDEX findings_open ON findings (number) WHERE type <> 'end'",
    """CREATE TABLE outbox (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        finding TEXT NOT NULL,
        camera TEXT NOT NULL,
        topic TEXT NOT NULL,
        retain INTEGER NOT NULL,
        created_at REAL NOT NULL,
        bytes INTEGER NOT NULL,
        payload BLOB NOT NULL
    )""",
    "CREATE INDEX outbox_by_finding ON outbox (finding)",
    """CREATE TABLE states (
        key TEXT PRIMARY KEY,
        value TEXT NOT NULL
    ) WITHOUT ROWID""",
    """CREATE TABLE totals (
        name TEXT PRIMARY KEY,
        value INTEGER NOT NULL
    ) WITHOUT ROWID""",
    """INSERT INTO totals VALUES
        ('findings_bytes', 0), ('outbox_rows', 0), ('outbox_bytes', 0),
        ('dropped_age', 0), ('dropped_size', 0)""",
    """CREATE TRIGGER finding_added AFTER INSERT ON findings BEGIN
        UPDATE totals SET value = value + new.bytes WHERE name = 'findings_bytes';
    END""",
    """CREATE TRIGGER finding_replaced AFTER UPDATE OF bytes ON findings BEGIN
        UPDATE totals SET value = value + new.bytes - old.bytes WHERE name = 'findings_bytes';
    END""",
    """CREATE TRIGGER finding_removed AFTER DELETE ON findings BEGIN
        UPDATE totals SET value = value - old.bytes WHERE name = 'findings_bytes';
    END""",
    """CREATE TRIGGER message_added AFTER INSERT ON outbox BEGIN
        UPDATE totals SET value = value + 1 WHERE name = 'outbox_rows';
        UPDATE totals SET value = value + new.bytes WHERE name = 'outbox_bytes';
    END""",
    """CREATE TRIGGER message_removed AFTER DELETE ON outbox BEGIN
        UPDATE totals SET value = value - 1 WHERE name = 'outbox_rows';
        UPDATE totals SET value = value - old.bytes WHERE name = 'outbox_bytes';
    END""",
)

_COUNTS: tuple[str, ...] = (
    "INSERT INTO totals SELECT 'findings_rows', count(*) FROM findings",
    "INSERT INTO totals VALUES ('dropped_count', 0)",
    """CREATE TRIGGER finding_counted AFTER INSERT ON findings BEGIN
        UPDATE totals SET value = value + 1 WHERE name = 'findings_rows';
    END""",
    """CREATE TRIGGER finding_uncounted AFTER DELETE ON findings BEGIN
        UPDATE totals SET value = value - 1 WHERE name = 'findings_rows';
    END""",
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (_FIRST, SEARCH, _COUNTS)


def migrate(connection: sqlite3.Connection, migrations: Sequence[Sequence[str]]) -> tuple[int, int]:
    """Bring the file up to the last of `migrations`; return the version before and after.

    Each migration is one transaction: a failure (sqlite3.Error) leaves the file at the version it
    had reached. The caller has made sure that the file is not newer than the list.
    """
    before: int = connection.execute("PRAGMA user_version").fetchone()[0]
    for version in range(before, len(migrations)):
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in migrations[version]:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {version + 1}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
    return before, max(before, len(migrations))
