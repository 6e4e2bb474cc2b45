"""How a model's weights were compressed, and what is known to go wrong with that recipe.

Reads the text of the graph files; loads nothing. Called by `edge model info` and after a pull.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from edge.errors import ModelInvalid
from edge.hub.folder import GRAPHS

LANGUAGE, MERGER = GRAPHS[0], GRAPHS[3]
# A constant as OpenVINO writes it into the .xml:
#   <data element_type="u4" shape="2048, 16, 128" offset="40" size="2097152" />
_CONSTANT = re.compile(r'<data element_type="(\w+)" shape="([\d, ]*)" offset="\d+" size="(\d+)"')
_WEIGHT_TYPES = frozenset({"u4", "i4", "nf4", "u8", "i8", "f8e4m3", "f16", "bf16", "f32"})
_FLOAT_TYPES = frozenset({"f16", "bf16", "f32"})


@dataclass(frozen=True, slots=True)
class Weights:
    """The commonest kind of weight in one graph.

    `element_type` is OpenVINO's (u4 asymmetric, i4 symmetric, u8, i8, f16, f32). `group` is how
    many weights share one scale; 0 means a whole row of the matrix.
    """

    element_type: str
    group: int

    @property
    def is_float(self) -> bool:
        """Whether the weights are not compressed to integers."""
        return self.element_type in _FLOAT_TYPES

    def __str__(self) -> str:
        if self.is_float:
            return self.element_type
        bits = 4 if self.element_type in {"u4", "i4", "nf4"} else 8
        symmetry = "symmetric" if self.element_type.startswith("i") else "asymmetric"
        return f"int{bits} {symmetry}, " + (f"groups of {self.group}" if self.group else "by row")


def read_weights(folder: Path, graph: str) -> Weights:
    """The kind of weight that takes the most bytes in a graph. Raises ModelInvalid."""
    path = folder / f"{graph}.xml"
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ModelInvalid(f"{path}: cannot be read; fetch it with `edge model pull`") from error
    num_bytes: dict[Weights, int] = {}
    for element_type, shape_text, size_text in _CONSTANT.findall(text):
        shape = [int(side) for side in shape_text.split(",") if side.strip()]
        if element_type in _WEIGHT_TYPES and len(shape) > 1:
            grouped = len(shape) == 3 and element_type not in _FLOAT_TYPES
            kind = Weights(element_type, shape[-1] if grouped else 0)
            num_bytes[kind] = num_bytes.get(kind, 0) + int(size_text)
    if not num_bytes:
        raise ModelInvalid(f"{path}: holds no weights")
    return max(num_bytes, key=lambda kind: num_bytes[kind])


def recipe_warnings(language: Weights, vision: Weights) -> list[str]:
    """What to expect of this recipe, one sentence each; empty for a good one.

    The figures are of the 2B model on two cores with AVX2 and AVX-VNNI, the instruction set of an
    Intel N100.
    """
    warnings = []
    if language.element_type == "i4" and not language.group:
        warnings.append(
            "the language model has symmetric int4 weights with one scale a row: at 2B this recipe"
            " repeats itself and answers wrongly; use asymmetric int4 in groups of 128, or int8"
        )
    if language.is_float:
        warnings.append(
            f"the language model's weights are {language.element_type}: several times the memory"
            " and time of int8"
        )
    if vision.is_float:
        warnings.append(
            f"the vision tower's weights are {vision.element_type}: a picture takes more than twice"
            " as long as with int8 (5.1 s instead of 2.1 s for 640x352)"
        )
    return warnings
