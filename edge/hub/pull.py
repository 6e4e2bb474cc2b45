"""Fetches a whole model into a folder, so that the folder is complete or says that it is not.

Files arrive in a subfolder, are checked there, and move into place only when all have come; the
manifest is written last. Called by `edge model pull`.
"""

from __future__ import annotations

import errno
import fcntl
import functools
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import requests

from edge.errors import ModelError, ModelInvalid
from edge.hub.folder import (
    MANIFEST,
    MODEL,
    PARTIAL_DIR,
    Contents,
    FileRecord,
    Manifest,
    faults_of,
    read_manifest,
    write_manifest,
)
from edge.hub.listing import Listing, RemoteFile, check_repo_name, list_files
from edge.hub.transfer import checksums_of, download
from edge.hub.wire import Hub

SPARE_BYTES = 64 << 20  # left free on the disk after the download


class Progress(Protocol):
    """Who watches a download."""

    def begin(self, listing: Listing) -> None:
        """The files are known and the download starts."""

    def at(self, file: RemoteFile, have_bytes: int) -> None:
        """So much of `file` is on the disk; may go back to 0."""

    def note(self, text: str) -> None:
        """Something went wrong and is tried again."""


@dataclass(frozen=True, slots=True)
class Pulled:
    """The result: the folder's manifest, and whether anything had to be fetched."""

    folder: Path
    manifest: Manifest
    already_there: bool


def pull(
    hub: Hub,
    repo: str,
    dest: Path,
    *,
    revision: str,
    force: bool,
    progress: Progress,
    contents: Contents = MODEL,
) -> Pulled:
    """Make `dest` a complete copy of `repo` at `revision`.

    Does nothing if it is one already, unless `force`. An earlier version in `dest` stays usable
    until the new one has come completely; files that did not change are not fetched again. An
    interrupted download goes on where it stopped.

    Raises ModelMissing, ModelInvalid or ModelError; what has arrived is kept for the next attempt.
    """
    check_repo_name(repo)
    with _disk_errors(dest), requests.Session() as session:
        _refuse_foreign(dest)
        if not (dest / MANIFEST).exists():  # a complete model may be another user's; it may stay
            _require_writable(dest)
        listing = list_files(hub, session, repo, revision, progress.note, contents)
        there = None if force else _same_commit(dest, listing)
        if there is not None:
            return Pulled(dest, there, already_there=True)
        with _locked(dest) as partial:
            progress.begin(listing)
            if not force:
                _reuse_old(dest, partial, listing)
            _require_space(partial, listing)
            manifest = Manifest(
                repo=repo,
                revision=revision,
                commit=listing.commit,
                pulled_at=datetime.now(UTC).isoformat(timespec="seconds"),
                files=tuple(_fetch_all(hub, session, listing, partial, progress)),
            )
            _install(dest, partial, listing, manifest)
    return Pulled(dest, manifest, already_there=False)


def _fetch_all(
    hub: Hub, session: requests.Session, listing: Listing, partial: Path, progress: Progress
) -> Iterator[FileRecord]:
    """Fetch every file into `partial`, the smallest (and with them the configuration) first."""
    for file in listing.files:
        part = partial / _part_name(file)
        sha256 = download(
            hub,
            session,
            listing,
            file,
            part,
            report=functools.partial(progress.at, file),
            note=progress.note,
        )
        if file.name == "config.json":
            _require_qwen3_vl(part, listing.repo)
        yield FileRecord(name=file.name, size_bytes=file.size_bytes, sha256=sha256)


def _refuse_foreign(dest: Path) -> None:
    """Never write into a folder that holds something else."""
    if dest.exists() and not dest.is_dir():
        raise ModelError(f"{dest}: is a file; give a folder")
    if not dest.is_dir() or (dest / MANIFEST).exists() or (dest / PARTIAL_DIR).is_dir():
        return
    if any(entry.name != "lost+found" for entry in dest.iterdir()):
        raise ModelError(
            f"{dest}: holds files that `edge model pull` did not put there;"
            " give an empty or new folder with --dest"
        )


