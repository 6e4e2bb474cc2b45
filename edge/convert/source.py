"""A Qwen3-VL checkpoint as transformers stores it. Reads JSON and headers; loads no weights."""

from __future__ import annotations

import hashlib
import json
import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from edge.errors import ModelInvalid, ModelMissing

WeightKind = Literal["int4", "int8"]
GROUPS = (128, 64, 32)
_MAX_HEADER_BYTES = 100_000_000  # the format's own limit


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint's folder, its number of parameters as stored, and a mark that changes with it.

    `group` is how many int4 weights can share a scale: 128 if every matrix is a multiple of it.
    """

    folder: Path
    num_parameters: int
    group: int
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the weights are to be compressed. The vision tower and embeddings are always int8."""

    weights: WeightKind
    awq: bool
    group: int  # of int4

    @property
    def words(self) -> str:
        """The recipe of the language model in words."""
        if self.weights == "int8":
            return "int8 asymmetric, by row"
        return f"int4 asymmetric, groups of {self.group}" + (", AWQ" if self.awq else "")


def read_checkpoint(folder: Path) -> Checkpoint:
    """Look at a checkpoint. Raises ModelMissing or ModelInvalid saying what is wrong with it."""
    if not folder.is_dir():
        raise ModelMissing(
            f"{folder}: no such folder. Name the folder of a checkpoint, or one on a hub as"
            f" OWNER/NAME, such as Qwen/Qwen3-VL-2B-Instruct"
        )
    config_file = folder / "config.json"
    config = _read_json(config_file)
    if config.get("model_type") != "qwen3_vl":
        raise ModelInvalid(
            f"{config_file}: model_type is {config.get('model_type')!r}; only qwen3_vl can be"
            f" converted"
        )
    if (folder / "openvino_language_model.xml").exists():
        raise ModelInvalid(f"{folder} is converted already: it holds OpenVINO graphs")
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise ModelInvalid(f"{folder} holds no weights (*.safetensors)")
    _require_all(folder, {file.name for file in files})
    if not any((folder / name).exists() for name in ("tokenizer.json", "vocab.json")):
        raise ModelInvalid(f"{folder} holds no tokenizer (tokenizer.json)")
    mark = hashlib.sha256(config_file.read_bytes())
    for file in files:
        stat = file.stat()
        mark.update(f"{file.name} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return Checkpoint(
        folder=folder.resolve(),
        num_parameters=sum(_count_parameters(file) for file in files),
        group=_group_for(config_file, config),
        fingerprint=mark.hexdigest(),
    )


def _require_all(folder: Path, found: set[str]) -> None:
    """A checkpoint in several files has an index that names them all."""
    index = folder / "model.safetensors.index.json"
    if not index.exists():
        return
    names = _read_json(index).get("weight_map", {})
    missing = sorted(set(names.values()) - found) if isinstance(names, dict) else []
    if missing:
        raise ModelInvalid(f"{folder}: {', '.join(missing)} is missing, which {index.name} names")


def _group_for(config_file: Path, config: dict[str, Any]) -> int:
    try:
        text = config["text_config"]
        sides = (
            int(text["hidden_size"]),
            int(text["intermediate_size"]),
            int(text["num_attention_heads"]) * int(text["head_dim"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ModelInvalid(f"{config_file}: text_config has no usable {error}") from error
    for group in GROUPS:
        if all(side % group == 0 for side in sides):
            return group
    raise ModelInvalid(
        f"{config_file}: the matrices' sides {sides} are no multiples of {GROUPS[-1]}"
    )


def _count_parameters(file: Path) -> int:
    """From the header of a safetensors file: 8 bytes of length, then JSON with every shape."""
    try:
        with file.open("rb") as opened:
            (length,) = struct.unpack("<Q", opened.read(8))
            if length > _MAX_HEADER_BYTES:
                raise ValueError(f"a header of {length} bytes")
            header = json.loads(opened.read(length))
        ends = [0]
        num = 0
        for name, tensor in header.items():
            if name != "__metadata__":
                num += math.prod(tensor["shape"])
                ends.append(tensor["data_offsets"][1])
    except (OSError, ValueError, KeyError, TypeError, struct.error) as error:
        raise ModelInvalid(f"{file}: not a safetensors file: {error}") from error
    found, needed = file.stat().st_size, 8 + length + max(ends)
    if found < needed:
        raise ModelInvalid(f"{file} has {found} bytes instead of {needed}; fetch it again")
    return num


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise ModelInvalid(f"{path} is missing: the folder is no checkpoint") from None
    except (OSError, ValueError) as error:
        raise ModelInvalid(f"{path} cannot be read: {error}") from error
    if not isinstance(values, dict):
        raise ModelInvalid(f"{path} must hold a JSON object")
    return values
