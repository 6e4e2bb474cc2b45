"""Whether the analyzer's process has grown so much that it is to be replaced.

Native libraries leak and their heaps fragment over months; a process that is replaced between two
jobs costs seconds, one that the kernel ends in the midst of one costs more. Pure but for
`read_private_bytes`; the analyzer's host asks.
"""

from __future__ import annotations

from pathlib import Path

WARM_UP_REQUESTS = 20  # until every size of picture has been seen and the heap has its shape
PATIENCE_S = 600.0  # how long a grown process may wait for a moment in which nobody needs it
URGENT_FACTOR = 2  # times the limit, from which on there is no waiting

_FIELDS = ("RssAnon:", "VmSwap:")  # of /proc/PID/status; weights are mapped files, and not ours


class GrowthWatch:
    """One process's memory, from its warm-up on. Bytes are its own: private, swapped or not."""

    def __init__(self) -> None:
        self.level_bytes: int | None = None  # after the warm-up
        self.grown_bytes = 0  # since then
        self._over_since_mono_s: float | None = None

    def look(self, private_bytes: int, num_requests: int, now_mono_s: float, limit: int) -> bool:
        """Take a measurement over; whether the growth has just gone over `limit` bytes."""
        if num_requests < WARM_UP_REQUESTS:
            return False
        if self.level_bytes is None:
            self.level_bytes = private_bytes
        self.grown_bytes = private_bytes - self.level_bytes
        if self.grown_bytes <= limit:
            self._over_since_mono_s = None
            return False
        if self._over_since_mono_s is not None:
            return False
        self._over_since_mono_s = now_mono_s
        return True

    def is_due(self, now_mono_s: float, limit: int, *, is_quiet: bool) -> bool:
        """Whether the process is to be replaced now, between two jobs; `is_quiet`: none waits."""
        if self._over_since_mono_s is None:
            return False
        is_urgent = self.grown_bytes > URGENT_FACTOR * limit
        return is_quiet or is_urgent or now_mono_s - self._over_since_mono_s >= PATIENCE_S


def read_private_bytes(pid: int, root: Path = Path("/")) -> int | None:
    """What a process holds in memory and swap that is no file; None if it has just ended."""
    try:
        text = (root / "proc" / str(pid) / "status").read_text(encoding="utf-8")
    except OSError:
        return None
    fields = (line.split() for line in text.splitlines())
    found = [int(field[1]) for field in fields if len(field) > 1 and field[0] in _FIELDS]
    return 1024 * sum(found) if found else None
