"""What kind of machine this is, as far as it bears on speed. Reads /proc, /sys and OpenVINO."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from dataclasses import dataclass
from pathlib import Path

import openvino as ov

from edge import __version__

_GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")


@dataclass(frozen=True, slots=True)
class Machine:
    """`capabilities` are OpenVINO's words; `load` is the mean number of running processes over the
    last minute, `preload` what LD_PRELOAD put into this process.
    """

    cpu: str
    cores: int
    capabilities: tuple[str, ...]
    governor: str
    memory_bytes: int
    load: float
    preload: str
    system: str
    versions: dict[str, str]


def read_machine() -> Machine:
    """The machine as it is now."""
    core = ov.Core()
    versions = {"edge": __version__, "python": platform.python_version()}
    for name in ("openvino", "openvino-genai"):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return Machine(
        cpu=str(core.get_property("CPU", "FULL_DEVICE_NAME")).strip(),
        cores=usable_cores(),
        capabilities=tuple(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")),
        governor=_read(_GOVERNOR) or "not told",
        memory_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        load=os.getloadavg()[0],
        preload=os.environ.get("LD_PRELOAD", ""),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        versions=versions,
    )


def usable_cores() -> int:
    """The processors this process may run on."""
    return len(os.sched_getaffinity(0))


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
