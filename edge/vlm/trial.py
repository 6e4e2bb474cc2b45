"""Remembers that a model passed its self-test, so that the next start needs only a warm-up.

The note lies beside the compiled models and holds for exactly this model, these settings, this
OpenVINO and this processor. Knows nothing of the test itself; the engine asks and writes it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import platform
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from edge.vlm.settings import EngineSettings

logger = logging.getLogger(__name__)

# What of the settings changes what is computed; a crop's margin does not.
_COMPUTING = ("accuracy", "dynamic_quantization", "threads")


def has_passed(settings: EngineSettings) -> bool:
    """Whether the self-test was passed by this very model here. False without a cache folder."""
    note = _note(settings)
    return note is not None and note.exists()


def remember_pass(settings: EngineSettings) -> None:
    """Note that the self-test was passed; notes of former models are removed."""
    note = _note(settings)
    if note is None:
        return
    try:
        for old in note.parent.glob("*.tested"):
            if old != note:
                old.unlink(missing_ok=True)
        note.write_text("the model passed its self-test on this machine\n", encoding="utf-8")
    except OSError as error:
        logger.warning("%s cannot be written (%s): each start tests the model", note, error)


def forget_passes(cache_dir: Path) -> None:
    """Remove all notes, as when what they vouch for is found damaged."""
    for note in cache_dir.glob("*.tested"):
        note.unlink(missing_ok=True)


def _note(settings: EngineSettings) -> Path | None:
    """Where the note for this state of things lies."""
    if settings.cache_dir is None:
        return None
    state = {
        "files": _files(settings.model_dir, ("*.xml", "*.bin", "*.json", "*.jinja")),
        "compiled": _files(settings.cache_dir, ("*.blob",)),  # written anew: not tested
        "settings": {key: asdict(settings)[key] for key in _COMPUTING},
        "versions": [version("openvino"), version("edge-keyframe-analyzer")],
        "processor": _processor(),
    }
    digest = hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()
    return settings.cache_dir / f"{digest[:32]}.tested"


def _files(folder: Path, patterns: tuple[str, ...]) -> list[tuple[str, int, int]]:
    """Name, bytes and time of change (ns) of each file, in order."""
    found = [path for pattern in patterns for path in folder.glob(pattern)]
    stats = [(path, path.stat()) for path in sorted(set(found))]
    return [(path.name, stat.st_size, stat.st_mtime_ns) for path, stat in stats]


def _processor() -> list[str]:
    """What decides which kernels run: the machine and the first core's instruction sets."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        text = ""
    kept = [line for line in text.split("\n\n")[0].splitlines() if line.startswith(_CPU_LINES)]
    return [platform.machine(), *kept]


_CPU_LINES = ("model name", "flags", "Features", "CPU part")
