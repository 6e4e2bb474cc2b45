"""How the vision tower is taught: throw-away heads that must say what every token shows.

Exact labels for each token and patch give thousands of answers for each picture, where a question
gives one. Besides, the tower's tokens are drawn towards a fixed code of their labels, the symbols,
in which the language model can be trained without pictures at the same time. Dropped at export.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own habit
from torch import Tensor, nn

from edge.demo.train.dims import TEXT, VISION
from edge.demo.train.labels import (
    ALPHABET,
    CHANNELS,
    DOORS,
    NUM_PATCH_CHANNELS,
    NUM_SLOTS,
    Labels,
)
from edge.demo.train.model import Sight, see
from edge.demo.train.pages import Page
from edge.demo.train.views import View
from edge.demo.world import KINDS

_WIDTH = TEXT["hidden_size"]
_CODE = (_WIDTH - len(CHANNELS)) // NUM_SLOTS  # numbers that tell a slot's character
SYMBOL_SEED = 1
SYMBOL_WEIGHT = 0.3
RARE = -3.0  # what the heads say at first: most channels are 0 in most places
THERE_WEIGHT = 3.0  # of what is in a place against what is not
THERE = 0.4  # coverage from which a kind counts as there, for the score
LETTER_WEIGHT = 6.0  # of a character against no character


@dataclass(frozen=True, slots=True)
class Target:
    """Labels of B pictures as tensors: (B, N, channels), (B, 4N, patch channels), (B, N, slots)."""

    tokens: Tensor
    patches: Tensor
    letters: Tensor


def stack_labels(labels: Sequence[Labels]) -> Target:
    """The labels of the pictures of a batch."""
    return Target(
        torch.from_numpy(np.stack([part.tokens for part in labels])),
        torch.from_numpy(np.stack([part.patches for part in labels])),
        torch.from_numpy(np.stack([part.letters for part in labels])),
    )


def target_of(views: Sequence[View]) -> Target:
    """The labels of all that is shown: of overviews, then of the crops."""
    target = stack_labels([view.labels for view in views])
    first = [view.overview.labels for view in views if view.overview is not None]
    if not first:
        return target
    whole = stack_labels(first)
    return Target(
        torch.cat([whole.tokens, target.tokens], dim=1),
        torch.cat([whole.patches, target.patches], dim=1),
        torch.cat([whole.letters, target.letters], dim=1),
    )


def look_at(visual: Any, views: Sequence[View]) -> Sight:
    """The vision tower for all that is shown: overviews, then crops."""
    sight = see(visual, torch.from_numpy(np.stack([view.pictures for view in views])))
    first = [view.overview.picture[None] for view in views if view.overview is not None]
    if not first:
        return sight
    whole = see(visual, torch.from_numpy(np.stack(first)))
    return Sight(
        torch.cat([whole.tokens, sight.tokens], dim=1),
        tuple(
            torch.cat(pair, dim=1) for pair in zip(whole.deepstack, sight.deepstack, strict=True)
        ),
        torch.cat([whole.patches, sight.patches], dim=1),
    )


class Heads(nn.Module):  # type: ignore[misc] # torch is not read by mypy
    """Linear heads on tokens and patches, and the code of symbols."""

    channels: Tensor
    characters: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.of_tokens = nn.Linear(_WIDTH, len(CHANNELS))
        self.of_letters = nn.Linear(_WIDTH, NUM_SLOTS * (len(ALPHABET) + 1))
        self.of_patches = nn.Linear(VISION["hidden_size"], NUM_PATCH_CHANNELS)
        for head in (self.of_tokens, self.of_patches):
            nn.init.constant_(head.bias, RARE)
        rng = np.random.default_rng(SYMBOL_SEED)
        basis, _ = np.linalg.qr(rng.normal(size=(_WIDTH, _WIDTH)))
        codes = rng.normal(size=(len(ALPHABET) + 1, _CODE))
        codes /= np.linalg.norm(codes, axis=1, keepdims=True)
        codes[0] = 0
        channels, rest = basis[: len(CHANNELS)], basis[len(CHANNELS) :]
        slots = rest[: NUM_SLOTS * _CODE].reshape(NUM_SLOTS, _CODE, _WIDTH)
        characters = np.einsum("kc,scw->skw", codes, slots)
        self.register_buffer("channels", torch.from_numpy(channels).float())
        self.register_buffer("characters", torch.from_numpy(characters).float())

    def symbols(self, target: Target) -> Tensor:
        """The code of labels, (B, N, H): what the language model may be shown for a picture."""
        coded = target.tokens.to(self.channels.dtype) @ self.channels
        for slot in range(NUM_SLOTS):
            coded = coded + self.characters[slot][target.letters[..., slot]]
        return coded


def teach(heads: Heads, sight: Sight, target: Target) -> dict[str, Tensor]:
    """The losses of what the tower made of a batch; the names are for the log."""
    tokens = sight.tokens
    said = heads.of_tokens(tokens).float()
    there = torch.tensor(THERE_WEIGHT)
    by_channel = F.binary_cross_entropy_with_logits(
        said, target.tokens, reduction="none", pos_weight=there
    )
    patches = heads.of_patches(sight.patches).float()
    by_patch = F.binary_cross_entropy_with_logits(
        patches, target.patches, reduction="none", pos_weight=there
    )
    off = (tokens.float() - heads.symbols(target).float()).square()
    return {
        "tokens": by_channel.sum(-1).mean(),
        "letters": _missed_letters(heads, tokens, target.letters),
        "patches": by_patch.sum(-1).mean(),
        "symbols": SYMBOL_WEIGHT * off.sum(-1).mean(),
    }


def spell(
    heads: Heads, visual: Any, pages: Sequence[Page]
) -> tuple[dict[str, Tensor], dict[str, tuple[float, float]]]:
    """The loss of what the tower made of pages of letters, and (right, asked) for the log."""
    tokens = see(visual, torch.from_numpy(np.stack([page.picture[None] for page in pages]))).tokens
    wanted = torch.from_numpy(np.stack([page.letters for page in pages]))
    right, asked = _right_letters(heads, tokens.detach(), wanted)
    return {"spelled": _missed_letters(heads, tokens, wanted)}, {"spelled": (right, asked)}


def _missed_letters(heads: Heads, tokens: Tensor, wanted: Tensor) -> Tensor:
    letters = heads.of_letters(tokens).float().view(-1, len(ALPHABET) + 1)
    wanted = wanted.reshape(-1)
    weights = torch.where(wanted > 0, LETTER_WEIGHT, 0.1)
    by_letter = F.cross_entropy(letters, wanted, reduction="none") * weights
    return by_letter.mean() * NUM_SLOTS


@torch.no_grad()  # type: ignore[untyped-decorator] # as above
def _right_letters(heads: Heads, tokens: Tensor, wanted: Tensor) -> tuple[float, float]:
    letters = heads.of_letters(tokens).view(*wanted.shape, len(ALPHABET) + 1)
    printed = wanted > 0
    right = letters.argmax(-1) == wanted
    return float((right & printed).sum()), float(printed.sum())


@torch.no_grad()  # type: ignore[untyped-decorator] # as above
def score(heads: Heads, sight: Sight, target: Target) -> dict[str, tuple[float, float]]:
    """How well the heads say what is asked later, as (right, asked): whether a picture holds each
    kind, in which state the door is, and which characters are printed.
    """
    said = heads.of_tokens(sight.tokens).float()
    found: dict[str, tuple[float, float]] = {}
    for index, kind in enumerate(KINDS):
        there = target.tokens[..., index].amax(1) > THERE
        claimed = said[..., index].sigmoid().amax(1) > THERE
        found[f"{kind} there"] = (float((claimed & there).sum()), float(there.sum()))
        found[f"{kind} not"] = (float((~claimed & ~there).sum()), float((~there).sum()))
    first = CHANNELS.index(f"door {DOORS[0]}")
    columns = slice(first, first + len(DOORS))
    state = target.tokens[..., columns].sum(1)
    shown = state.amax(1) > 1.5
    right = said[..., columns].sigmoid().sum(1).argmax(1) == state.argmax(1)
    found["door"] = (float((right & shown).sum()), float(shown.sum()))
    found["letters"] = _right_letters(heads, sight.tokens, target.letters)
    return found
