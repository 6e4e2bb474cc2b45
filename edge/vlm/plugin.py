"""How OpenVINO's CPU plugin is to compute, and how much it may keep from pass to pass.

Plain properties; knows nothing of models. The runner asks before it compiles.
"""

from __future__ import annotations

import os

from edge.vlm.settings import EngineSettings

# Prepared operations that the plugin keeps for each model and oneDNN for all. They are made anew
# for each length of a pass, and the defaults (5000 and 1024) keep every length ever seen: 1.4 MB
# for a picture's size and 1.9 MB for a number of tokens, without an end. With 32, 29 sizes and
# 40 lengths added 44 MB in place of 128, and a pass over a known length took no longer.
KEPT_OPERATIONS = 32


def compile_properties(settings: EngineSettings) -> dict[str, object]:
    """The properties of every model that is compiled.

    f32 as the outer precision, because on a bf16 machine the default silently turns dynamic
    quantization off; int8 activations in groups of 128 (108 -> 142 tokens/s of prefill against the
    default 32 on AVX2-VNNI; 256 falls back to a slow path with weights in groups of 128). Threads
    are not pinned to cores: pinned ones wait for each other where a camera's decoder has one of the
    cores (two cameras on two busy cores: 0.86 of the time, 0.90 of the processor time without).
    """
    properties: dict[str, object] = {
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": "1",
        "INFERENCE_PRECISION_HINT": "f32",
        "ENABLE_CPU_PINNING": "NO",
        "ENABLE_MMAP": "YES",
        "CPU_RUNTIME_CACHE_CAPACITY": str(KEPT_OPERATIONS),
    }
    if settings.accuracy:
        properties |= {"EXECUTION_MODE_HINT": "ACCURACY", "KV_CACHE_PRECISION": "f32"}
    else:
        properties["KV_CACHE_PRECISION"] = "u8"
    quantized = settings.dynamic_quantization and not settings.accuracy
    properties["DYNAMIC_QUANTIZATION_GROUP_SIZE"] = "128" if quantized else "0"
    if settings.threads is not None:
        properties["INFERENCE_NUM_THREADS"] = str(settings.threads)
    if settings.cache_dir is not None:
        properties["CACHE_DIR"] = str(settings.cache_dir)
    return properties


def bound_shared_cache() -> None:
    """Bound oneDNN's cache, which all models share: it has no property, only this variable.

    It is read when the first model of the process is compiled; a value set by the user stays.
    """
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", str(KEPT_OPERATIONS))
