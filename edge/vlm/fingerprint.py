"""What a figure or a verdict about a model holds for: its files, the program, the processor.

Two notes in the cache folder are kept for exactly one such state: that the self-test was passed,
and how long keyframes take. Reads names and sizes only; knows nothing of what is noted.
"""

from __future__ import annotations

import hashlib
import json
import platform
from importlib.metadata import version
from pathlib import Path

# What decides which kernels run.
_CPU_LINES = ("model name", "flags", "Features", "CPU part")


def list_files(folder: Path, patterns: tuple[str, ...]) -> list[tuple[str, int, int]]:
    """Name, bytes and time of change (ns) of each file, in order."""
    found = [path for pattern in patterns for path in folder.glob(pattern)]
    stats = [(path, path.stat()) for path in sorted(set(found))]
    return [(path.name, stat.st_size, stat.st_mtime_ns) for path, stat in stats]


def list_model_files(model_dir: Path) -> list[tuple[str, int, int]]:
    """Those that a model is made of."""
    return list_files(model_dir, ("*.xml", "*.bin", "*.json", "*.jinja"))


def read_versions() -> list[str]:
    """OpenVINO's and this program's."""
    return [version("openvino"), version("edge-keyframe-analyzer")]


def read_processor() -> list[str]:
    """The machine and the first core's name and instruction sets."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        text = ""
    kept = [line for line in text.split("\n\n")[0].splitlines() if line.startswith(_CPU_LINES)]
    return [platform.machine(), *kept]


def digest_of(state: object) -> str:
    """32 hex digits that stand for `state`, plain JSON."""
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()[:32]
