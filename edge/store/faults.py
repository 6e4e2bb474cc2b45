"""Turns what SQLite and the file system report into StoreError: which file, what, what to do.

Every entrance of this folder runs inside `translated`; nobody outside needs to know sqlite3.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.errors import DiskFull, StoreError

_SQLITE_ADVICE = {
    sqlite3.SQLITE_FULL: "free some space on that disk, or lower the limits under `store`",
    sqlite3.SQLITE_READONLY: "the file cannot be written; check its owner, its permissions and "
    "whether the disk is mounted read-only",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened; check the owner and permissions of its "
    "folder",
    sqlite3.SQLITE_PERM: "no permission; check the owner and permissions of the file",
    sqlite3.SQLITE_BUSY: "another program holds the database; close it",
    sqlite3.SQLITE_LOCKED: "another program holds the database; close it",
    sqlite3.SQLITE_CORRUPT: "the database is damaged; restart, and the damaged file is kept aside "
    "and a new one started",
    sqlite3.SQLITE_NOTADB: "this is no database any more; restart, and the file is kept aside and "
    "a new one started",
    sqlite3.SQLITE_IOERR: "reading or writing failed; check the disk (free space, cable, health)",
    sqlite3.SQLITE_TOOBIG: "the value is too large to be stored",
}
_OS_ADVICE = {
    errno.ENOSPC: "free some space on that disk, or lower the limits under `store`",
    errno.EDQUOT: "free some space within the quota, or lower the limits under `store`",
    errno.EFBIG: "the file may not grow any further; raise the file size limit of this process",
    errno.EROFS: "the disk is mounted read-only; mount it writable or set another `store.folder`",
    errno.EACCES: "no permission; check the owner and permissions, or set another `store.folder`",
    errno.EPERM: "no permission; check the owner and permissions, or set another `store.folder`",
    errno.EIO: "reading or writing failed; check the disk (cable, health)",
}
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
_NONE_BYTES = 64 << 10  # two pages of the log's index, and what a commit writes at the least


@contextmanager
def translated(path: Path, doing: str) -> Iterator[None]:
    """Raise StoreError, naming `path` and `doing`, for any sqlite3 or file system exception.

    DiskFull, which is one too, where it was for want of space.
    """
    try:
        yield
    except sqlite3.Error as error:
        # extended codes carry the primary one in their low byte; errors of the Python wrapper
        # itself (a closed connection) carry none
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        is_full = code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _has_none(path))
        advice = _SQLITE_ADVICE.get(sqlite3.SQLITE_FULL if is_full else code, "")
        fault = DiskFull if is_full else StoreError
        raise fault(_sentence(path, doing, str(error), advice)) from error
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        advice = _OS_ADVICE.get(error.errno or 0, "")
        fault = DiskFull if error.errno in _NO_SPACE else StoreError
        raise fault(_sentence(path, doing, reason, advice)) from error
    except (UnicodeError, OverflowError) as error:
        # raised by sqlite3 itself: a lone surrogate or an integer past 64 bits among the values,
        # a message that quotes damaged text
        raise StoreError(_sentence(path, doing, str(error), "")) from error


def _has_none(path: Path) -> bool:
    """Whether the disk is full: SQLite calls it an I/O error where its shared memory cannot grow
    or the refusal comes with a sync.
    """
    try:
        found = os.statvfs(path.parent)
    except OSError:
        return False
    return found.f_bavail * found.f_frsize < _NONE_BYTES


def _sentence(path: Path, doing: str, reason: str, advice: str) -> str:
    return f"{path}: {doing} failed: {reason}" + (f"; {advice}" if advice else "")
