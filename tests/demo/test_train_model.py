"""The training's own passes compute what transformers' Qwen3-VL computes."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

if importlib.util.find_spec("torch") is None:
    pytest.skip("torch is not installed (extra `train`)", allow_module_level=True)

import torch
from transformers.utils import logging as transformers_logging

from edge.demo.train import dims
from edge.demo.train import model as m
from edge.vlm.layout import PixelRules, VisionDims
from edge.vlm.vision import build_patches

transformers_logging.set_verbosity_error()
IDS = {
    name: 2000 + n
    for n, name in enumerate(
        (
            *("<|endoftext|>", "<|im_end|>", "<|image_pad|>", "<|video_pad|>"),
            *("<|vision_start|>", "<|vision_end|>"),
        )
    )
}


@pytest.fixture(scope="module")
def whole():
    """A model whose every weight matters: nothing is zero, norms are not all one."""
    model = m.build_model(IDS, seed=3)
    torch.manual_seed(4)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return model.eval()


def frames(times: int, width_px: int = 96, height_px: int = 64) -> torch.Tensor:
    rng = np.random.default_rng(times)
    return torch.from_numpy(rng.integers(0, 256, (2, times, height_px, width_px, 3), np.uint8))


def engine_patches(pictures: np.ndarray) -> np.ndarray:
    sizes = VisionDims(
        hidden=128,
        intermediate=512,
        depth=6,
        heads=4,
        channels=3,
        patch_px=16,
        temporal_patch=2,
        merge=2,
        grid_side=24,
        out_hidden=192,
        deepstack=3,
    )
    rules = PixelRules(1, 10**9, 1 / 255, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    return build_patches(list(pictures), sizes, rules)


@pytest.mark.parametrize("times", [1, 2])
def test_the_tower_sees_what_transformers_sees(whole, times):
    pictures = frames(times)
    with torch.no_grad():
        sight = m.see(whole.model.visual, pictures)
        for number, picture in enumerate(pictures.numpy()):
            patches = torch.from_numpy(engine_patches(picture))
            grid = torch.tensor([[1, picture.shape[1] // 16, picture.shape[2] // 16]])
            tokens, sets = whole.model.visual(patches, grid)
            # The erf form of GELU is within 0.001 of the tanh form.
            np.testing.assert_allclose(sight.tokens[number], tokens, atol=2e-2)
            for ours, theirs in zip(sight.deepstack, sets, strict=True):
                np.testing.assert_allclose(ours[number], theirs, atol=2e-2)


def test_stills_are_cut_as_the_engine_cuts_them():
    pictures = frames(2)
    ours = m.cut_patches(pictures)
    for number, picture in enumerate(pictures.numpy()):
        np.testing.assert_allclose(ours[number], engine_patches(picture), atol=1e-5)


def test_a_prefix_and_a_tail_read_as_one_text(whole):
    """Against transformers' own pass: causal mask, a picture with DeepStack in the tail."""
    rng = np.random.default_rng(1)
    num_prefix, num_visual, num_after = 7, 6, 5
    ids = rng.integers(0, 1900, num_prefix + num_visual + num_after)
    down, across = np.divmod(np.arange(num_visual), 3)
    picture = num_prefix + np.stack([np.zeros(num_visual, int), down, across])
    after = np.tile(np.arange(num_after) + num_prefix + 3, (3, 1))
    before = np.tile(np.arange(num_prefix), (3, 1))
    positions = np.concatenate([before, picture, after], axis=1)
    language = whole.model.language_model
    embedded = language.embed_tokens(torch.from_numpy(ids))[None]
    deepstack = [torch.randn(1, num_visual, dims.TEXT["hidden_size"]) * 0.1 for _ in range(3)]
    total = len(ids)
    seen = torch.ones(total, total, dtype=torch.bool).tril()
    with torch.no_grad():
        _, past = m.read(language, embedded[:, :num_prefix], before, seen[:num_prefix, :num_prefix])
        ours, _ = m.read(
            language,
            embedded[:, num_prefix:],
            positions[:, num_prefix:],
            seen[num_prefix:],
            past,
            deepstack,
            torch.arange(num_visual),
        )
        visual = torch.zeros(1, total, dtype=torch.bool)
        visual[:, num_prefix : num_prefix + num_visual] = True
        theirs = language(
            inputs_embeds=embedded,
            position_ids=torch.from_numpy(positions)[:, None],
            visual_pos_masks=visual,
            deepstack_visual_embeds=[part[0] for part in deepstack],
        ).last_hidden_state
    np.testing.assert_allclose(ours[0], theirs[0, num_prefix:], atol=1e-4)


def test_new_mergers_of_deepstack_add_nothing():
    model = m.build_model(IDS, seed=3)
    for part in m.see(model.model.visual, frames(1)).deepstack:
        assert part.abs().max() == 0