def _require_writable(dest: Path) -> None:
    """Say so before anything is fetched if `dest` cannot be made or written."""
    existing = next(p for p in (dest, *dest.absolute().parents) if os.path.lexists(p))
    if not existing.is_dir():
        raise ModelError(f"{dest}: {existing} is not a folder; choose another with --dest")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise ModelError(_not_allowed(dest))


def _not_allowed(dest: Path) -> str:
    return (
        f"{dest}: not allowed to write here; run as the folder's owner, or choose a folder with"
        " --dest or EDGE_MODELS"
    )


def _same_commit(dest: Path, listing: Listing) -> Manifest | None:
    """The manifest of what is in `dest` if it is complete and of the listed commit."""
    try:
        manifest = read_manifest(dest)
    except ModelInvalid:
        return None
    if manifest is None or (manifest.repo, manifest.commit) != (listing.repo, listing.commit):
        return None
    return None if faults_of(dest) else manifest


def _part_name(file: RemoteFile) -> str:
    """Names the content too, so that parts of two revisions never mix."""
    return f"{file.name}.{file.checksum[:16]}.part"


def _reuse_old(dest: Path, partial: Path, listing: Listing) -> None:
    """Link those files of an earlier version that are still the same, instead of fetching them."""
    for file in listing.files:
        old, part = dest / file.name, partial / _part_name(file)
        if old.is_file() and not part.exists() and old.stat().st_size == file.size_bytes:
            if checksums_of(old, file)[1] != file.checksum:
                continue
            try:
                part.hardlink_to(old)
            except OSError:  # a file system without hard links
                shutil.copyfile(old, part)


def _require_space(partial: Path, listing: Listing) -> None:
    parts = [(file.size_bytes, partial / _part_name(file)) for file in listing.files]
    needed_bytes = sum(max(0, s - (p.stat().st_size if p.exists() else 0)) for s, p in parts)
    free_bytes = shutil.disk_usage(partial).free
    if needed_bytes + SPARE_BYTES > free_bytes:
        raise ModelError(
            f"{partial.parent}: not enough space: {needed_bytes / 1e6:,.0f} MB to fetch and"
            f" {SPARE_BYTES / 1e6:,.0f} MB to spare, but {free_bytes / 1e6:,.0f} MB are free"
        )


def _require_qwen3_vl(config: Path, repo: str) -> None:
    """Refuse another architecture before the large files are fetched."""
    try:
        model_type = json.loads(config.read_bytes())["model_type"]
    except (ValueError, KeyError, TypeError) as error:
        raise ModelInvalid(f"{repo}: its config.json does not name a model_type") from error
    if model_type != "qwen3_vl":
        raise ModelInvalid(f"{repo}: is a {model_type!r} model; only qwen3_vl can be used")


def _install(dest: Path, partial: Path, listing: Listing, manifest: Manifest) -> None:
    """Move the checked files into place; until the new manifest is there, `dest` is incomplete."""
    try:
        old = read_manifest(dest)
    except ModelInvalid:
        old = None
    (dest / MANIFEST).unlink(missing_ok=True)
    for file in listing.files:
        (partial / _part_name(file)).replace(dest / file.name)
    for record in old.files if old is not None else ():
        if record.name not in {file.name for file in listing.files}:
            (dest / record.name).unlink(missing_ok=True)
    write_manifest(dest, manifest)
    folder = os.open(dest, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    shutil.rmtree(partial)


@contextmanager
def _locked(dest: Path) -> Iterator[Path]:
    """The folder for unfinished files, for this process alone."""
    partial = dest / PARTIAL_DIR
    partial.mkdir(parents=True, exist_ok=True)
    with (partial / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ModelError(f"{dest}: another `edge model pull` is writing here") from error
        yield partial


@contextmanager
def _disk_errors(dest: Path) -> Iterator[None]:
    """Turn what the file system refuses into an error that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise ModelError(
                f"{dest}: the disk is full; what has arrived is kept, make room and run the same"
                " command again"
            ) from error
        if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
            raise ModelError(_not_allowed(dest)) from error
        raise ModelError(f"{dest}: {error.strerror or type(error).__name__}") from error
