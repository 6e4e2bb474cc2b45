"""The two connections to the database, and who may use them when.

All writes go through one connection under one lock, all reads through another under its own.
Measured with a thread that records as fast as it can, one that retires and one that lists 500
findings (2 cores, SSD): with a connection for each thread and SQLite's own locking the slowest
record took 1.9 s, because SQLite waits for a writer by sleeping, out of turn; with one connection
for everything a paced record took 2.1 ms in the median, because it waits for the readers; this way
0.7 ms, and 92 ms for the slowest at full load.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from edge.errors import DiskFull
from edge.store.faults import translated
from edge.store.opening import open_database, open_reader

T = TypeVar("T")


class Connections:
    """One writer and one reader of the same file; any thread may use either.

    Raises StoreError, from here on and in every method, for all that SQLite and the disk report.
    `make_room` is called when the disk is full; it returns whether trying again may help.
    """

    def __init__(self, path: Path, now: float, make_room: Callable[[], bool]) -> None:
        self.path = path
        self._make_room = make_room
        self._writer = open_database(path, now)
        self._write_lock = threading.Lock()
        try:
            self._reader = open_reader(path)
        except BaseException:
            self._writer.close()
            raise
        self._read_lock = threading.Lock()

    @contextmanager
    def transaction(self, doing: str) -> Iterator[sqlite3.Connection]:
        """All that is written inside is committed and on the disk at the end, or none of it.

        `doing` completes an error's sentence, as "recording finding X".
        """
        with translated(self.path, doing), self._write_lock:
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                # after some errors SQLite has rolled back already
                if self._writer.in_transaction:
                    with suppress(sqlite3.Error):  # the first error is the one to tell
                        self._writer.execute("ROLLBACK")
                raise

    def write(self, doing: str, change: Callable[[sqlite3.Connection], T]) -> T:
        """One transaction, done a second time if the disk was full and there is room now."""
        try:
            with self.transaction(doing) as connection:
                return change(connection)
        except DiskFull:
            if not self._make_room():
                raise
        with self.transaction(doing) as connection:
            return change(connection)

    def read(
        self, doing: str, statement: str, values: Sequence[object] = ()
    ) -> list[tuple[Any, ...]]:
        """All rows of one SELECT; sees every transaction that was committed before."""
        with translated(self.path, doing), self._read_lock:
            return self._reader.execute(statement, values).fetchall()

    def file_bytes(self) -> int:
        """What the database's file takes, without its log."""
        with translated(self.path, "reading the file's size"):
            return self.path.stat().st_size

    def vacuum(self, num_pages: int) -> None:
        """Give up to `num_pages` unused pages back to the file system."""
        with translated(self.path, "shrinking the database"), self._write_lock:
            # It frees one page a step and gives no rows: `execute` would stop after the first
            # page, a script is run to its end.
            self._writer.executescript(f"PRAGMA incremental_vacuum({num_pages:d})")

    def checkpoint(self) -> None:
        """Copy the log into the database as far as no reader needs it; writers go on meanwhile."""
        self.read("writing back the log", "PRAGMA wal_checkpoint(PASSIVE)")

    def close(self) -> None:
        """Close both; the last one to close writes the log back."""
        with translated(self.path, "closing the database"):
            with self._read_lock:
                self._reader.close()
            with self._write_lock:
                self._writer.close()
