"""The five OpenVINO IRs of a Qwen3-VL as files: names, wholeness, precision.

An IR is an .xml that describes a graph and names ranges of a .bin beside it. Only the text of the
.xml is looked at; nothing is loaded.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from pathlib import Path

from edge.errors import ModelInvalid

LANGUAGE_IR = "openvino_language_model.xml"
TEXT_EMBEDDINGS_IR = "openvino_text_embeddings_model.xml"
VISION_PATCHES_IR = "openvino_vision_embeddings_model.xml"
VISION_POSITIONS_IR = "openvino_vision_embeddings_pos_model.xml"
VISION_MERGER_IR = "openvino_vision_embeddings_merger_model.xml"
IR_FILES = (
    LANGUAGE_IR,
    TEXT_EMBEDDINGS_IR,
    VISION_PATCHES_IR,
    VISION_POSITIONS_IR,
    VISION_MERGER_IR,
)
PULL = "fetch one with `edge model pull`"
PULL_AGAIN = "fetch the model again with `edge model pull`"

_PRECISIONS = {
    "u4": "int4",
    "i4": "int4",
    "nf4": "int4",
    "u8": "int8",
    "i8": "int8",
    "f16": "fp16",
    "bf16": "bf16",
    "f32": "fp32",
}
# How OpenVINO writes a Constant: <data element_type="u4" shape="8, 2" offset="40" size="8" />
_CONSTANT = re.compile(r'<data element_type="(\w+)" shape="([\d, ]*)" offset="(\d+)" size="(\d+)"')


def check_ir(file: Path) -> None:
    """Check that an IR is there and whole: a download cut short ends before its last constant.

    Raises ModelInvalid naming the file and what is wrong with it.
    """
    weights = file.with_suffix(".bin")
    for part in (file, weights):
        if not part.exists():
            raise ModelInvalid(f"{part} is missing; {PULL_AGAIN}")
    text = _read(file)
    if "</net>" not in text[-200:]:
        raise ModelInvalid(f"{file} is not a whole OpenVINO IR; {PULL_AGAIN}")
    needed = max((int(m[3]) + int(m[4]) for m in _CONSTANT.finditer(text)), default=0)
    found = weights.stat().st_size
    if found < needed:
        raise ModelInvalid(
            f"{weights} has {found} bytes, but {file.name} needs {needed}; {PULL_AGAIN}"
        )


def read_precision(file: Path) -> str:
    """The type that most of an IR's weights have: int4, int8, fp16, bf16 or fp32."""
    elements: Counter[str] = Counter()
    for match in _CONSTANT.finditer(_read(file)):
        sides = [int(side) for side in match[2].split(",") if side.strip()]
        if len(sides) > 1 and match[1] in _PRECISIONS:
            elements[_PRECISIONS[match[1]]] += math.prod(sides)
    if not elements:
        raise ModelInvalid(f"{file} holds no weights; {PULL_AGAIN}")
    return elements.most_common(1)[0][0]


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ModelInvalid(f"{file} cannot be read: {error}") from None
