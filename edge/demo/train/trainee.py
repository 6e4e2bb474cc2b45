"""Weights in training: the model and its heads in f32, their bf16 image, and the optimizers.

Passes run on the image, whose gradients move the f32 weights. Matrices inside the blocks are moved
by Muon, all else by AdamW. Knows nothing of data; saves and restores itself.
"""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from edge.demo.train.teaching import Heads
from edge.demo.train.team import Place

MUON_LR, ADAM_LR = 3e-3, 1.5e-3
WEIGHT_DECAY = 0.02
MAX_NORM = 5.0


class Pupil(nn.Module):  # type: ignore[misc] # torch is not read by mypy
    """All that is trained: `model` is transformers' Qwen3-VL, `heads` are dropped at export."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.heads = Heads()

    @property
    def visual(self) -> Any:
        """The vision tower."""
        return self.model.model.visual

    @property
    def language(self) -> Any:
        """The language model without its head, which is its embedding."""
        return self.model.model.language_model


class Trainee:
    """A pupil with its bf16 image; `step` counts the steps of all stages."""

    def __init__(self, pupil: Pupil, dtype: torch.dtype = torch.bfloat16) -> None:
        self.pupil = pupil
        self.image = copy.deepcopy(pupil).to(dtype)
        self.step = 0
        self._pairs = list(zip(pupil.parameters(), self.image.parameters(), strict=True))
        inner = {
            id(p)
            for name, p in pupil.named_parameters()
            if p.ndim == 2 and (".blocks." in name or ".layers." in name)
        }
        self._muon = torch.optim.Muon(
            [p for p in pupil.parameters() if id(p) in inner],
            lr=MUON_LR,
            weight_decay=WEIGHT_DECAY,
            adjust_lr_fn="match_rms_adamw",
        )
        self._adam = torch.optim.AdamW(
            [p for p in pupil.parameters() if id(p) not in inner],
            lr=ADAM_LR,
            betas=(0.9, 0.98),
            weight_decay=WEIGHT_DECAY,
            fused=True,
        )

    def update(self, place: Place, rate: float) -> float:
        """Move the weights by the image's gradients, averaged over the team; `rate` is a factor
        of the learning rates. Gives the norm of the gradient.
        """
        # One process may have had nothing to ask, so that its language model has no gradients.
        moved = place.any_of([q.grad is not None for _, q in self._pairs])
        used = [
            (p, torch.zeros_like(p) if q.grad is None else q.grad)
            for (p, q), is_moved in zip(self._pairs, moved, strict=True)
            if is_moved
        ]
        grads = [grad.float() for _, grad in used]
        place.average(grads)
        for (parameter, _), grad in zip(used, grads, strict=True):
            parameter.grad = grad
        norm = float(nn.utils.clip_grad_norm_([p for p, _ in used], MAX_NORM))
        if math.isfinite(norm):  # else this step is left out
            for optimizer, base in ((self._muon, MUON_LR), (self._adam, ADAM_LR)):
                for group in optimizer.param_groups:
                    group["lr"] = base * rate
                optimizer.step()
        for parameter, image in self._pairs:
            parameter.grad = image.grad = None
        self._refresh()
        self.step += 1
        return norm

    def save(self, file: Path, extra: Mapping[str, Any]) -> None:
        """Write everything needed to go on, and only then replace the old file."""
        state = {
            "pupil": self.pupil.state_dict(),
            "muon": self._muon.state_dict(),
            "adam": self._adam.state_dict(),
            "step": self.step,
            **extra,
        }
        fresh = file.with_suffix(".new")
        torch.save(state, fresh)
        os.replace(fresh, file)  # noqa: PTH105 - the same for a Path

    def load(self, file: Path) -> dict[str, Any]:
        """Go on from a saved state; gives what else was saved."""
        state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
        self.pupil.load_state_dict(state.pop("pupil"))
        self._muon.load_state_dict(state.pop("muon"))
        self._adam.load_state_dict(state.pop("adam"))
        self.step = state.pop("step")
        self._refresh()
        return state

    @torch.no_grad()  # type: ignore[untyped-decorator] # as above
    def _refresh(self) -> None:
        image: list[Tensor] = [q for _, q in self._pairs]
        torch._foreach_copy_(image, [p for p, _ in self._pairs])
