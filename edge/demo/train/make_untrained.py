"""Writes the bundled model: a small Qwen3-VL with random weights, in OpenVINO form.

    python -m edge.demo.train.make_untrained [DEST]

The architecture, the five graphs and the files beside them are those of a real Qwen3-VL as
optimum-intel exports it; only the dimensions and the vocabulary are small and the weights are
drawn from a fixed seed. The same versions of the packages give the same weights and vocabulary.

Needs, beside this project: torch==2.13.0, transformers==4.57.6, optimum==2.3.0, nncf==3.4.0, and
optimum-intel==2.2.0 installed with --no-deps (its torchvision requirement is not used here).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration

from edge.demo.train.export import export_model
from edge.demo.train.vocabulary import build_tokenizer

SEED = 20250
NUM_VOCABULARY = 2048  # rows of the embedding; like Qwen's, more than the tokenizer uses

TEXT = {
    "attention_bias": False,
    "attention_dropout": 0.0,
    "head_dim": 32,
    "hidden_act": "silu",
    "hidden_size": 128,
    "initializer_range": 0.05,
    "intermediate_size": 256,
    "max_position_embeddings": 8192,
    "model_type": "qwen3_vl_text",
    "num_attention_heads": 4,
    "num_hidden_layers": 4,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-6,
    "rope_theta": 5000000,
    "rope_scaling": {
        "mrope_interleaved": True,
        "mrope_section": [6, 5, 5],
        "rope_type": "default",
    },
    "tie_word_embeddings": True,
    "use_cache": True,
    "vocab_size": NUM_VOCABULARY,
}
VISION = {
    "deepstack_visual_indexes": [0, 1, 2],
    "depth": 4,
    "hidden_act": "gelu_pytorch_tanh",
    "hidden_size": 64,
    "in_channels": 3,
    "initializer_range": 0.05,
    "intermediate_size": 128,
    "model_type": "qwen3_vl",
    "num_heads": 2,
    "num_position_embeddings": 576,
    "out_hidden_size": 128,
    "patch_size": 16,
    "spatial_merge_size": 2,
    "temporal_patch_size": 2,
}
EDGE_MODEL = {
    "name": "edge-demo-untrained",
    "demonstration": True,
    "precision": "int8",
    "architecture": "qwen3_vl",
    "made_by": "edge/demo/train/make_untrained.py",
    "seed": SEED,
}
CARD = """# edge-demo-untrained

**The weights of this model are random. Its answers mean nothing.**

It is a Qwen3-VL in OpenVINO form with small dimensions, drawn from a fixed seed and never trained.
It exists so that the program can be installed, started and tested from camera to MQTT without a
download: the files, the graphs and the way through them are those of a real model. For answers
that mean something, fetch one with `edge model pull`.

| | |
|---|---|
| architecture | Qwen3-VL: vision tower with DeepStack, interleaved M-RoPE, grouped-query decoder, tied embeddings |
| text | {layers} layers, hidden {hidden}, {heads} heads / {kv_heads} KV heads x {head_dim}, {rows} embedding rows ({tokens} tokens used) |
| vision | {depth} layers, hidden {vision_hidden}, patch 16, merge 2 |
| parameters | {millions:.2f} million |
| precision | int8 weights, asymmetric, per channel (nncf); the rest float16 |
| vocabulary | its own byte-level BPE, learned from `corpus.txt` and `words.txt` beside the script; ids differ from Qwen's |
| made by | `python -m edge.demo.train.make_untrained`, seed {seed} |
| licence | that of this project |
"""  # noqa: E501 - a Markdown table has one line per row


def build_config(token_ids: dict[str, int]) -> Qwen3VLConfig:
    """The model's configuration, with the special ids of its own vocabulary."""
    ends = {
        "bos_token_id": token_ids["<|endoftext|>"],
        "eos_token_id": token_ids["<|im_end|>"],
    }
    return Qwen3VLConfig(  # type: ignore[no-untyped-call] # transformers leaves it untyped
        text_config=TEXT | ends,
        vision_config=VISION,
        tie_word_embeddings=True,
        image_token_id=token_ids["<|image_pad|>"],
        video_token_id=token_ids["<|video_pad|>"],
        vision_start_token_id=token_ids["<|vision_start|>"],
        vision_end_token_id=token_ids["<|vision_end|>"],
    )


def build_model(token_ids: dict[str, int]) -> Qwen3VLForConditionalGeneration:
    """The model with weights drawn from the seed."""
    torch.manual_seed(SEED)
    return Qwen3VLForConditionalGeneration(  # type: ignore[no-untyped-call] # as above
        build_config(token_ids)
    )


def main() -> None:
    """Make the model and put its files into DEST."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    bundled = Path(__file__).parents[1] / "model"
    parser.add_argument("dest", type=Path, nargs="?", default=bundled, metavar="DEST")
    dest: Path = parser.parse_args().dest
    tokenizer = build_tokenizer(NUM_VOCABULARY)
    num_tokens = len(tokenizer.get_vocab())
    model = build_model(tokenizer.get_vocab())
    num_parameters = sum(p.numel() for p in model.parameters())
    export_model(model, tokenizer, dest, EDGE_MODEL | {"num_parameters": num_parameters})
    card = CARD.format(
        layers=TEXT["num_hidden_layers"],
        hidden=TEXT["hidden_size"],
        heads=TEXT["num_attention_heads"],
        kv_heads=TEXT["num_key_value_heads"],
        head_dim=TEXT["head_dim"],
        rows=NUM_VOCABULARY,
        tokens=num_tokens,
        depth=VISION["depth"],
        vision_hidden=VISION["hidden_size"],
        millions=num_parameters / 1e6,
        seed=SEED,
    )
    (dest / "MODEL_CARD.md").write_text(card)
    size_bytes = sum(file.stat().st_size for file in dest.iterdir())
    print(f"{dest}: {size_bytes:,} bytes, {num_parameters:,} parameters, {num_tokens:,} tokens")  # noqa: T201 - the script's report


if __name__ == "__main__":
    main()
