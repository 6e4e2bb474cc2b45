"""SnapshotFolder: the keyframes' pictures as JPEG files, one folder a day.

A snapshot's id is its finding's id, a UUIDv7, which holds the time: the folder follows from the id,
no index is needed, and nothing that comes from outside ever becomes a path. Its age is another
matter, because the clock that made the id may have been wrong: a file's modification time is the
store's own time (ages.py). Files that are not ours are neither counted nor removed. Does not know
findings or the database.
"""

from __future__ import annotations

import os
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np

from edge.errors import SnapshotMissing, StoreError
from edge.frames import Image
from edge.store.faults import translated

# the first digit ends at d: later times lie beyond the year 9999, which datetime cannot hold
_UUID7 = r"[0-9a-d][0-9a-f]{7}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
_ID = re.compile(_UUID7, re.ASCII)
_FILE = re.compile(rf"({_UUID7})\.jpg", re.ASCII)
_UNFINISHED = re.compile(rf"\.{_UUID7}\.tmp", re.ASCII)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_MAX_SIDE_PX = 65_500  # libjpeg's limit
_BATCH_FILES = 500  # removed in one call


@dataclass(frozen=True, slots=True)
class SnapshotLimits:
    """What may stay: nothing stamped before `cutoff_s` (the store's time), so many bytes and
    pictures at the most. `missing_bytes` are to be freed on top, for the disk's sake.
    """

    cutoff_s: float
    max_bytes: int
    max_count: int | None = None
    missing_bytes: int = 0


@dataclass(frozen=True, slots=True)
class RemovedSnapshots:
    """How many went for their age, the total size, their number and want of space on the disk, and
    whether more have to go.
    """

    age: int = 0
    size: int = 0
    count: int = 0
    space: int = 0
    more: bool = False


@dataclass(slots=True)
class _Day:
    """What one day's folder holds; `oldest_s` is the store's time of the oldest."""

    num_bytes: int = 0
    num_files: int = 0
    oldest_s: float = float("inf")


