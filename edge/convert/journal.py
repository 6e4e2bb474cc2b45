"""The work folder of a conversion: what is done, kept so that an interrupted run goes on.

    work/
      journal.json   which checkpoint, which recipe, which steps are done
      log.txt        what the steps' processes wrote
      raw/           the exported graphs, before compression
      model/         the finished files

A step writes elsewhere and is renamed into its place; only then is it noted here.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from edge.errors import ModelError


class Notes(BaseModel):
    """What journal.json holds."""

    model_config = ConfigDict(extra="forbid")

    job: str  # checkpoint and recipe; another job begins anew
    done: list[str] = []


class Journal:
    """The notes of one work folder, which is this process's alone while it is open."""

    def __init__(self, work_dir: Path, job: str) -> None:
        self.work_dir = work_dir
        self._file = work_dir / "journal.json"
        self._notes = self._read(job)

    def _read(self, job: str) -> Notes:
        try:
            notes = Notes.model_validate_json(self._file.read_bytes())
        except (FileNotFoundError, ValidationError):
            notes = Notes(job="")
        if notes.job != job:
            for name in ("raw", "model"):
                shutil.rmtree(self.work_dir / name, ignore_errors=True)
            notes = Notes(job=job)
        return notes

    def is_done(self, step: str) -> bool:
        """Whether an earlier run has finished the step."""
        return step in self._notes.done

    def note_done(self, step: str) -> None:
        """Remember that the step is finished; its files must be in their place."""
        self._notes.done.append(step)
        scratch = self._file.with_suffix(".new")
        with scratch.open("w", encoding="utf-8") as out:
            out.write(self._notes.model_dump_json(indent=2))
            out.flush()
            os.fsync(out.fileno())
        scratch.rename(self._file)


@contextmanager
def open_journal(work_dir: Path, job: str) -> Iterator[Journal]:
    """Take the work folder. Raises ModelError if another conversion has it, or it is no place."""
    try:
        work_dir.mkdir(parents=True, exist_ok=True)
        lock = (work_dir / "lock").open("w")
    except OSError as error:
        raise ModelError(f"{work_dir}: cannot be written: {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ModelError(f"{work_dir}: another conversion is at work here") from error
        yield Journal(work_dir, job)


def used_bytes(folder: Path) -> int:
    """The bytes of all files below a folder; 0 if it is not there."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
