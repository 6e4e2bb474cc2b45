"""Fetches one file of a model: resumed, retried, and checked against the hub's checksum.

Knows one file and one address. The caller decides which files, where they go, and who watches.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import requests

from edge.errors import ModelError
from edge.hub.listing import Listing, RemoteFile
from edge.hub.wire import Hub, Transient, answer_of, gave_up

_PIECE_BYTES = 1 << 18


def download(
    hub: Hub,
    session: requests.Session,
    listing: Listing,
    file: RemoteFile,
    part: Path,
    *,
    report: Callable[[int], None],
    note: Callable[[str], None],
) -> str:
    """Bring `part` to the complete, checked content of `file`; returns its sha256.

    Goes on from what `part` already holds. `report` is told the bytes on disk so far, `note` each
    trouble that is tried again. May block for as long as bytes keep coming. Raises ModelError when
    the attempts without progress are used up or the content is wrong twice, OSError from the disk;
    `part` then holds what is good so far.
    """
    failures, most_bytes, wrong_sums = 0, _size_of(part), 0
    while True:
        try:
            _receive(hub, session, listing, file, part, report)
        except Transient as trouble:
            if _size_of(part) > most_bytes:
                failures, most_bytes = 0, _size_of(part)
            failures += 1
            if failures > len(hub.delays_s):
                raise gave_up(hub, file.name, trouble) from trouble
            note(f"{file.name}: {trouble}; trying again")
            hub.wait(failures, trouble)
            continue
        sha256, found = checksums_of(part, file)
        if found == file.checksum:
            _sync(part)
            return sha256
        part.unlink()
        wrong_sums += 1
        if wrong_sums > 1:
            raise ModelError(
                f"{file.name}: the content does not fit the hub's checksum, twice:"
                f" expected {file.checksum}, received {found}. Nothing of it was kept;"
                f" a proxy or mirror on the way may alter files ({hub.name})"
            )
        note(f"{file.name}: wrong checksum; fetching it again from the start")


def checksums_of(path: Path, file: RemoteFile) -> tuple[str, str]:
    """The sha256 of `path`, and the checksum to compare with `file.checksum`.

    Git's blob id is the sha1 of `blob`, a space, the size, a zero byte and the content.
    """
    plain = hashlib.sha256()
    blob = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as content:
        while piece := content.read(1 << 20):
            plain.update(piece)
            if file.sha256 is None:
                blob.update(piece)
    sha256 = plain.hexdigest()
    return sha256, sha256 if file.sha256 is not None else blob.hexdigest()


def _receive(
    hub: Hub,
    session: requests.Session,
    listing: Listing,
    file: RemoteFile,
    part: Path,
    report: Callable[[int], None],
) -> None:
    """One request for the bytes that `part` lacks. Returns only when the size is right."""
    if _size_of(part) > file.size_bytes:
        part.unlink()
    have_bytes = _size_of(part)
    report(have_bytes)
    if have_bytes == file.size_bytes:
        part.touch()
        return
    headers = hub.headers()
    if have_bytes:
        headers["range"] = f"bytes={have_bytes}-"
    url = hub.file_url(listing.repo, listing.commit, file.name)
    what = f"{listing.repo}/{file.name}"
    with answer_of(hub, session, url, repo=what, headers=headers) as response:
        if have_bytes and response.status_code != 206:  # the server sends the whole file again
            have_bytes = 0
        elif have_bytes and not _starts_at(response, have_bytes):
            part.unlink()
            raise Transient("the hub sent another range than was asked for")
        with part.open("ab" if have_bytes else "wb") as out:
            for piece in response.iter_content(_PIECE_BYTES):
                out.write(piece)
                have_bytes += len(piece)
                if have_bytes > file.size_bytes:
                    break
                report(have_bytes)
    if have_bytes > file.size_bytes:
        part.unlink()
        raise Transient(f"more than the {file.size_bytes} bytes that the hub announced")
    if have_bytes < file.size_bytes:
        raise Transient(f"cut off after {have_bytes} of {file.size_bytes} bytes")


def _starts_at(response: requests.Response, offset_bytes: int) -> bool:
    return response.headers.get("content-range", "").startswith(f"bytes {offset_bytes}-")


def _size_of(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _sync(path: Path) -> None:
    """Make the content safe against a power cut before a manifest vouches for it."""
    with path.open("rb") as content:
        os.fsync(content.fileno())
