"""Writes a trained model as the engine reads it: five int8 graphs and the files beside them.

Exported with optimum-intel and compressed with nncf. Knows nothing of training; called at its end.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nncf
import openvino as ov
from optimum.exporters.openvino import main_export
from optimum.intel import OVConfig
from transformers import GenerationConfig, Qwen2TokenizerFast

# The values of Qwen/Qwen3-VL-2B-Instruct; the export rewrites these files with others.
PIXELS = {
    "do_convert_rgb": True,
    "do_normalize": True,
    "do_rescale": True,
    "do_resize": True,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
    "merge_size": 2,
    "patch_size": 16,
    "processor_class": "Qwen3VLProcessor",
    "resample": 3,
    "rescale_factor": 1 / 255,
    "temporal_patch_size": 2,
}
IMAGE = PIXELS | {
    "image_processor_type": "Qwen2VLImageProcessorFast",
    "size": {"longest_edge": 16777216, "shortest_edge": 65536},
}
VIDEO = PIXELS | {
    "do_sample_frames": True,
    "fps": 2,
    "max_frames": 768,
    "min_frames": 4,
    "size": {"longest_edge": 25165824, "shortest_edge": 4096},
    "video_processor_type": "Qwen3VLVideoProcessor",
}
KEPT = {".json", ".txt", ".jinja"}


def export_model(
    model: Any,
    tokenizer: Qwen2TokenizerFast,
    dest: Path,
    about: Mapping[str, Any],
    *,
    compress: bool = True,
) -> None:
    """Write the model into `dest`, whose content is replaced. `about` becomes edge_model.json.

    With `compress` weights are int8 and the rest f16, else all is f32, the reference for tests.
    """
    with tempfile.TemporaryDirectory() as scratch:
        checkpoint, raw = Path(scratch, "checkpoint"), Path(scratch, "raw")
        checkpoint.mkdir()
        write_checkpoint(model, tokenizer, checkpoint)
        main_export(
            str(checkpoint),
            str(raw),
            task="image-text-to-text",
            convert_tokenizer=False,
            ov_config=OVConfig(dtype="fp32"),
        )
        shutil.rmtree(dest, ignore_errors=True)
        dest.mkdir(parents=True)
        for graph in sorted(raw.glob("openvino_*.xml")):
            if compress:
                compress_graph(graph, dest / graph.name)
            else:
                shutil.copyfile(graph, dest / graph.name)
                shutil.copyfile(graph.with_suffix(".bin"), dest / graph.with_suffix(".bin").name)
        for file in raw.iterdir():
            if file.suffix in KEPT:
                shutil.copyfile(file, dest / file.name)
    write_json(dest / "preprocessor_config.json", IMAGE)
    write_json(dest / "video_preprocessor_config.json", VIDEO)
    write_json(dest / "edge_model.json", about)


def write_checkpoint(model: Any, tokenizer: Qwen2TokenizerFast, folder: Path) -> None:
    """Save as transformers reads it."""
    tokenizer.save_pretrained(folder)
    write_json(folder / "preprocessor_config.json", IMAGE)
    write_json(folder / "video_preprocessor_config.json", VIDEO)
    token_ids = tokenizer.get_vocab()
    model.generation_config = GenerationConfig(  # type: ignore[no-untyped-call] # untyped there
        bos_token_id=token_ids["<|endoftext|>"],
        eos_token_id=[token_ids["<|im_end|>"], token_ids["<|endoftext|>"]],
        pad_token_id=token_ids["<|endoftext|>"],
    )
    model.save_pretrained(folder)


def compress_graph(source: Path, dest: Path) -> None:
    """Save a graph with int8 weights, the rest in float16, without the indentation that is a
    third of its size.
    """
    graph = ov.Core().read_model(source)
    small = nncf.compress_weights(graph, mode=nncf.CompressWeightsMode.INT8_ASYM)
    ov.save_model(small, dest, compress_to_fp16=True)
    dest.write_text(re.sub(r"\n\t+", "\n", dest.read_text()))


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """One setting a line, so that a change shows in a diff."""
    path.write_text(json.dumps(values, indent=2) + "\n")
