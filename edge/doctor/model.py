"""The model: there, whole, readable, and if asked for computing what it should."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from edge.daemon.wiring import engine_settings
from edge.doctor.case import Case, Check
from edge.doctor.diagnosis import Diagnosis, fault, ok, warning
from edge.errors import ModelError, ModelMissing
from edge.hub.folder import read_manifest
from edge.hub.places import find_model
from edge.hub.recipe import LANGUAGE, MERGER, read_weights, recipe_warnings
from edge.vlm.layout import load_layout

CHECK = "model"
LIMIT_S = 30.0
DEEP_LIMIT_S = 900.0  # compiling takes a minute on an N100, and so does reading it from an SD card
_MEANING = "No keyframe is analysed; the daemon does not start without a model."
_AGAIN = "Fetch it again: `edge model pull --force`, and look at the disk's health if it returns."


def model_checks(case: Case) -> Iterator[Check]:
    """One, because each part needs the one before it; none where no model need be here."""
    if case.config.vlm.needs_model:
        yield Check(CHECK, lambda: check_model(case), DEEP_LIMIT_S if case.deep else LIMIT_S)


def check_model(case: Case) -> Iterator[Diagnosis]:
    """There, whole, and described by its own files."""
    try:
        folder = find_model(case.config.vlm.model)
        layout = load_layout(folder)
    except ModelMissing as error:
        yield fault(
            CHECK,
            str(error),
            _MEANING,
            "Run `edge model pull` as the service's user (`sudo -u edge`), or copy a model's "
            "folder to /var/lib/edge/models and name it in `vlm.model`.",
        )
        return
    except ModelError as error:
        yield fault(CHECK, str(error), _MEANING, _AGAIN)
        return
    obstacle = case.account.obstacle(folder / "openvino_language_model.bin", "read")
    if obstacle:
        yield fault(
            CHECK, obstacle, _MEANING, f"Let the service's user read it: `chmod -R a+rX {folder}`."
        )
        return
    weights = read_weights(folder, LANGUAGE), read_weights(folder, MERGER)
    for said in recipe_warnings(*weights):
        yield warning(
            CHECK, said, "Answers are worse or slower than they could be.", "Use another export."
        )
    broken = list(_examine_deeply(folder, case)) if case.deep else []
    info = layout.info
    yield from broken or [ok(CHECK, f"{info.name} ({info.precision}) in {folder}")]


def _examine_deeply(folder: Path, case: Case) -> Iterator[Diagnosis]:
    """Every byte against the manifest, then a computation."""
    manifest = read_manifest(folder)
    for record in manifest.files if manifest is not None else ():
        if _sha256_of(folder / record.name) != record.sha256:
            yield fault(
                CHECK, f"{folder / record.name} is damaged: wrong checksum", _MEANING, _AGAIN
            )
            return
    from edge.vlm.engine import open_engine  # noqa: PLC0415 - OpenVINO is slow to load

    settings = engine_settings(case.config, folder)
    try:
        with open_engine(replace(settings, cache_dir=None)) as engine:
            engine.self_test()
    except ModelError as error:
        yield fault(CHECK, str(error), _MEANING, _AGAIN)


def _sha256_of(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
