"""What is known of the box's pace before or beside the daemon.

Reads the file that the daemon keeps; called by `edge check` and `edge doctor`.
"""

from __future__ import annotations

from pathlib import Path

from edge.config.models import Config
from edge.daemon.wiring import engine_settings
from edge.errors import ModelError
from edge.hub.places import find_model
from edge.pace import Pace
from edge.vlm.pace_file import Unmeasured, load_pace


def find_pace(config: Config) -> Pace | Unmeasured:
    """The pace measured here with the configuration's model; never that of a model elsewhere."""
    if config.vlm.engine != "openvino":
        return Unmeasured("the model is not on this box")
    try:
        model_dir = find_model(config.vlm.model)
    except ModelError:
        return Unmeasured("there is no model")
    return load_pace(engine_settings(config, model_dir))


def describe_unmeasured(unmeasured: Unmeasured, config: Config, path: Path) -> str:
    """Why no pace is known, and how it comes to be with the configuration at `path`."""
    if config.vlm.engine != "openvino":
        return f"{unmeasured.trouble}: what it can take is seen once the daemon runs"
    idle = "the daemon measures it when the model is idle after its first keyframes, "
    how = f"`edge bench --calibrate {path}`"
    how = f"{idle}{how} at once" if config.budget.measure else f"{how} measures it"
    return f"{unmeasured.trouble}; {how}" if unmeasured.trouble else how
