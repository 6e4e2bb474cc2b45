"""Room: whether the disk has space, and a reserve of it that findings may fall back on.

A file of some megabytes lies in the store's folder. When a finding is refused because the disk is
full, the file is deleted and the finding is written into its place; it is taken back as soon as
there is space for it again. Knows neither the database nor what is deleted to make space.
"""

from __future__ import annotations

import logging
import os
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edge.errors import DiskFull, StoreError
from edge.store.faults import translated
from edge.store.settings import StoreSettings

_log = logging.getLogger(__name__)

RESERVE_NAME = "edge.reserve"
# Some 600 messages about findings, each of 3 kB in the log, in the finding's row and in the outbox;
# the log itself keeps 4 MB that are written over.
RESERVE_BYTES = 6 << 20
# Free space below which a disk that was full is so still: one picture would fill it again.
_MARGIN_BYTES = 2 << 20
_AUTO_FLOOR_BYTES = 1_000_000_000
_AUTO_FLOOR_FRAC = 0.05

RoomWord = Literal["ok", "low", "full"]


@dataclass(frozen=True, slots=True)
class RoomFacts:
    """`low`: less is free than is to be, and nothing more can be deleted; `full`: a write was
    refused and there is no space yet.
    """

    word: RoomWord
    free_bytes: int
    floor_bytes: int
    has_reserve: bool


class Room:
    """Looks at the disk of the store's folder. Any thread may call any method.

    Raises StoreError where the disk cannot be asked.
    """

    def __init__(self, settings: StoreSettings) -> None:
        self._folder = settings.folder
        self._min_free_bytes = settings.min_free_bytes
        self._path = settings.folder / RESERVE_NAME
        self._lock = threading.Lock()
        self._is_full = False
        self._is_low = False
        self._word: RoomWord = "ok"  # as last told
        self._is_told_without = False
        with translated(self._path, "reading the reserve"):
            self._has_reserve = (
                self._path.is_file() and self._path.stat().st_blocks * 512 >= RESERVE_BYTES
            )

    @property
    def is_full(self) -> bool:
        """Whether a write was refused and there is no space yet: findings alone are written."""
        return self._is_full

    @property
    def missing_bytes(self) -> int:
        """How much free space is missing to what is to be, and to the reserve on a full disk."""
        facts = self.facts()
        wanted_bytes = facts.floor_bytes
        if self._is_full:
            wanted_bytes = max(wanted_bytes, self._enough_bytes())
        return max(0, wanted_bytes - facts.free_bytes)

    @property
    def below_floor_bytes(self) -> int:
        """How much free space is missing to what is to be."""
        facts = self.facts()
        return max(0, facts.floor_bytes - facts.free_bytes)

    def facts(self) -> RoomFacts:
        """How it is now."""
        free_bytes, floor_bytes = self._measure()
        word: RoomWord = "full" if self._is_full else "low" if self._is_low else "ok"
        return RoomFacts(word, free_bytes, floor_bytes, self._has_reserve)

    def refused(self) -> bool:
        """A write was refused for want of space: give the reserve up; whether there was one."""
        with self._lock:
            self._is_full = True
            self._tell_change()
            if not self._has_reserve:
                return False
            self._has_reserve = False
            with translated(self._path, "giving the reserve up"):
                self._path.unlink(missing_ok=True)
            return True

    def fill(self) -> None:
        """A picture was refused for want of space; the reserve is for findings alone."""
        with self._lock:
            self._is_full = True
            self._tell_change()

    def look(self, *, is_cleared: bool = False) -> RoomFacts:
        """Take the reserve back if there is space for it, and say in the log what has changed.

        `is_cleared`: all has just been deleted that may be.
        """
        with self._lock:
            is_enough = self._measure()[0] >= self._enough_bytes()
            if is_enough and (self._has_reserve or self._take()):
                self._is_full = False
            free_bytes, floor_bytes = self._measure()
            if is_cleared or free_bytes >= floor_bytes:
                self._is_low = free_bytes < floor_bytes
            return self._tell_change()

    def _enough_bytes(self) -> int:
        """Free space from which on a disk that was full is so no more."""
        return _MARGIN_BYTES + (0 if self._has_reserve else RESERVE_BYTES)

    def _measure(self) -> tuple[int, int]:
        """Bytes that are free for an ordinary user, and how many are to be."""
        with translated(self._folder, "asking for free space"):
            found = os.statvfs(self._folder)
        floor = floor_bytes(self._min_free_bytes, found.f_blocks * found.f_frsize)
        return found.f_bavail * found.f_frsize, floor

    def _take(self) -> bool:
        """Write the reserve; False if there is no space for it after all."""
        try:
            with translated(self._path, "writing the reserve"):
                descriptor = os.open(
                    self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600
                )
                try:
                    _fill(descriptor)
                finally:
                    os.close(descriptor)
        except StoreError as error:
            with suppress(
                OSError
            ):  # a disk that broke meanwhile: the first error is the one to tell
                self._path.unlink(missing_ok=True)
            if isinstance(error, DiskFull):
                return False
            if not self._is_told_without:  # a file size limit, say; the disk itself has space
                _log.warning("there is no reserve for a full disk: %s", error)
            self._is_told_without = True
            return True
        self._has_reserve = True
        return True

    def _tell_change(self) -> RoomFacts:
        facts = self.facts()
        if facts.word != self._word:
            self._word = facts.word
            _tell(self._folder, facts)
        return facts


def floor_bytes(min_free_bytes: int | None, total_bytes: int) -> int:
    """What is to be free of a disk of `total_bytes`; `min_free_bytes` is None if it is not set."""
    if min_free_bytes is not None:
        return min_free_bytes
    return min(_AUTO_FLOOR_BYTES, int(_AUTO_FLOOR_FRAC * total_bytes))


def _fill(descriptor: int) -> None:
    """Take RESERVE_BYTES on the disk."""
    os.posix_fallocate(descriptor, 0, RESERVE_BYTES)
    if os.fstat(descriptor).st_blocks * 512 >= RESERVE_BYTES:
        return
    # Promised, but not given: some file systems leave zeros out. What is random they must keep.
    left_bytes = RESERVE_BYTES
    while left_bytes:
        left_bytes -= os.write(descriptor, os.urandom(min(left_bytes, 1 << 20)))
    os.fsync(descriptor)


def _tell(folder: Path, facts: RoomFacts) -> None:
    free_mb = facts.free_bytes / 1e6
    if facts.word == "full":
        _log.error(
            "%s: the disk is full. Findings are kept as long as anything can be written, pictures "
            "are not; free some space on that disk",
            folder,
        )
    elif facts.word == "low":
        _log.warning(
            "%s: %.0f MB are free, less than the %.0f MB that are to be (`store.min_free`), and "
            "there are no pictures and delivered findings left to delete; free some space there",
            folder,
            free_mb,
            facts.floor_bytes / 1e6,
        )
    else:
        _log.info("%s: there is space again, %.0f MB are free", folder, free_mb)
