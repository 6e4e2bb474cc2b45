"""What converting takes: packages, memory, disk. Checked before anything is begun."""

from __future__ import annotations

import importlib.metadata
import shutil
from pathlib import Path

from edge.convert.source import Checkpoint
from edge.errors import ModelError, ModelMissing

PACKAGES = ("torch", "optimum-intel", "nncf")
# Of Qwen3-VL-2B (2.13e9 parameters), exporting peaks at 12 GB and leaves 5 GB of f16 graphs beside
# 1.8 GB of int4 ones.
MEMORY_BYTES_PER_PARAMETER = 5.8
DISK_BYTES_PER_PARAMETER = 3.6
SPARE_BYTES = 500_000_000
_MEMINFO = Path("/proc/meminfo")


def missing_packages() -> list[str]:
    """The packages of the extra that are not installed; imports none."""
    missing = []
    for name in PACKAGES:
        try:
            importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    return missing


def require_packages() -> None:
    """Raises ModelMissing naming the extra where a package is not installed."""
    missing = missing_packages()
    if missing:
        raise ModelMissing(
            f"converting needs {', '.join(missing)}: install the extra `[convert]`, best in an"
            " environment of its own: in the clone of this program's repository, "
            "pip install '.[convert]'"
        )


def require_room(checkpoint: Checkpoint, work_dir: Path, used_bytes: int) -> None:
    """Raises ModelError if the disk of `work_dir` or the memory is too small.

    `used_bytes` is what an earlier run has left in the work folder, which need not fit again.
    """
    needed = checkpoint.num_parameters * DISK_BYTES_PER_PARAMETER + SPARE_BYTES - used_bytes
    free = shutil.disk_usage(work_dir).free
    if free < needed:
        raise ModelError(
            f"{work_dir}: {free / 1e9:.1f} GB free, converting needs {needed / 1e9:.1f} GB;"
            " choose another place with --dest"
        )
    needed, available = memory_needed(checkpoint), _available_bytes()
    if available < needed:
        raise ModelError(
            f"{available / 1e9:.1f} GB of memory and swap are available, converting needs about"
            f" {needed / 1e9:.1f} GB; convert on a larger machine and copy the folder, or pass"
            " --force to try"
        )


def memory_needed(checkpoint: Checkpoint) -> float:
    """Bytes that the export takes at its peak, about."""
    return checkpoint.num_parameters * MEMORY_BYTES_PER_PARAMETER + SPARE_BYTES


def _available_bytes() -> int:
    sizes = dict(line.split(":", 1) for line in _MEMINFO.read_text().splitlines())
    return sum(int(sizes[name].split()[0]) * 1024 for name in ("MemAvailable", "SwapFree"))
