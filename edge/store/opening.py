"""Opens the database file, whatever state it is found in, without ever overwriting one.

A damaged file, another program's, or one of a newer version is moved aside under a telling name
and an empty database takes its place; an older one is migrated. A lock on the folder, held for
life, keeps a second daemon out. Called by `open_store` only.
"""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from edge.errors import StoreError
from edge.store.faults import translated
from edge.store.place import folder_obstacle
from edge.store.schema import APPLICATION_ID, MIGRATIONS, migrate

_log = logging.getLogger(__name__)

BUSY_TIMEOUT_MS = 2000  # only another program can hold the file: a backup, someone's shell
_WAL_LIMIT_BYTES = 4 << 20  # what the log keeps on disk after a checkpoint; 1000 pages, as filled
# The search index's own tables are SQLite's business: another version may define them otherwise.
_DEFINITIONS = (
    "SELECT name, sql FROM sqlite_schema"
    " WHERE sql IS NOT NULL AND substr(name, 1, 14) <> 'findings_text_'"
)
_SIDE_FILES = ("", "-wal", "-shm", "-journal")
# these speak of the surroundings; any other error on reading means that the file itself is bad
_NOT_THE_FILES_FAULT = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_READONLY,
    }
)


class FolderLock:
    """An exclusive flock on `edge.lock` in the folder; the kernel drops it when the process dies.

    Raises StoreError if the folder cannot be made or written, or if another process holds it.
    """

    def __init__(self, folder: Path) -> None:
        obstacle = folder_obstacle(folder)
        if obstacle:
            raise StoreError(obstacle)
        with translated(folder, "making the store's folder"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / "edge.lock"
        with translated(path, "locking the store's folder"):
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                self._take(folder)
            except BaseException:
                os.close(self._fd)
                raise

    def _take(self, folder: Path) -> None:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(self._fd, 32, 0).decode("ascii", "replace").strip()
            raise StoreError(
                f"the store's folder {folder} is in use by another process"
                + (f" (pid {holder})" if holder else "")
                + "; stop it, or give this one a `store.folder` of its own"
            ) from error
        with suppress(OSError):  # the pid is a courtesy; on a full disk the lock holds without it
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, f"{os.getpid()}\n".encode("ascii"), 0)

    @property
    def is_held(self) -> bool:
        """Whether it was not closed yet."""
        return self._fd >= 0

    def close(self) -> None:
        """Let the folder go. Calling it twice does no harm."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


@dataclass(frozen=True, slots=True)
class _Unusable:
    label: str  # becomes part of the name under which the file is kept
    reason: str


def open_database(path: Path, now: float) -> sqlite3.Connection:
    """A writing connection to the current version of the database at `path`.

    `now` (seconds since 1970) names a file that must be moved aside. The caller holds the folder's
    lock. Raises StoreError, leaving the file as it was, where the surroundings are at fault.
    """
    with translated(path, "opening the database"):
        fault = _examine(path)
        if fault is not None:
            _move_aside(path, fault, now)
        # Made here, because SQLite would let others read it; its side files take its mode.
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        connection = _connect(path)
        try:
            _configure(connection, path)
            before, after = migrate(connection, MIGRATIONS)
            _mend_search(connection, path)
        except BaseException:
            connection.close()
            raise
    if 0 < before < after:
        _log.info("%s: brought from version %d to %d", path, before, after)
    return connection


def _mend_search(connection: sqlite3.Connection, path: Path) -> None:
    """Make the search index anew if it is damaged: nothing could be recorded with it."""
    try:
        connection.execute("INSERT INTO findings_text (findings_text) VALUES ('integrity-check')")
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_CORRUPT:
            raise
        _log.error("%s: the search index is damaged (%s); it is made anew", path, error)
        connection.execute("INSERT INTO findings_text (findings_text) VALUES ('rebuild')")


def open_reader(path: Path) -> sqlite3.Connection:
    """A second connection, for reading, to a database that `open_database` has opened."""
    with translated(path, "opening the database"):
        connection = _connect(path)
        connection.execute("PRAGMA query_only = ON")
    return connection


def _connect(path: Path) -> sqlite3.Connection:
    """Plain connection: transactions are begun and ended by us, the callers lock."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    # one damaged character must not make a row unreadable, and with it all rows behind it
    connection.text_factory = lambda data: data.decode("utf-8", "replace")
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    return connection


