"""From pixels to visual tokens: patches, position table, rotary angles, vision tower.

Knows the vision half of the model and nothing of text. The formulas are those of transformers'
Qwen3VLVisionModel and its image processor; the parity tests hold them to 1e-5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from edge.frames import Image
from edge.vlm.layout import PixelRules, VisionDims
from edge.vlm.runner import Floats, Runner

ROTARY_THETA = 10_000.0

_Number = TypeVar("_Number", np.int64, np.float32)


@dataclass(frozen=True, slots=True)
class Seen:
    """One temporal step as the language model takes it.

    `tokens` (N, H), `deepstack` (sets, N, H); N = rows * columns of `grid`, in visual tokens.
    """

    grid: tuple[int, int]
    tokens: Floats
    deepstack: Floats


def build_patches(frames: Sequence[Image], dims: VisionDims, rules: PixelRules) -> Floats:
    """The patches of one temporal step: (rows * columns of patches, C * T * patch * patch) f32.

    `frames` are equally large pictures with sides in whole tokens: one for a still picture (it is
    repeated), or `temporal_patch` for a clip. Patches are ordered by merge block, so that four
    neighbours that become one token lie together.
    """
    times = [frames[min(i, len(frames) - 1)] for i in range(dims.temporal_patch)]
    std: Floats = np.asarray(rules.std, np.float32)
    scale: Floats = np.asarray(rules.rescale, np.float32) / std
    shift: Floats = np.asarray(rules.mean, np.float32) / std
    pixels: Floats = np.stack(times).astype(np.float32) * scale - shift  # (T, H, W, C)
    _, height, width, channels = pixels.shape
    p, m = dims.patch_px, dims.merge
    rows, columns = height // p, width // p
    blocks = pixels.reshape(len(times), rows // m, m, p, columns // m, m, p, channels)
    # -> block row, block column, row in block, column in block, C, T, y, x
    ordered = blocks.transpose(1, 4, 2, 5, 7, 0, 3, 6)
    return np.ascontiguousarray(ordered).reshape(rows * columns, -1)


def position_indices(
    rows: int, columns: int, grid_side: int, merge: int
) -> tuple[NDArray[np.int64], Floats]:
    """Which rows of the learned table to mix for each patch, and how: (4, P) indices and weights.

    Bilinear interpolation of the grid_side x grid_side table over the picture, in merge order.
    """
    y = np.linspace(0, grid_side - 1, rows, dtype=np.float32)
    x = np.linspace(0, grid_side - 1, columns, dtype=np.float32)
    y0, x0 = y.astype(np.int64), x.astype(np.int64)
    y1, x1 = np.minimum(y0 + 1, grid_side - 1), np.minimum(x0 + 1, grid_side - 1)
    dy, dx = (y - y0).astype(np.float32)[:, None], (x - x0).astype(np.float32)[None]
    indices = [
        a[:, None] * grid_side + b[None] for a, b in ((y0, x0), (y0, x1), (y1, x0), (y1, x1))
    ]
    weights = [(1 - dy) * (1 - dx), (1 - dy) * dx, dy * (1 - dx), dy * dx]
    return (
        np.stack([_merge_order(i, merge) for i in indices]),
        np.stack([_merge_order(w, merge) for w in weights]),
    )


def rotary_angles(rows: int, columns: int, head_dim: int, merge: int) -> Floats:
    """Angles of the vision tower's rotary embedding: (P, head_dim / 2) f32, in merge order.

    The first half turns with the patch's row, the second with its column.
    """
    exponents = np.arange(0, head_dim // 2, 2, dtype=np.float32) / np.float32(head_dim // 2)
    frequencies = (1 / ROTARY_THETA**exponents).astype(np.float32)
    row, column = np.meshgrid(
        np.arange(rows, dtype=np.float32), np.arange(columns, dtype=np.float32), indexing="ij"
    )
    along = [_merge_order(axis, merge)[:, None] * frequencies for axis in (row, column)]
    return np.concatenate(along, axis=1).astype(np.float32)


def _merge_order(values: NDArray[_Number], merge: int) -> NDArray[_Number]:
    """A (rows, columns) array flattened block by block of merge x merge."""
    rows, columns = values.shape
    blocks = values.reshape(rows // merge, merge, columns // merge, merge)
    return blocks.transpose(0, 2, 1, 3).reshape(-1)


class Eye:
    """Turns pictures into visual tokens with the models of a runner."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._dims = runner.layout.vision
        self._rules = runner.layout.pixels
        # Whole frames come in one size, crops in many; an entry is up to 4 MB.
        # Not a method of its own: the cache would hold the eye, and with it the model.
        self._places = lru_cache(maxsize=4)(partial(_place, runner))

    def look(self, frames: Sequence[Image]) -> Seen:
        """The visual tokens of one temporal step (see `build_patches` for `frames`)."""
        height, width = frames[0].shape[:2]
        rows, columns = height // self._dims.patch_px, width // self._dims.patch_px
        table, angles = self._places(rows, columns)
        patches = build_patches(frames, self._dims, self._rules)
        tokens, deepstack = self._runner.merge(
            self._runner.patch_embeddings(patches) + table, angles
        )
        grid = (rows // self._dims.merge, columns // self._dims.merge)
        return Seen(grid, tokens, deepstack)


def _place(runner: Runner, rows: int, columns: int) -> tuple[Floats, Floats]:
    """The learned positions of a grid's patches (P, D), and their angles."""
    dims = runner.layout.vision
    indices, weights = position_indices(rows, columns, dims.grid_side, dims.merge)
    mixed = runner.position_rows(indices) * weights[:, :, None]
    table = mixed[0] + mixed[1] + mixed[2] + mixed[3]
    return table, rotary_angles(rows, columns, dims.hidden // dims.heads, dims.merge)
