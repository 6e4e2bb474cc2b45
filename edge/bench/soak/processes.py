"""The box's processes as the kernel shows them: who lives, and what each holds. Reads /proc."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge.bench.figures import read_memory

PROC = Path("/proc")
MAIN, TRACKER = "main", "tracker"


@dataclass(frozen=True, slots=True)
class Held:
    """What a process holds."""

    descriptors: int
    threads: int
    anonymous_bytes: int


def family(main_pid: int) -> dict[str, int]:
    """The daemon and its children by name; those that have just ended are left out."""
    found = {MAIN: main_pid} if is_alive(main_pid) else {}
    for task in _listed(PROC / str(main_pid) / "task"):
        for pid in _read(task / "children").split():
            if is_alive(int(pid)):
                found[_name(int(pid))] = int(pid)
    return found


def is_alive(pid: int) -> bool:
    """Whether it runs; a zombie does not."""
    state = _read(PROC / str(pid) / "stat").rpartition(")")[2].split()
    return bool(state) and state[0] not in "ZX"


def read_held(pid: int) -> Held | None:
    """What it holds now; None if it has ended meanwhile."""
    folder = PROC / str(pid)
    try:
        memory = read_memory(folder / "smaps_rollup")
        descriptors = sum(1 for _ in (folder / "fd").iterdir())
        threads = sum(1 for _ in (folder / "task").iterdir())
    except (OSError, KeyError):
        return None
    return Held(descriptors, threads, memory.anonymous_bytes)


def _name(pid: int) -> str:
    """`cam1` or `analyzer`; of one that has just been started its number."""
    title = _read(PROC / str(pid) / "comm").strip()
    if title.startswith("edge: "):
        return title.removeprefix("edge: ")
    if "resource_tracker" in _read(PROC / str(pid) / "cmdline"):
        return TRACKER
    return str(pid)


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
