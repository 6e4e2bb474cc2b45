"""Shows a model's download: a bar on a terminal, a line for each large file elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from edge.hub import pull
from edge.hub.listing import Listing, RemoteFile

LARGE_BYTES = 1_000_000  # smaller files are not worth a line


@contextmanager
def open_progress(out: TextIO) -> Iterator[pull.Progress]:
    """Whoever watches a download, writing to `out`."""
    if not out.isatty():
        yield _Lines(out)
        return
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(file=out),
    ) as bar:
        yield _Bar(bar)


class _Bar:
    """One bar over all files."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._task: TaskID | None = None
        self._have_bytes: dict[str, int] = {}

    def begin(self, listing: Listing) -> None:
        self._task = self._bar.add_task(listing.repo, total=listing.size_bytes)

    def at(self, file: RemoteFile, have_bytes: int) -> None:
        self._have_bytes[file.name] = have_bytes
        if self._task is not None:
            done_bytes = sum(self._have_bytes.values())
            self._bar.update(self._task, description=file.name, completed=done_bytes)

    def note(self, text: str) -> None:
        self._bar.console.print(text, markup=False, highlight=False)


class _Lines:
    """Plain lines, for a log."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def begin(self, listing: Listing) -> None:
        self._write(f"{listing.repo}: {listing.size_bytes / 1e6:,.1f} MB, commit {listing.commit}")

    def at(self, file: RemoteFile, have_bytes: int) -> None:
        if have_bytes == file.size_bytes >= LARGE_BYTES:
            self._write(f"{file.name}: {have_bytes / 1e6:,.1f} MB")

    def note(self, text: str) -> None:
        self._write(text)

    def _write(self, text: str) -> None:
        print(text, file=self._out, flush=True)
