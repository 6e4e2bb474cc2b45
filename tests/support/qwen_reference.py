"""Transformers' own Qwen3-VL on torch, in fp32: the judge in the parity tests.

Uses only transformers' tokenizer, chat template, image processor and model; nothing of ours.
"""

# ruff: noqa: PLC0415 - torch is imported only where a test needs it

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

MERGE = 2
PATCH = 16


@dataclass(frozen=True)
class Input:
    """Token ids (S,) and pixels as transformers takes them; `pixels` (P, 1536) or None."""

    ids: np.ndarray
    pixels: np.ndarray | None = None
    grids: np.ndarray | None = None  # (pictures, 3)
    is_video: bool = False


class Reference:
    """`text` questions in the chat format, logits, features and greedy text."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def model(self):
        import torch
        from transformers import Qwen3VLForConditionalGeneration

        torch.set_num_threads(2)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Qwen3VLForConditionalGeneration.from_pretrained(
                self.folder, dtype=torch.float32
            ).eval()

    @cached_property
    def tokenizer(self):
        from transformers import AutoTokenizer

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return AutoTokenizer.from_pretrained(self.folder)

    @cached_property
    def processor(self):
        """The image processor that needs no torchvision; it resizes with PIL."""
        from transformers import Qwen2VLImageProcessor

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Qwen2VLImageProcessor.from_pretrained(self.folder)

    def process(
        self, image: np.ndarray, min_pixels: int = 65536, max_pixels: int = 16777216
    ) -> tuple[np.ndarray, np.ndarray]:
        """Pixels (P, 1536) and grid (1, 3) of a still picture."""
        from PIL import Image

        size = {"shortest_edge": min_pixels, "longest_edge": max_pixels}
        out = self.processor(images=[Image.fromarray(image)], return_tensors="np", size=size)
        return out["pixel_values"], out["image_grid_thw"]

    def process_clip(self, frames: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Pixels and grid of frames that need no resize, by Qwen3VLVideoProcessor's formula."""
        height, width = frames[0].shape[:2]
        clip = np.stack(frames).transpose(0, 3, 1, 2).astype(np.float32)
        clip = (clip * np.float32(1 / 255) - np.float32(0.5)) / np.float32(0.5)
        time, rows, columns = len(frames) // 2, height // PATCH, width // PATCH
        blocks = clip.reshape(
            time, 2, 3, rows // MERGE, MERGE, PATCH, columns // MERGE, MERGE, PATCH
        )
        patches = blocks.transpose(0, 3, 6, 4, 7, 2, 1, 5, 8).reshape(time * rows * columns, -1)
        return patches, np.array([[time, rows, columns]])

    def prompt(
        self, system: str, content: list[dict], grids: list, times: list[float]
    ) -> np.ndarray:
        """Ids of a conversation, with each placeholder written out as the processor does."""
        messages = [{"role": "system", "content": system}, {"role": "user", "content": content}]
        text = self.tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True
        )
        for grid in grids:
            num = int(grid[1] * grid[2]) // MERGE**2
            if "<|video_pad|>" in text:
                steps = "".join(
                    f"<{at:.1f} seconds><|vision_start|>{'<|hole|>' * num}<|vision_end|>"
                    for at in times
                )
                text = text.replace("<|vision_start|><|video_pad|><|vision_end|>", steps, 1)
                text = text.replace("<|hole|>", "<|video_pad|>")
            else:
                text = text.replace("<|image_pad|>", "<|hole|>" * num, 1)
        text = text.replace("<|hole|>", "<|image_pad|>")
        return np.array(self.tokenizer(text)["input_ids"], np.int64)

    def _tensors(self, given: Input) -> dict:
        import torch

        tensors = {
            "input_ids": torch.from_numpy(given.ids[None]),
            "attention_mask": torch.ones(1, len(given.ids), dtype=torch.long),
        }
        if given.pixels is not None:
            names = (
                ("pixel_values_videos", "video_grid_thw")
                if given.is_video
                else ("pixel_values", "image_grid_thw")
            )
            tensors |= zip(
                names, (torch.from_numpy(given.pixels), torch.from_numpy(given.grids)), strict=True
            )
        return tensors

    def features(self, pixels: np.ndarray, grid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Visual tokens (N, H) and DeepStack sets (3, N, H)."""
        import torch

        with torch.no_grad():
            tokens, sets = self.model.model.visual(
                torch.from_numpy(pixels), grid_thw=torch.from_numpy(grid)
            )
        return tokens.numpy(), np.stack([each.numpy() for each in sets])

    def logits(self, given: Input) -> np.ndarray:
        """Logits (S, V) of every position."""
        import torch

        with torch.no_grad():
            return self.model(**self._tensors(given)).logits[0].numpy()

    def attentions(
        self, given: Input, blind_to: tuple[int, int] = (0, 0), since: int = 0
    ) -> np.ndarray:
        """Attention of the last token in each layer, (layers, heads, S). Tokens from `since` on do
        not see the tokens in `blind_to` (first, end).
        """
        import torch

        tensors = self._tensors(given)
        seen = np.tri(len(given.ids), dtype=bool)
        seen[since:, slice(*blind_to)] = False
        positions, _ = self.model.model.get_rope_index(
            tensors["input_ids"],
            tensors.get("image_grid_thw"),
            tensors.get("video_grid_thw"),
            tensors["attention_mask"],
        )
        mask = torch.from_numpy(np.where(seen, 0, np.finfo(np.float32).min).astype(np.float32))
        tensors |= {"attention_mask": mask[None, None], "position_ids": positions}
        own = self.model.config._attn_implementation
        self.model.set_attn_implementation("eager")  # the others do not tell
        try:
            with torch.no_grad():
                out = self.model(**tensors, output_attentions=True, logits_to_keep=1)
        finally:
            self.model.set_attn_implementation(own)
        return np.stack([layer[0, :, -1].numpy() for layer in out.attentions])

    def generate(self, given: Input, num_tokens: int) -> list[int]:
        """The ids that greedy generate writes, the end token included where it comes."""
        import torch

        with torch.no_grad():
            out = self.model.generate(
                **self._tensors(given), do_sample=False, max_new_tokens=num_tokens
            )
        return out[0, len(given.ids) :].tolist()
