"""The model that is trained: a small Qwen3-VL, and its forward passes in the form training needs.

Weights live in transformers' own model, so that saving and exporting are its business. The passes
here compute the same (a test holds them to it) for many pictures of one size at once, with the
prefix computed once for all of them and any 4-D mask. Knows nothing of questions or losses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own habit
from numpy.typing import NDArray
from torch import Tensor
from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration

from edge.demo.train.dims import MERGE, PATCH_PX, TEXT, TOKEN_PX, VISION
from edge.vlm.vision import position_indices, rotary_angles


@dataclass(frozen=True, slots=True)
class Sight:
    """What the tower makes of B pictures of P patches, N tokens: `tokens` (B, N, H), `deepstack`
    one such for each set, `patches` (B, P, D) the last block's state, four patches to a token.
    """

    tokens: Tensor
    deepstack: tuple[Tensor, ...]
    patches: Tensor


@dataclass(frozen=True, slots=True)
class Past:
    """Keys and values of a prefix: for each layer (1, kv heads, P, head_dim)."""

    keys: tuple[Tensor, ...]
    values: tuple[Tensor, ...]


@dataclass(slots=True)
class Watch:
    """Whose attention is wanted: `rows` (B, R), or (1, R) for all, of the S tokens of a pass, in
    these `layers`. The pass leaves in `seen` for each layer the log of each row's shares,
    (B, heads, R, P + S) f32.
    """

    rows: Tensor
    layers: tuple[int, ...]
    seen: dict[int, Tensor] = field(default_factory=dict)


def build_config(token_ids: Mapping[str, int]) -> Qwen3VLConfig:
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


def build_model(token_ids: Mapping[str, int], seed: int) -> Any:
    """A fresh model. What the mergers of DeepStack add is zero at first, so that the language
    model can begin with the last layer's tokens alone.
    """
    torch.manual_seed(seed)
    model = Qwen3VLForConditionalGeneration(  # type: ignore[no-untyped-call] # as above
        build_config(token_ids)
    )
    with torch.no_grad():
        for merger in model.model.visual.deepstack_merger_list:
            merger.linear_fc2.weight.zero_()
        model.model.visual.merger.linear_fc2.weight.mul_(0.2)
    return model


def cut_patches(pictures: Tensor) -> Tensor:
    """Pictures (B, T, H, W, 3) uint8, T = 1 for stills or 2, to (B, P, 3*T*16*16) in -1..1.

    The order of patches and of numbers within one is that of the engine's `build_patches`; a
    still is not doubled here but its weights are added up (see `see`).
    """
    batch, times, height, width, channels = pictures.shape
    rows, columns = height // TOKEN_PX, width // TOKEN_PX
    blocks = pictures.view(batch, times, rows, MERGE, PATCH_PX, columns, MERGE, PATCH_PX, channels)
    # -> block row, block column, row in block, column in block, C, T, y, x
    ordered = blocks.permute(0, 2, 5, 3, 6, 8, 1, 4, 7)
    flat = ordered.reshape(batch, rows * columns * MERGE**2, -1)
    return flat.float().mul_(1 / 127.5).sub_(1)


def see(visual: Any, pictures: Tensor) -> Sight:
    """The vision tower for equally large pictures (B, T, H, W, 3) uint8."""
    patches = cut_patches(pictures)
    height, width = pictures.shape[2:4]
    rows, columns = height // PATCH_PX, width // PATCH_PX
    weight = visual.patch_embed.proj.weight  # (D, C, 2, 16, 16)
    if pictures.shape[1] == 1:
        weight = weight.sum(dim=2)
    hidden = F.linear(
        patches.to(weight.dtype), weight.reshape(weight.shape[0], -1), visual.patch_embed.proj.bias
    )
    indices, mix = _table_places(rows, columns, visual.num_grid_per_side)
    table = visual.pos_embed(indices) * mix[..., None].to(weight.dtype)
    hidden = hidden + table.sum(dim=0)
    num_heads = visual.blocks[0].attn.num_heads
    cos, sin = _vision_angles(rows, columns, weight.shape[0] // num_heads)
    cos, sin = cos.to(weight.dtype), sin.to(weight.dtype)
    deepstack = []
    for number, block in enumerate(visual.blocks):
        hidden = hidden + _vision_attention(block.attn, _norm(block.norm1, hidden), cos, sin)
        # The erf form of GELU: within 0.001 of the tanh form, and three times as fast in bf16.
        inner = F.gelu(block.mlp.linear_fc1(_norm(block.norm2, hidden)))
        hidden = hidden + block.mlp.linear_fc2(inner)
        if number in visual.deepstack_visual_indexes:
            index = visual.deepstack_visual_indexes.index(number)
            deepstack.append(_merge(visual.deepstack_merger_list[index], hidden))
    return Sight(_merge(visual.merger, hidden), tuple(deepstack), hidden)


def read(
    language: Any,
    embedded: Tensor,
    positions: NDArray[np.int64],
    seen: Tensor,
    past: Past | None = None,
    deepstack: Sequence[Tensor] = (),
    visual_at: Tensor | None = None,
    watch: Watch | None = None,
) -> tuple[Tensor, Past]:
    """The language model: embeddings (B, S, H) to normed hidden states (B, S, H).

    `positions` (3, S); `seen` (S, T) bool, true where a token sees another of the P + S; `past`
    is the prefix of all. DeepStack sets (B, N, H) are added at the S-indices `visual_at` (N,).
    """
    cos, sin = text_angles(language, positions, embedded.dtype)
    bias = torch.zeros(seen.shape, dtype=embedded.dtype).masked_fill_(~seen, -30000.0)
    hidden = embedded
    keys, values = [], []
    for number, layer in enumerate(language.layers):
        before = None if past is None else (past.keys[number], past.values[number])
        normed = _rms(layer.input_layernorm, hidden)
        attn = layer.self_attn
        added, query, key, value = _text_attention(attn, normed, cos, sin, bias, before)
        if watch is not None and number in watch.layers:
            past_key = None if before is None else before[0]
            watch.seen[number] = _shares(query, key, past_key, bias, watch.rows)
        hidden = hidden + added
        normed = _rms(layer.post_attention_layernorm, hidden)
        mlp = layer.mlp
        hidden = hidden + mlp.down_proj(F.silu(mlp.gate_proj(normed)) * mlp.up_proj(normed))
        if number < len(deepstack) and visual_at is not None:
            hidden = hidden.index_add(1, visual_at, deepstack[number])
        keys.append(key)
        values.append(value)
    return _rms(language.norm, hidden), Past(tuple(keys), tuple(values))


def text_angles(
    language: Any, positions: NDArray[np.int64], dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Cosine and sine (S, head_dim) of M-RoPE at positions (3, S)."""
    whole = torch.from_numpy(np.ascontiguousarray(positions))[:, None]
    cos, sin = language.rotary_emb(torch.zeros(1), whole)
    return cos[0].to(dtype), sin[0].to(dtype)