class SnapshotFolder:
    """Saves, loads and removes snapshots below `folder`; any thread may call any method.

    Looks once through the whole folder when made, and from then on keeps a total for each day.
    Raises StoreError, here and in every method, where the disk fails.
    """

    def __init__(self, folder: Path, quality: int, clock: Callable[[], float]) -> None:
        """`clock` is the store's time, in seconds; stamps that lie after it are set to it."""
        self.folder = folder
        self._quality = quality
        self._clock = clock
        self._lock = threading.Lock()
        with translated(folder, "reading the snapshots"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._kept = {day: _tidy_day(folder / day, clock()) for day in _days(folder)}

    @property
    def total_bytes(self) -> int:
        """What the snapshots take."""
        with self._lock:
            return self._total_bytes()

    def save(self, finding_id: str, image: Image) -> str:
        """Encode (H, W, 3) uint8 RGB as JPEG, keep it and return its id.

        On return the file is on the disk, whole; a second picture of one finding takes the first
        one's place. Takes 11 ms for a 1920x1080 picture of 620 kB (2 cores, SSD). Raises
        StoreError for an id that is no UUIDv7 and for an array that is no picture.
        """
        if not _ID.fullmatch(finding_id):
            raise StoreError(f"a snapshot needs a finding's id (a UUIDv7), not {finding_id!r}")
        data = _encode(image, self._quality)
        path = self._path(finding_id)
        with translated(path, "saving the snapshot"), self._lock:
            if not path.parent.is_dir():
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                _sync_folder(self.folder)
            replaced_bytes = path.stat().st_size if path.exists() else 0
            stamp_s = self._clock()
            _write_whole(path, data, stamp_s)
            day = self._kept.setdefault(path.parent.name, _Day())
            day.num_bytes += len(data) - replaced_bytes
            day.num_files += not replaced_bytes
            day.oldest_s = min(day.oldest_s, stamp_s)
        return finding_id

    def load(self, snapshot_id: str) -> bytes:
        """The JPEG bytes. Raises SnapshotMissing for an id that is not kept, or is no id at all."""
        if not _ID.fullmatch(snapshot_id):
            raise SnapshotMissing(f"{snapshot_id[:80]!r} is not the id of a snapshot")
        path = self._path(snapshot_id)
        with translated(path, "reading the snapshot"):
            try:
                return path.read_bytes()
            except (FileNotFoundError, NotADirectoryError) as error:
                raise SnapshotMissing(f"no snapshot {snapshot_id} is kept") from error

    def remove_oldest(self, limits: SnapshotLimits) -> RemovedSnapshots:
        """Remove snapshots that may not stay, the oldest first, at most 500 in one call.

        By the stamps of the files; folders one after the other, by their oldest.
        """
        removed: Counter[str] = Counter()
        missing_bytes = limits.missing_bytes
        with translated(self.folder, "removing old snapshots"), self._lock:
            for name in sorted(self._kept, key=lambda day: self._kept[day].oldest_s):
                if not self._why(limits, self._kept[name].oldest_s, missing_bytes):
                    break
                files = sorted(_snapshots_in(self.folder / name))
                # measured anew: somebody may have removed files by hand
                day = self._kept[name] = _sum(files)
                for number, (stamp_s, path, num_bytes) in enumerate(files):
                    why = self._why(limits, stamp_s, missing_bytes)
                    if not why:
                        break
                    if removed.total() == _BATCH_FILES:
                        return _removed(removed, more=True)
                    path.unlink(missing_ok=True)
                    missing_bytes -= num_bytes
                    removed[why] += 1
                    day.num_bytes -= num_bytes
                    day.num_files -= 1
                    day.oldest_s = files[number + 1][0] if day.num_files else float("inf")
                if not day.num_files:
                    del self._kept[name]
                    with suppress(OSError):  # not empty: files that are not ours stay
                        (self.folder / name).rmdir()
        return _removed(removed)

    def _why(self, limits: SnapshotLimits, stamp_s: float, missing_bytes: int) -> str:
        """Why the oldest snapshot, of that stamp, may not stay; "" if it may."""
        if stamp_s < limits.cutoff_s:
            return "age"
        if self._total_bytes() > limits.max_bytes:
            return "size"
        num_files = sum(day.num_files for day in self._kept.values())
        if limits.max_count is not None and num_files > limits.max_count:
            return "count"
        return "space" if missing_bytes > 0 and num_files else ""

    def _total_bytes(self) -> int:
        return sum(day.num_bytes for day in self._kept.values())

    def _path(self, snapshot_id: str) -> Path:
        return self.folder / _day_of(_time_of(snapshot_id)) / f"{snapshot_id}.jpg"


def _time_of(snapshot_id: str) -> float:
    """Seconds since 1970 from a UUIDv7's first 48 bits, which count milliseconds (RFC 9562)."""
    return int(snapshot_id[:8] + snapshot_id[9:13], 16) / 1000


def _day_of(time_s: float) -> str:
    return f"{datetime.fromtimestamp(time_s, UTC):%Y-%m-%d}"


def _encode(image: Image, quality: int) -> bytes:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise StoreError(f"a snapshot must be (H, W, 3) uint8, not {image.shape} {image.dtype}")
    if not (0 < image.shape[0] <= _MAX_SIDE_PX and 0 < image.shape[1] <= _MAX_SIDE_PX):
        raise StoreError(
            f"a snapshot must be 1..{_MAX_SIDE_PX} pixels wide and high, "
            f"not {image.shape[1]}x{image.shape[0]}"
        )
    try:
        bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        done, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    except cv2.error as error:
        raise StoreError(f"the snapshot cannot be encoded: {error}") from error
    if not done:
        raise StoreError(f"OpenCV cannot encode a JPEG of {image.shape[1]}x{image.shape[0]}")
    return data.tobytes()


def _write_whole(path: Path, data: bytes, stamp_s: float) -> None:
    """Write under another name first: a reader or a crash never sees half a picture."""
    unfinished = path.with_name(f".{path.stem}.tmp")
    try:
        with open(unfinished, "wb", opener=_private) as file:
            file.write(data)
            file.flush()
            os.utime(file.fileno(), (stamp_s, stamp_s))
            os.fsync(file.fileno())
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _days(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return [
            e.name for e in entries if _DAY.fullmatch(e.name) and e.is_dir(follow_symlinks=False)
        ]


def _snapshots_in(day_folder: Path) -> Iterator[tuple[float, Path, int]]:
    """Our files in one day's folder: the store's time of each, its path and size."""
    try:
        with os.scandir(day_folder) as entries:
            for entry in entries:
                if _FILE.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                    with suppress(FileNotFoundError):  # removed by hand a moment ago
                        found = entry.stat(follow_symlinks=False)
                        yield found.st_mtime, Path(entry.path), found.st_size
    except FileNotFoundError:
        return  # the whole folder was removed by hand


def _removed(numbers: Counter[str], *, more: bool = False) -> RemovedSnapshots:
    return RemovedSnapshots(
        numbers["age"], numbers["size"], numbers["count"], numbers["space"], more
    )


def _sum(files: Sequence[tuple[float, Path, int]]) -> _Day:
    """The account of files that stand in the order of their stamps."""
    oldest_s = files[0][0] if files else float("inf")
    return _Day(sum(num_bytes for *_, num_bytes in files), len(files), oldest_s)


def _tidy_day(day_folder: Path, now_s: float) -> _Day:
    """Remove what a crash left half-written, mend stamps that lie after `now_s`; what is there."""
    with os.scandir(day_folder) as entries:
        unfinished = [e.path for e in entries if _UNFINISHED.fullmatch(e.name)]
    for path in unfinished:
        Path(path).unlink(missing_ok=True)
    for stamp_s, kept, _ in list(_snapshots_in(day_folder)):
        if stamp_s > now_s:
            with suppress(OSError):  # another user's file, put back from a backup: it goes last
                os.utime(kept, (now_s, now_s))
    return _sum(sorted(_snapshots_in(day_folder)))
