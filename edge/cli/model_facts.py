"""What `edge model` says of a model's folder in more than one of its commands."""

from __future__ import annotations

import time
from pathlib import Path


def self_test(folder: Path) -> str:
    """Load the model and check that it computes what it should; raises EdgeError if it does not."""
    from edge.vlm.engine import open_engine
    from edge.vlm.settings import EngineSettings

    begun_s = time.monotonic()
    with open_engine(EngineSettings(model_dir=folder)) as engine:
        loaded_s = time.monotonic()
        agreement = engine.self_test()
    return (
        f"passed: agreement {agreement:.3f} (1 is perfect),"
        f" loaded in {loaded_s - begun_s:.1f} s, tested in {time.monotonic() - loaded_s:.1f} s"
    )


def warnings_of(folder: Path) -> list[str]:
    """What to expect of the way its weights were compressed; empty for a good one."""
    from edge.hub.recipe import LANGUAGE, MERGER, read_weights, recipe_warnings

    return recipe_warnings(read_weights(folder, LANGUAGE), read_weights(folder, MERGER))


def megabytes(size_bytes: int) -> str:
    """As people read it."""
    return f"{size_bytes / 1e6:,.1f} MB"
