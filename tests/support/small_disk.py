"""A small file system of its own, to be filled to the last byte."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest


@contextmanager
def mounted_disk(place: Path, size_mb: int) -> Iterator[Path]:
    """A file system of so many MiB at `place`; skips the test where none can be mounted."""
    place.mkdir()
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size_mb}m", "tmpfs", str(place)],
        check=False,
        capture_output=True,
        text=True,
    )
    if mounted.returncode != 0:
        pytest.skip(f"cannot mount a small disk: {mounted.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(disk: Path) -> Path:
    """Take what is left of the disk, to the last byte."""
    filler = disk / "filler"
    with filler.open("ab", buffering=0) as file:
        for size_bytes in (1 << 16, 4096, 1):
            with suppress(OSError):
                while file.write(bytes(size_bytes)):
                    pass
    return filler
