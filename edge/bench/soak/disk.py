"""A small disk that can be filled up, made from outside the product.

Mounting it needs root (or `unshare -rm`). Where it is not allowed the disk does not fill up, and
`obstacle` says why.
"""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

SIZE_MB = 64
CHUNK = bytes(1 << 16)


class SmallDisk:
    """A file system of SIZE_MB at `place` between `with` and its end, or just the folder."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.obstacle = ""
        self._filler = place / "filler"

    def __enter__(self) -> Self:
        self.place.mkdir(parents=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "tmpfs", str(self.place)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError as error:
            self.obstacle = f"no small disk can be mounted: {error.strerror}"
        else:
            if done.returncode:
                self.obstacle = f"no small disk can be mounted: {done.stderr.strip()}"
        return self

    def fill(self) -> None:
        """Leave no free byte on it."""
        if self.obstacle:
            return
        with contextlib.suppress(OSError), self._filler.open("ab", buffering=0) as file:
            while file.write(CHUNK):
                pass

    def clear(self) -> None:
        """Give the space back."""
        self._filler.unlink(missing_ok=True)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not self.obstacle:
            command = ["umount", "--lazy", str(self.place)]
            subprocess.run(command, check=False)
