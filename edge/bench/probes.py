"""How fast this machine reads memory and multiplies 8-bit numbers: the rates that bound the model.

Peaks, so the best of several tries counts, not the median; on a busy machine they are too low.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import openvino as ov
from openvino import opset13 as ops

TRIES = 12
BYTES_READ = 256 * 2**20  # far beyond any cache of a small machine
MATMUL_ROWS, MATMUL_SIDE = 256, 2048


@dataclass(frozen=True, slots=True)
class Rates:
    """Bytes read from memory a second, and 8-bit operations (a multiply-add is two) a second."""

    read_bytes_per_s: float
    int8_ops_per_s: float


def measure_rates(threads: int) -> Rates:
    """Measure both on so many threads; takes a second or two."""
    return Rates(_read_rate(threads), _int8_rate(threads))


def _read_rate(threads: int) -> float:
    parts = np.array_split(np.ones(BYTES_READ // 8, np.int64), threads)
    with ThreadPoolExecutor(threads) as pool:
        best_s = min(_seconds(lambda: list(pool.map(np.max, parts))) for _ in range(TRIES))
    return BYTES_READ / best_s


def _int8_rate(threads: int) -> float:
    """Through OpenVINO's own kernel for quantized MatMul, which is what the model could use."""
    core = ov.Core()
    config = {
        "INFERENCE_NUM_THREADS": str(threads),
        "NUM_STREAMS": "1",
        "INFERENCE_PRECISION_HINT": "f32",
    }
    request = core.compile_model(_quantized_matmul(), "CPU", config).create_infer_request()
    rows = np.ones((MATMUL_ROWS, MATMUL_SIDE), np.float32)
    request.infer({0: rows})
    best_s = min(
        _seconds(lambda: request.infer({0: rows}, share_inputs=True)) for _ in range(TRIES)
    )
    return 4 * 2 * MATMUL_ROWS * MATMUL_SIDE**2 / best_s


def _quantized_matmul() -> ov.Model:
    """Four MatMuls in a row with 8-bit inputs and weights."""
    rng = np.random.default_rng(0)
    given = ops.parameter([MATMUL_ROWS, MATMUL_SIDE], ov.Type.f32)
    node = given
    for _ in range(4):
        low, high = np.float32(0), np.float32(255 / 64)
        rounded = ops.fake_quantize(node, low, high, low, high, 256)
        raw = rng.integers(-127, 128, (MATMUL_SIDE, MATMUL_SIDE), dtype=np.int8)
        weights = ops.multiply(
            ops.convert(ops.constant(raw), "f32"), ops.constant(np.float32(1 / 4096))
        )
        node = ops.matmul(rounded, weights, transpose_a=False, transpose_b=True)
    return ov.Model([ops.result(node)], [given], "int8")


def _seconds(work: Callable[[], object]) -> float:
    begun_s = time.perf_counter()
    work()
    return time.perf_counter() - begun_s
