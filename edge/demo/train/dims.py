"""The trained model's dimensions: those of a Qwen3-VL, small. Data alone."""

from __future__ import annotations

from typing import Any

NUM_VOCABULARY = 2048  # rows of the embedding; like Qwen's, more than the tokenizer uses
PATCH_PX, MERGE = 16, 2
TOKEN_PX = PATCH_PX * MERGE

TEXT: dict[str, Any] = {
    "attention_bias": False,
    "attention_dropout": 0.0,
    "head_dim": 32,
    "hidden_act": "silu",
    "hidden_size": 192,
    "initializer_range": 0.05,
    "intermediate_size": 384,
    "max_position_embeddings": 8192,
    "model_type": "qwen3_vl_text",
    "num_attention_heads": 6,
    "num_hidden_layers": 6,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-6,
    # Far below Qwen's 5,000,000: with 16 angles that leaves some that turn within a picture.
    "rope_theta": 10000,
    "rope_scaling": {
        "mrope_interleaved": True,
        "mrope_section": [6, 5, 5],
        "rope_type": "default",
    },
    "tie_word_embeddings": True,
    "use_cache": True,
    "vocab_size": NUM_VOCABULARY,
}
VISION: dict[str, Any] = {
    "deepstack_visual_indexes": [1, 3, 4],
    "depth": 6,
    "hidden_act": "gelu_pytorch_tanh",
    "hidden_size": 128,
    "in_channels": 3,
    "initializer_range": 0.05,
    "intermediate_size": 512,
    "model_type": "qwen3_vl",
    "num_heads": 4,
    "num_position_embeddings": 576,
    "out_hidden_size": 192,
    "patch_size": PATCH_PX,
    "spatial_merge_size": MERGE,
    "temporal_patch_size": 2,
}
