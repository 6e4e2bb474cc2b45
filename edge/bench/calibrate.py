"""Measures what a keyframe takes with a configuration's model, and keeps it where the daemon looks.

The same measurement as the daemon's own, which needs an idle moment; here it is done at once.
"""

from __future__ import annotations

from pathlib import Path

from edge.bench.tables import Table
from edge.config.models import Config
from edge.daemon.wiring import engine_settings
from edge.errors import ModelMissing
from edge.hub.places import find_model
from edge.pace import Pace
from edge.vlm.engine import open_tested_engine
from edge.vlm.pace_file import save_pace
from edge.vlm.self_measure import SelfMeasure


def calibrate(config: Config) -> tuple[Pace, Path]:
    """The pace and where it is kept. Raises ModelMissing for a model elsewhere, ReportError where
    it cannot be kept, and what opening and asking a model raises.
    """
    if config.vlm.engine != "openvino":
        raise ModelMissing(
            f"with `engine: {config.vlm.engine}` the model is elsewhere; what it can take is seen "
            "once the daemon runs"
        )
    settings = engine_settings(config, find_model(config.vlm.model))
    with open_tested_engine(settings) as engine:
        measure = SelfMeasure(engine, settings.max_pixels)
        while not measure.is_done:
            measure.step()
    pace = measure.pace()
    return pace, save_pace(settings, pace)


def as_table(pace: Pace) -> Table:
    """For people."""
    rows = tuple(
        (str(one.pixels), str(one.questions), f"{one.ms / 1000:.2f} s") for one in pace.points
    )
    return Table("a keyframe", ("pixels", "questions", "takes"), rows)


def as_document(pace: Pace, path: Path) -> dict[str, object]:
    """For programs."""
    points = [
        {"pixels": one.pixels, "questions": one.questions, "ms": round(one.ms, 1)}
        for one in pace.points
    ]
    return {"points": points, "file": str(path)}
