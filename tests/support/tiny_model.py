"""A small random fp32 Qwen3-VL with Qwen's real vocabulary: transformers checkpoint and IRs.

Has what the real ones have: DeepStack into the first layers, interleaved M-RoPE, grouped-query
attention, tied embeddings. Built with torch, transformers and optimum-intel in a process of its
own (about half a minute), and kept in the temporary folder under a name made of the versions.
"""

# ruff: noqa: PLC0415 - torch and the like are imported only in the process that builds

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

NEEDED = ("torch", "transformers", "optimum-intel", "openvino", "dashscope")
CHAT = (
    "{%- for m in messages %}{{- '<|im_start|>' + m.role + '\\n' }}"
    "{%- if m.content is string %}{{- m.content }}{%- else %}{%- for c in m.content %}"
    "{%- if c.type == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{%- elif c.type == 'video' %}<|vision_start|><|video_pad|><|vision_end|>"
    "{%- elif 'text' in c %}{{- c.text }}{%- endif %}{%- endfor %}{%- endif %}"
    "{{- '<|im_end|>\\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"
)
CONTROL = [
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|object_ref_start|>",
    "<|object_ref_end|>",
    "<|box_start|>",
    "<|box_end|>",
    "<|quad_start|>",
    "<|quad_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
]
ADDED = [
    "<tool_call>",
    "</tool_call>",
    "<|fim_prefix|>",
    "<|fim_middle|>",
    "<|fim_suffix|>",
    "<|fim_pad|>",
    "<|repo_name|>",
    "<|file_sep|>",
    "<tool_response>",
    "</tool_response>",
    "<think>",
    "</think>",
]
PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
TEXT = {
    "bos_token_id": 151643,
    "eos_token_id": 151645,
    "hidden_size": 96,
    "head_dim": 32,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "num_hidden_layers": 4,
    "intermediate_size": 192,
    "initializer_range": 0.08,  # large enough for attention and pictures to change what is written
    "max_position_embeddings": 262144,
    "rms_norm_eps": 1e-6,
    "rope_theta": 5000000,
    "rope_scaling": {
        "mrope_interleaved": True,
        "mrope_section": [6, 5, 5],
        "rope_type": "default",
    },
    "tie_word_embeddings": True,
    "vocab_size": 151936,
}
VISION = {
    "depth": 4,
    "hidden_size": 64,
    "num_heads": 4,
    "intermediate_size": 128,
    "out_hidden_size": 96,
    "deepstack_visual_indexes": [0, 1, 2],
    "initializer_range": 0.08,
    "num_position_embeddings": 2304,
    "patch_size": 16,
    "spatial_merge_size": 2,
    "temporal_patch_size": 2,
}
PIXELS = {
    "do_convert_rgb": True,
    "do_normalize": True,
    "do_rescale": True,
    "do_resize": True,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
    "image_processor_type": "Qwen2VLImageProcessorFast",
    "merge_size": 2,
    "patch_size": 16,
    "resample": 3,
    "rescale_factor": 1 / 255,
    "size": {"longest_edge": 16777216, "shortest_edge": 65536},
    "temporal_patch_size": 2,
}


@dataclass(frozen=True)
class TinyModel:
    """`hf` is the transformers checkpoint, `ov` the five IRs with config and tokenizer."""

    hf: Path
    ov: Path


def missing_parts() -> list[str]:
    """The distributions that building needs and that are not installed."""
    missing = []
    for name in NEEDED:
        try:
            importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    return missing


def tiny_model() -> TinyModel:
    """The model, built now unless an earlier run with the same versions has."""
    versions = [f"{name}={importlib.metadata.version(name)}" for name in NEEDED]
    key = hashlib.sha256("\n".join([*versions, Path(__file__).read_text()]).encode()).hexdigest()
    place = Path(tempfile.gettempdir()) / f"edge-tiny-model-{os.getuid()}-{key[:16]}"
    if not place.exists():
        built = Path(tempfile.mkdtemp(prefix="edge-tiny-model-building-"))
        made = subprocess.run(
            [sys.executable, "-W", "ignore", __file__, str(built)],
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
            env={**os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"},
        )
        if made.returncode:
            shutil.rmtree(built)
            raise RuntimeError(f"building the tiny model failed:\n{made.stderr[-4000:]}")
        try:
            built.rename(place)
        except OSError:  # another run was faster
            shutil.rmtree(built)
    return TinyModel(place / "hf", place / "ov")


def write_tokenizer(folder: Path) -> None:
    """Qwen's byte-level BPE, rebuilt from the rank file that dashscope carries."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, normalizers, pre_tokenizers
    from tokenizers.models import BPE
    from transformers import Qwen2TokenizerFast

    spec = importlib.util.find_spec("dashscope")
    ranks_file = Path(spec.origin).parent / "resources" / "qwen.tiktoken"
    pairs = (line.split() for line in ranks_file.read_bytes().splitlines())
    ranks = {base64.b64decode(token): int(rank) for token, rank in pairs}
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = {byte: chr(byte) for byte in printable}
    others = (byte for byte in range(256) if byte not in letters)
    letters |= {byte: chr(256 + i) for i, byte in enumerate(list(others))}

    def spell(token: bytes) -> str:
        return "".join(letters[byte] for byte in token)

    merges = [
        tuple(map(spell, split(token, ranks)))
        for token, _ in sorted(ranks.items(), key=lambda item: item[1])
        if len(token) > 1
    ]
    tokenizer = Tokenizer(BPE({spell(token): rank for token, rank in ranks.items()}, merges))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in CONTROL])
    tokenizer.add_tokens([AddedToken(t, special=False, normalized=False) for t in ADDED])
    Qwen2TokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        chat_template=CHAT,
        model_max_length=262144,
    ).save_pretrained(folder)


def split(token: bytes, ranks: dict[bytes, int]) -> list[bytes]:
    """The two parts from which BPE merges a token: all merges of a lower rank applied."""
    limit = ranks[token]
    parts = [token[i : i + 1] for i in range(len(token))]
    while len(parts) > 2:
        best = min(range(len(parts) - 1), key=lambda i: ranks.get(parts[i] + parts[i + 1], limit))
        parts[best : best + 2] = [parts[best] + parts[best + 1]]
    return parts


def build(folder: Path) -> None:
    """Write folder/hf and folder/ov."""
    import torch
    from optimum.exporters.openvino import main_export
    from optimum.intel import OVConfig
    from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration

    hf, ir = folder / "hf", folder / "ov"
    hf.mkdir()
    write_tokenizer(hf)
    (hf / "preprocessor_config.json").write_text(json.dumps(PIXELS))
    config = Qwen3VLConfig(
        text_config=TEXT,
        vision_config=VISION,
        tie_word_embeddings=True,
        image_token_id=151655,
        video_token_id=151656,
        vision_start_token_id=151652,
        vision_end_token_id=151653,
    )
    torch.manual_seed(0)
    model = Qwen3VLForConditionalGeneration(config)
    model.generation_config.eos_token_id = [151645, 151643]
    model.generation_config.pad_token_id = 151643
    model.save_pretrained(hf)
    del model
    main_export(
        str(hf),
        str(ir),
        task="image-text-to-text",
        convert_tokenizer=False,
        ov_config=OVConfig(dtype="fp32"),
    )
    # The exporter rewrites the picture rules where torchvision is absent; the model's own hold.
    shutil.copy(hf / "preprocessor_config.json", ir / "preprocessor_config.json")


if __name__ == "__main__":
    build(Path(sys.argv[1]))
