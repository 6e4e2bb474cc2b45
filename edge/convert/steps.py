"""The steps of a conversion, each of which can be done again from its beginning.

A step makes files below the work folder; one that needs torch runs the workshop as a process.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.convert.source import Checkpoint, Recipe
from edge.errors import ModelError
from edge.hub.folder import ALLOWED, GRAPHS

LANGUAGE, EMBEDDINGS, PATCHES, MERGER, POSITIONS = GRAPHS
NAMES = {
    LANGUAGE: "language model",
    EMBEDDINGS: "token embeddings",
    MERGER: "vision tower",
    PATCHES: "patch embedding",
    POSITIONS: "position table",
}
WORKSHOP = (sys.executable, "-W", "ignore", "-m", "edge.convert.workshop")
HEARTBEAT_S = 30.0


@dataclass(frozen=True, slots=True)
class Job:
    """One conversion: from what, how, where; `workshop` is the command of the heavy steps."""

    checkpoint: Checkpoint
    recipe: Recipe
    work_dir: Path
    say: Callable[[str], None]
    workshop: Sequence[str] = WORKSHOP

    @property
    def raw_dir(self) -> Path:
        """The exported graphs."""
        return self.work_dir / "raw"

    @property
    def model_dir(self) -> Path:
        """The finished files."""
        return self.work_dir / "model"


@dataclass(frozen=True, slots=True)
class Step:
    """`id` is what the journal remembers, `title` what people read."""

    id: str
    title: str
    run: Callable[[Job], None]


def build_steps(recipe: Recipe) -> tuple[Step, ...]:
    """All steps, in order."""
    others = Recipe("int8", awq=False, group=0)
    compressed = {LANGUAGE: recipe, EMBEDDINGS: others, MERGER: others}
    return (
        Step("export", "export the graphs", _export),
        *(
            Step(graph, f"{NAMES[graph]}: {how.words}", _compressing(graph, how))
            for graph, how in compressed.items()
        ),
        Step("rest", "small graphs, configuration, tokenizer", _rest),
    )


def _export(job: Job) -> None:
    scratch = _fresh(job.work_dir / "raw.new")
    _run_workshop(job, "export", str(job.checkpoint.folder), str(scratch))
    shutil.rmtree(job.raw_dir, ignore_errors=True)
    scratch.rename(job.raw_dir)


def _compressing(graph: str, how: Recipe) -> Callable[[Job], None]:
    def compress(job: Job) -> None:
        scratch = _fresh(job.work_dir / "graph.new")
        source, dest = job.raw_dir / f"{graph}.xml", scratch / f"{graph}.xml"
        words = [str(source), str(dest), how.weights, str(how.group), *(["awq"] * how.awq)]
        _run_workshop(job, "compress", *words)
        job.model_dir.mkdir(exist_ok=True)
        for file in scratch.iterdir():
            file.rename(job.model_dir / file.name)

    return compress


def _rest(job: Job) -> None:
    """The exporter rewrites the rules for pictures; the checkpoint's own files hold, where it has
    them. Its config.json is the exporter's, which fits the graphs.
    """
    for graph in (PATCHES, POSITIONS):
        for ending in (".xml", ".bin"):
            shutil.copyfile(job.raw_dir / (graph + ending), job.model_dir / (graph + ending))
    plain = {name for name in ALLOWED if not name.startswith("openvino_")}
    for name in plain - {"edge_model.json"}:
        places = (job.checkpoint.folder, job.raw_dir)
        for place in reversed(places) if name == "config.json" else places:
            if (place / name).is_file():
                shutil.copyfile(place / name, job.model_dir / name)
                break


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def _run_workshop(job: Job, *words: str) -> None:
    """Run a heavy step to its end; tells now and then that it is still at work.

    Raises ModelError with the end of its log if it fails. However this is left, its process has
    ended.
    """
    log_file = job.work_dir / "log.txt"
    begun_s = time.monotonic()
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    with log_file.open("ab") as log:
        process = subprocess.Popen(
            [*job.workshop, *words],
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            env=environment,
        )
        try:
            while True:
                try:
                    status = process.wait(HEARTBEAT_S)
                    break
                except subprocess.TimeoutExpired:
                    job.say(f"      at work for {time.monotonic() - begun_s:.0f} s")
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    if status:
        raise ModelError(_failure(words[0], status, log_file))


def _failure(step: str, status: int, log_file: Path) -> str:
    lines = log_file.read_text(errors="replace").strip().splitlines()
    last = lines[-1][:400] if lines else "it wrote nothing"
    if status == -signal.SIGKILL:
        last = "it was killed, most likely because memory ran out"
    return f"{step} failed (status {status}): {last}; all it wrote is in {log_file}"
