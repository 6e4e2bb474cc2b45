"""The file that keeps a box's pace, beside the compiled models.

It holds for one model, engine version, processor, and settings that change the speed; for any other
state of things it counts as not measured. Written by the analyzer and by `edge bench --calibrate`,
read by the analyzer, `edge check` and `edge doctor`.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge.errors import ReportError
from edge.pace import Pace, PacePoint
from edge.vlm.fingerprint import digest_of, list_model_files, read_processor, read_versions
from edge.vlm.settings import EngineSettings

FILE_NAME = "pace.json"
MAX_BYTES = 100_000  # a file of ours has about 1,000
_COMPUTING = ("accuracy", "dynamic_quantization", "max_pixels", "min_pixels")


@dataclass(frozen=True, slots=True)
class Unmeasured:
    """No pace is known. `trouble` says what is wrong with the file; empty where there is none."""

    trouble: str = ""


class _Point(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    pixels: Annotated[int, Field(gt=0, le=10**9)]
    questions: Annotated[int, Field(gt=0, le=10**6)]
    ms: Annotated[float, Field(gt=0, le=1e8)]


class _Note(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, serialize_by_alias=True)

    schema_: Literal["edge.pace/1"] = Field(default="edge.pace/1", alias="schema")
    holds_for: dict[str, str]
    measured: str
    points: Annotated[list[_Point], Field(min_length=1, max_length=100)]


def load_pace(settings: EngineSettings) -> Pace | Unmeasured:
    """The pace that was measured with these settings on this machine."""
    if settings.cache_dir is None:
        return Unmeasured()
    path = settings.cache_dir / FILE_NAME
    try:
        with path.open("rb") as file:
            note = _Note.model_validate_json(file.read(MAX_BYTES))
        now = _holds_for(settings)
    except FileNotFoundError:
        return Unmeasured()
    except OSError as error:
        return Unmeasured(f"{error.filename or path} cannot be read ({error.strerror})")
    except ValidationError:
        return Unmeasured(f"{path} is damaged")
    changed = [key for key, value in now.items() if note.holds_for.get(key) != value]
    if changed:
        return Unmeasured(f"{path} is of another {', '.join(changed)}")
    return Pace(tuple(PacePoint(p.pixels, p.questions, p.ms) for p in note.points))


def save_pace(settings: EngineSettings, pace: Pace) -> Path:
    """Keep a pace for the next start; where. Raises ReportError where it cannot be written."""
    if settings.cache_dir is None:
        raise ReportError("there is no folder for compiled models, where the pace would be kept")
    path = settings.cache_dir / FILE_NAME
    try:
        note = _Note(
            holds_for=_holds_for(settings),
            measured=datetime.now(UTC).isoformat(timespec="seconds"),
            points=[_Point(pixels=p.pixels, questions=p.questions, ms=p.ms) for p in pace.points],
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, note.model_dump_json(indent=1).encode() + b"\n")
    except OSError as error:
        raise ReportError(f"{path} cannot be written: {error.strerror}") from error
    return path


def _replace(path: Path, data: bytes) -> None:
    """Write beside it, then put it in its place: a power cut leaves the old file or the new one."""
    number, name = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def _holds_for(settings: EngineSettings) -> dict[str, str]:
    """What the speed depends on, by what people call it."""
    values = [getattr(settings, key) for key in _COMPUTING]
    return {
        "model": digest_of(list_model_files(settings.model_dir)),
        "program version": " ".join(read_versions()),
        "processor": digest_of([read_processor(), len(os.sched_getaffinity(0))]),
        "number of threads": str(settings.threads or "all"),
        "picture settings": digest_of(values),
    }
