"""A matrix of the model, read row by row where it lies in its file.

The token embeddings and the head have a row for each of 151,936 tokens, of which a pass needs some
dozens. The rows are dequantised by numpy from the mapped .bin, so that no copy of the matrix enters
memory. Knows graphs, not models; the runner makes one for the embeddings and one for the head.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import openvino as ov
from numpy.typing import NDArray

_READABLE = {"u8", "i8", "f16", "f32"}
_ARITHMETIC = {"Subtract": np.subtract, "Multiply": np.multiply}


class NotATable(Exception):
    """A graph computes its matrix in a way that cannot be followed row by row."""


@dataclass(frozen=True, slots=True)
class _Leaf:
    """A constant: one row for each row of the matrix, or the same for all. `node` keeps the file
    mapped in which `data` lies.
    """

    node: ov.Node
    data: NDArray[np.generic]
    is_per_row: bool


@dataclass(frozen=True, slots=True)
class _Step:
    """Two parts, and how they are put together."""

    kind: str
    left: _Leaf | _Step
    right: _Leaf | _Step


class Table:
    """The matrix that an output of a graph computes from constants: (num_rows, width).

    Followed are plain matrices and (weight - zero point) * scale with a scale for each row. The
    arithmetic is f32, as the CPU plugin's: rows equal the compiled graph's bit by bit (2026.4).
    """

    def __init__(self, matrix: ov.Output) -> None:
        """Raises NotATable if the graph has another form."""
        shape = matrix.get_partial_shape()
        if shape.is_dynamic or len(shape) != 2:
            raise NotATable(f"a matrix is expected, not {shape}")
        self.num_rows, self.width = (side.get_length() for side in shape)
        self._parts = _follow(matrix.get_node(), self.num_rows)

    def rows(self, indices: NDArray[np.int64]) -> NDArray[np.float32]:
        """The rows (n, width); each index in 0..num_rows-1, else IndexError."""
        return _compute(self._parts, indices)


def _follow(node: ov.Node, num_rows: int) -> _Leaf | _Step:
    kind = node.get_type_name()
    if kind == "Convert":  # types change nothing: all is computed in f32
        return _follow(node.input_value(0).get_node(), num_rows)
    if kind in _ARITHMETIC:
        left, right = (_follow(node.input_value(i).get_node(), num_rows) for i in (0, 1))
        return _Step(kind, left, right)
    if kind != "Constant" or node.get_element_type().get_type_name() not in _READABLE:
        raise NotATable(f"{kind} {node.get_element_type()} in a matrix of the graph")
    data: NDArray[np.generic] = node.data
    is_per_row = data.ndim == 2 and data.shape[0] == num_rows
    if not is_per_row and data.size != 1:
        raise NotATable(f"a constant of {data.shape} in a matrix of {num_rows} rows")
    return _Leaf(node, data, is_per_row)


def _compute(part: _Leaf | _Step, indices: NDArray[np.int64]) -> NDArray[np.float32]:
    if isinstance(part, _Leaf):
        data = part.data[indices] if part.is_per_row else part.data.reshape(1, 1)
        return data.astype(np.float32)
    values = _ARITHMETIC[part.kind](_compute(part.left, indices), _compute(part.right, indices))
    return np.asarray(values, np.float32)
