"""A model folder: which files it holds, and when it is complete.

A folder that was pulled has a manifest, written last; while a pull is under way its files lie in
PARTIAL_DIR inside the folder. A folder made elsewhere (converted by hand, bundled) has neither
and counts as complete when the required files are there. Reads and writes small files only.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from edge.errors import ModelInvalid, ModelMissing

MANIFEST = "edge_manifest.json"
PARTIAL_DIR = ".partial"

GRAPHS = (
    "openvino_language_model",
    "openvino_text_embeddings_model",
    "openvino_vision_embeddings_model",
    "openvino_vision_embeddings_merger_model",
    "openvino_vision_embeddings_pos_model",
)
REQUIRED = (
    *(f"{graph}{ending}" for graph in GRAPHS for ending in (".xml", ".bin")),
    "config.json",
    "preprocessor_config.json",
    "tokenizer.json",
)
OPTIONAL = (
    "LICENSE",
    "README.md",
    "added_tokens.json",
    "chat_template.jinja",
    "chat_template.json",
    "edge_model.json",
    "generation_config.json",
    "merges.txt",
    "openvino_config.json",
    "special_tokens_map.json",
    "tokenizer_config.json",
    "video_preprocessor_config.json",
    "vocab.json",
)
ALLOWED = frozenset((*REQUIRED, *OPTIONAL))  # nothing else is ever fetched or written


@dataclass(frozen=True, slots=True)
class Contents:
    """What a folder that is fetched holds: `words` for people, the files it must and may have, and
    where their names differ from one to the next, a pattern of them, of which there must be one.
    """

    words: str
    required: tuple[str, ...]
    optional: tuple[str, ...]
    weights: re.Pattern[str] | None = None

    def has(self, name: str) -> bool:
        """Whether a file of that name belongs into it."""
        return name in self.required or name in self.optional or self._is_weights(name)

    def missing(self, names: Iterable[str]) -> list[str]:
        """What is not among `names` and must be."""
        found = set(names)
        missing = sorted(set(self.required) - found)
        if self.weights is not None and not any(map(self._is_weights, found)):
            missing.append("weights (*.safetensors)")
        return missing

    def _is_weights(self, name: str) -> bool:
        return self.weights is not None and self.weights.fullmatch(name) is not None


MODEL = Contents("an OpenVINO Qwen3-VL", REQUIRED, OPTIONAL)
CHECKPOINT = Contents(
    "a Qwen3-VL checkpoint of transformers",
    ("config.json", "preprocessor_config.json", "tokenizer.json"),
    (*OPTIONAL, "model.safetensors.index.json"),
    re.compile(r"model(-\d{5}-of-\d{5})?\.safetensors", re.ASCII),
)


class FileRecord(BaseModel):
    """One file of a pulled model."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    size_bytes: int
    sha256: str


class Manifest(BaseModel):
    """What was pulled: from where, which commit, which files."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    repo: str
    revision: str  # as asked for: a branch, a tag or a commit
    commit: str  # what it stood for
    pulled_at: str  # RFC 3339, UTC
    files: tuple[FileRecord, ...]


def read_manifest(folder: Path) -> Manifest | None:
    """The folder's manifest, or None where the folder was not pulled (or not completely).

    Raises ModelInvalid for a manifest that cannot be read.
    """
    path = folder / MANIFEST
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise ModelInvalid(
            f"{path}: not a readable manifest; fetch the model again with"
            f" `edge model pull --force --dest {folder}`"
        ) from error


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest in one step: it is there completely or not at all."""
    scratch = folder / f".{MANIFEST}"
    with scratch.open("w", encoding="utf-8") as out:
        out.write(json.dumps(manifest.model_dump(), indent=2) + "\n")
        out.flush()
        os.fsync(out.fileno())
    scratch.rename(folder / MANIFEST)


def faults_of(folder: Path) -> list[str]:
    """Why the folder is not a complete model, one sentence part for each fault; empty if it is.

    Compares names and sizes, not contents, so it is quick enough for every start.
    """
    manifest = read_manifest(folder)
    if manifest is not None:
        return [
            fault for record in manifest.files if (fault := _size_fault(folder, record)) is not None
        ]
    if (folder / PARTIAL_DIR).is_dir():
        return ["the download was not finished"]
    return [f"{name} is missing or empty" for name in REQUIRED if not _has_bytes(folder / name)]


def require_complete(folder: Path) -> None:
    """Do nothing if `folder` holds a complete model.

    Raises ModelMissing where there is no folder or only an unfinished download, and ModelInvalid
    where files are missing or have the wrong size.
    """
    if not folder.is_dir():
        raise ModelMissing(f"{folder}: no such folder; fetch a model with `edge model pull`")
    faults = faults_of(folder)
    if not faults:
        return
    if (folder / PARTIAL_DIR).is_dir() and not (folder / MANIFEST).exists():
        raise ModelMissing(
            f"{folder}: the download was not finished; run the same `edge model pull` again,"
            " it goes on where it stopped"
        )
    shown = "; ".join(faults[:3]) + (f"; and {len(faults) - 3} more" if len(faults) > 3 else "")
    raise ModelInvalid(
        f"{folder}: not a complete OpenVINO Qwen3-VL: {shown}. Fetch one with `edge model pull`"
    )


def _size_fault(folder: Path, record: FileRecord) -> str | None:
    try:
        found_bytes = (folder / record.name).stat().st_size
    except OSError:
        return f"{record.name} is missing"
    if found_bytes != record.size_bytes:
        return f"{record.name} has {found_bytes} bytes instead of {record.size_bytes}"
    return None


def _has_bytes(path: Path) -> bool:
    try:
        return path.is_file() and path.stat().st_size > 0
    except OSError:
        return False