def _configure(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # counts only before the first write
    mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        raise StoreError(
            f"{path}: this file system cannot hold a write-ahead log (journal mode is {mode}); "
            "put `store.folder` on a local disk"
        )
    connection.execute("PRAGMA synchronous = FULL")  # a commit survives a power cut
    connection.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT_BYTES}")
    connection.execute("PRAGMA cell_size_check = ON")


def _examine(path: Path) -> _Unusable | None:
    """Why the file cannot be used, or None. Changes nothing in it."""
    if not path.exists() or path.stat().st_size == 0:
        log_path = Path(f"{path}-wal")
        if log_path.exists() and log_path.stat().st_size > 0:
            # SQLite would delete the log, and with it whatever was committed last
            return _Unusable("corrupt", "its write-ahead log is there, but the file is empty")
        return None
    if not path.is_file():
        raise StoreError(f"{path} is not a file; move it away, or set another `store.folder`")
    with path.open("rb") as file:
        header = file.read(100)
    # format numbers of the file: with an unknown write format SQLite opens it read-only
    if header.startswith(b"SQLite format 3\0") and not {*header[18:20]} <= {1, 2}:
        return _Unusable("corrupt", "its header names an unknown file format")
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as connection:
            connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
            return _examine_content(connection)
    except UnicodeDecodeError as error:  # sqlite3 makes texts of what it finds in the file
        return _Unusable("corrupt", str(error))
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _NOT_THE_FILES_FAULT:
            raise
        return _Unusable("corrupt", str(error))


def _examine_content(connection: sqlite3.Connection) -> _Unusable | None:
    application_id = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if application_id != APPLICATION_ID and (tables or version or application_id):
        return _Unusable("foreign", "it is a database of another program")
    if tables and version < 1:
        return _Unusable("corrupt", f"it holds tables, but of schema version {version}")
    if version > len(MIGRATIONS):
        return _Unusable(
            f"version-{version}",
            f"it was written by a newer version of this program (its schema is {version}, this one "
            f"knows {len(MIGRATIONS)})",
        )
    found, own = set(connection.execute(_DEFINITIONS)), _definitions(version)
    if tables and found & (_definitions(len(MIGRATIONS)) - own):
        return _Unusable("corrupt", f"it holds more than schema version {version}, which it names")
    damaged = own - found
    if damaged:
        names = ", ".join(sorted(name for name, _ in damaged))
        return _Unusable("corrupt", f"these tables are missing or damaged: {names}")
    verdict = str(connection.execute("PRAGMA integrity_check(1)").fetchone()[0])
    return None if verdict == "ok" else _Unusable("corrupt", verdict)


def _definitions(version: int) -> set[tuple[str, str]]:
    """Names and definitions of all that a sound file of this version holds."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrate(connection, MIGRATIONS[:version])
        return set(connection.execute(_DEFINITIONS))


def _move_aside(path: Path, fault: _Unusable, now: float) -> None:
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    target = Path(f"{path}.{fault.label}-{stamp}")
    attempt = 1
    while any(Path(f"{target}{side}").exists() for side in _SIDE_FILES):
        attempt += 1
        target = Path(f"{path}.{fault.label}-{stamp}.{attempt}")
    for side in _SIDE_FILES:
        source = Path(f"{path}{side}")
        if source.exists():
            source.rename(f"{target}{side}")
    _log.error(
        "%s cannot be used: %s. It is kept as %s and an EMPTY store takes its place: earlier "
        "findings, rule states and unsent messages are in the kept file, and sequence numbers "
        "start again at 1",
        path,
        fault.reason,
        target,
    )