def _vision_attention(attn: Any, hidden: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    batch, num, width = hidden.shape
    heads = attn.num_heads
    qkv = attn.qkv(hidden).view(batch, num, 3, heads, width // heads)
    query, key, value = (part.transpose(1, 2) for part in qkv.unbind(2))
    query = _turned(query, cos, sin).reshape(batch * heads, num, -1)
    key = _turned(key, cos, sin).reshape(batch * heads, num, -1)
    mixed = _attend(query, key, value.reshape(batch * heads, num, -1))
    mixed = mixed.view(batch, heads, num, -1).transpose(1, 2).reshape(batch, num, width)
    out: Tensor = attn.proj(mixed)
    return out


def _text_attention(
    attn: Any,
    hidden: Tensor,
    cos: Tensor,
    sin: Tensor,
    bias: Tensor,
    before: tuple[Tensor, Tensor] | None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Grouped-query attention: the heads of a group are stacked as rows of one product. Gives what
    is added, and the queries, keys and values of these tokens.
    """
    batch, num, _ = hidden.shape
    dim, group = attn.head_dim, attn.num_key_value_groups
    query = _rms(attn.q_norm, attn.q_proj(hidden).view(batch, num, -1, dim)).transpose(1, 2)
    key = _rms(attn.k_norm, attn.k_proj(hidden).view(batch, num, -1, dim)).transpose(1, 2)
    value = attn.v_proj(hidden).view(batch, num, -1, dim).transpose(1, 2)
    query, key = _turned(query, cos, sin), _turned(key, cos, sin)
    own = key, value
    if before is not None:
        key = torch.cat([before[0].expand(batch, -1, -1, -1), key], dim=2)
        value = torch.cat([before[1].expand(batch, -1, -1, -1), value], dim=2)
    kv_heads = key.shape[1]
    stacked = query.reshape(batch * kv_heads, group * num, dim)
    mixed = _attend(stacked, key.flatten(0, 1), value.flatten(0, 1), bias.repeat(group, 1))
    mixed = mixed.view(batch, kv_heads * group, num, dim).transpose(1, 2)
    return attn.o_proj(mixed.reshape(batch, num, -1)), query, *own


def _shares(
    query: Tensor, key: Tensor, past_key: Tensor | None, bias: Tensor, rows: Tensor
) -> Tensor:
    """Log of the attention's shares of some rows."""
    batch, heads, _, dim = query.shape
    if past_key is not None:
        key = torch.cat([past_key.expand(batch, -1, -1, -1), key], dim=2)
    rows = rows.expand(batch, -1)
    chosen = query.gather(2, rows[:, None, :, None].expand(-1, heads, -1, dim))
    key = key.repeat_interleave(heads // key.shape[1], dim=1)
    scores = chosen @ key.transpose(2, 3) * dim**-0.5 + bias[rows][:, None]
    return scores.float().log_softmax(-1)


def _attend(query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None = None) -> Tensor:
    """Softmax attention as plain products: in bf16 on a CPU faster than torch's fused one, whose
    backward pass is slow (21 against 31 ms for 16 pictures of 192 patches, 4 heads x 32).
    """
    scale = query.shape[-1] ** -0.5
    start = query.new_zeros(()) if bias is None else bias
    scores = torch.baddbmm(
        start, query, key.transpose(1, 2), beta=0.0 if bias is None else 1.0, alpha=scale
    )
    return torch.bmm(scores.softmax(-1), value)


def _turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary embedding of (..., S, d) by angles (S, d)."""
    half = x.shape[-1] // 2
    swapped = torch.cat([-x[..., half:], x[..., :half]], dim=-1)
    return x * cos + swapped * sin


def _merge(merger: Any, hidden: Tensor) -> Tensor:
    """Four patches to a token."""
    batch, num, _ = hidden.shape
    if merger.use_postshuffle_norm:
        wide = _norm(merger.norm, hidden.view(batch, num // MERGE**2, -1))
    else:
        wide = _norm(merger.norm, hidden).view(batch, num // MERGE**2, -1)
    out: Tensor = merger.linear_fc2(F.gelu(merger.linear_fc1(wide)))
    return out


def _norm(norm: Any, x: Tensor) -> Tensor:
    return F.layer_norm(x, norm.normalized_shape, norm.weight, norm.bias, norm.eps)


def _rms(norm: Any, x: Tensor) -> Tensor:
    return F.rms_norm(x, norm.weight.shape, norm.weight, norm.variance_epsilon)


@lru_cache(maxsize=64)
def _table_places(rows: int, columns: int, side: int) -> tuple[Tensor, Tensor]:
    indices, weights = position_indices(rows, columns, side, MERGE)
    return torch.from_numpy(indices), torch.from_numpy(weights)


@lru_cache(maxsize=64)
def _vision_angles(rows: int, columns: int, head_dim: int) -> tuple[Tensor, Tensor]:
    angles = torch.from_numpy(rotary_angles(rows, columns, head_dim, MERGE))
    doubled = torch.cat([angles, angles], dim=-1)
    return doubled.cos(), doubled.sin()
