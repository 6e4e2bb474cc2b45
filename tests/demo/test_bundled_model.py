"""The bundled model: complete, small, honest about itself, and a Qwen3-VL through and through."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from tokenizers import Tokenizer

MODEL = Path(__file__).parents[2] / "edge" / "demo" / "model"
GRAPHS = (
    "language_model",
    "text_embeddings_model",
    "vision_embeddings_model",
    "vision_embeddings_merger_model",
    "vision_embeddings_pos_model",
)


def read_json(name: str) -> dict:
    return json.loads((MODEL / name).read_text())


@pytest.fixture(scope="module")
def graphs():
    core = ov.Core()
    options = {"INFERENCE_PRECISION_HINT": "f32"}
    return {
        name: core.compile_model(core.read_model(MODEL / f"openvino_{name}.xml"), "CPU", options)
        for name in GRAPHS
    }


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_file(str(MODEL / "tokenizer.json"))


def test_is_small():
    assert sum(path.stat().st_size for path in MODEL.iterdir()) < 8_000_000


def test_says_that_it_is_for_demonstration():
    assert read_json("edge_model.json")["demonstration"] is True
    assert read_json("edge_model.json")["name"] == "edge-demo"
    assert "For demonstration and tests only" in (MODEL / "MODEL_CARD.md").read_text()


def test_names_no_path_of_the_machine_it_was_made_on():
    for path in MODEL.iterdir():
        content = path.read_bytes()
        assert not re.search(rb"/(home|root|tmp|work|usr|var)/", content), path.name


def test_one_picture_goes_through_all_graphs(graphs, tokenizer):
    config = read_json("config.json")
    text, vision = config["text_config"]["hidden_size"], config["vision_config"]["hidden_size"]
    angles = vision // config["vision_config"]["num_heads"] // 2
    rng = np.random.default_rng(0)
    patches = rng.uniform(-1, 1, (16, 1536)).astype(np.float32)
    hidden = graphs["vision_embeddings_model"](patches)[0]
    assert hidden.shape == (16, vision)
    corners = graphs["vision_embeddings_pos_model"](np.zeros((4, 16), np.int64))[0]
    assert corners.shape == (4, 16, vision)
    merged = graphs["vision_embeddings_merger_model"](
        {
            "hidden_states": hidden + corners.mean(axis=0),
            "attention_mask": np.zeros((1, 16, 16), np.float32),
            "rotary_pos_emb": np.zeros((16, angles), np.float32),
        }
    )
    assert merged["last_hidden_state"].shape == (4, text)
    assert merged["deepstack_feature_lists"].shape == (3, 4, text)

    ids = tokenizer.encode("<|vision_start|>" + "<|image_pad|>" * 4 + "<|vision_end|>Yes?").ids
    seen = np.array([ids]) == config["image_token_id"]
    assert seen.sum() == 4
    embedded = graphs["text_embeddings_model"](np.array([ids]))[0].copy()
    embedded[seen] = merged["last_hidden_state"]

    def logits(deepstack: np.ndarray) -> np.ndarray:
        request = graphs["language_model"].create_infer_request()
        positions = np.broadcast_to(np.arange(len(ids)), (3, 1, len(ids)))
        return request.infer(
            {
                "inputs_embeds": embedded,
                "attention_mask": np.ones((1, len(ids)), np.int64),
                "position_ids": np.ascontiguousarray(positions),
                "visual_pos_masks": seen,
                "deepstack_visual_embeds": deepstack,
                "beam_idx": np.zeros(1, np.int32),
            }
        )["logits"].copy()

    found = logits(merged["deepstack_feature_lists"])
    assert found.shape == (1, len(ids), 2048)
    assert np.isfinite(found).all()
    without = logits(np.zeros_like(merged["deepstack_feature_lists"]))
    assert np.abs(found - without)[0, -1].max() > 1e-3  # DeepStack reaches the answer


def test_special_tokens_come_last_and_fit_the_config(tokenizer):
    config = read_json("config.json")
    for key, token in {
        "image_token_id": "<|image_pad|>",
        "video_token_id": "<|video_pad|>",
        "vision_start_token_id": "<|vision_start|>",
        "vision_end_token_id": "<|vision_end|>",
    }.items():
        assert config[key] == tokenizer.token_to_id(token) > 1800
    ends = read_json("generation_config.json")["eos_token_id"]
    assert tokenizer.token_to_id("<|im_end|>") in ends
    assert tokenizer.get_vocab_size() <= config["text_config"]["vocab_size"]


WORDS = ["yes", "no", "Yes", "No", "true", "false", "red", "person", "parcel", "door", "two", "A"]


@pytest.mark.parametrize("word", [*WORDS, *(f" {w}" for w in WORDS), *"0123456789"])
def test_answers_are_single_tokens(word, tokenizer):
    assert len(tokenizer.encode(word).ids) == 1


@pytest.mark.parametrize("text", ["42", "2026-11-23"])
def test_digits_stand_alone(text, tokenizer):
    assert len(tokenizer.encode(text).ids) == len(text)


@pytest.mark.parametrize(
    "text", ["Größe 3²4 м", "猫 🐈‍⬛", "\x00\x7f tab\tend\r\n", '{"summary": "A man"}', ""]
)
def test_any_text_survives(text, tokenizer):
    assert tokenizer.decode(tokenizer.encode(text).ids, skip_special_tokens=False) == text
