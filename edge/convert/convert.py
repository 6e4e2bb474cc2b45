"""Converts a checkpoint: runs the steps that are not done, tests, and moves the model to its place.

Knows the order only; the steps are in `steps`, the command shows what is said.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from edge.convert.journal import open_journal, used_bytes
from edge.convert.needs import require_packages, require_room
from edge.convert.source import Checkpoint, Recipe, WeightKind, read_checkpoint
from edge.convert.steps import WORKSHOP, Job, build_steps
from edge.errors import ModelError
from edge.hub.folder import MANIFEST, FileRecord, Manifest, read_manifest, write_manifest


def convert(
    folder: Path,
    dest: Path,
    *,
    weights: WeightKind,
    awq: bool,
    force: bool,
    say: Callable[[str], None],
    test: Callable[[Path], str],
    workshop: Sequence[str] = WORKSHOP,
) -> Manifest:
    """Make the model folder `dest` of the checkpoint in `folder`; gives its manifest.

    Takes minutes for a 2B model. What is done is kept in a work folder beside `dest`, and the same
    call goes on from there; it is removed at the end. `force` skips the check of memory and disk.
    `test` loads the finished model and says what it found, or raises. Raises EdgeError; `dest` is
    complete or not there.
    """
    if workshop is WORKSHOP:
        require_packages()
    checkpoint = read_checkpoint(folder)
    recipe = Recipe(weights, awq, checkpoint.group)
    made_already = _made_already(dest, checkpoint, recipe)
    if made_already is not None:
        say(f"{dest} is complete already")
        return made_already
    work_dir = dest.with_name(f".{dest.name}.converting")
    with open_journal(work_dir, _name_job(checkpoint, recipe)) as journal:
        if not force:
            require_room(checkpoint, work_dir, used_bytes(work_dir))
        job = Job(checkpoint, recipe, work_dir, say, workshop)
        steps = build_steps(recipe)
        for number, step in enumerate(steps, start=1):
            head = f"[{number}/{len(steps) + 1}] {step.title}"
            if journal.is_done(step.id):
                say(f"{head}: kept from an earlier run")
                continue
            say(head)
            begun_s = time.monotonic()
            step.run(job)
            journal.note_done(step.id)
            say(f"      done in {time.monotonic() - begun_s:.0f} s")
        say(f"[{len(steps) + 1}/{len(steps) + 1}] self-test")
        _name_model(job, dest)
        say(f"      {test(job.model_dir)}")
        manifest = _write_manifest(job)
        job.model_dir.rename(dest)
        shutil.rmtree(work_dir)
    return manifest


def _made_already(dest: Path, checkpoint: Checkpoint, recipe: Recipe) -> Manifest | None:
    """The manifest of an earlier, finished conversion of the same; raises if `dest` is anything
    else.
    """
    if not dest.exists():
        return None
    manifest = read_manifest(dest) if dest.is_dir() else None
    if manifest is not None and manifest.commit == _name_job(checkpoint, recipe):
        return manifest
    if dest.is_dir() and not any(dest.iterdir()):
        dest.rmdir()
        return None
    raise ModelError(f"{dest} exists and is something else; choose another --dest or remove it")


def _name_job(checkpoint: Checkpoint, recipe: Recipe) -> str:
    """What the result depends on, as 40 hex digits, like a hub's commit."""
    return hashlib.sha256(f"{checkpoint.fingerprint}\n{recipe.words}".encode()).hexdigest()[:40]


def _name_model(job: Job, dest: Path) -> None:
    card = {
        "name": dest.name,
        "made_by": "edge model convert",
        "source": job.checkpoint.folder.name,
        "language_weights": job.recipe.words,
    }
    (job.model_dir / "edge_model.json").write_text(json.dumps(card, indent=2) + "\n")


def _write_manifest(job: Job) -> Manifest:
    files = sorted(path for path in job.model_dir.iterdir() if path.name != MANIFEST)
    records = []
    for path in files:
        with path.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
        records.append(FileRecord(name=path.name, size_bytes=path.stat().st_size, sha256=digest))
    manifest = Manifest(
        repo=str(job.checkpoint.folder),
        revision=f"converted: {job.recipe.words}",
        commit=_name_job(job.checkpoint, job.recipe),
        pulled_at=datetime.now(UTC).isoformat(timespec="seconds"),
        files=tuple(records),
    )
    write_manifest(job.model_dir, manifest)
    return manifest
