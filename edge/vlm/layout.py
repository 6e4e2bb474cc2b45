"""What a model is, read from its own files: dimensions, token ids, picture rules, chat template.

Reads JSON and the headers of the IR files; runs nothing and needs no OpenVINO, so that
`edge model info` can use it too. Any size of Qwen3-VL fits. Whatever is missing, foreign or does
not fit together is named here, before anything is compiled.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.errors import ModelInvalid, ModelMissing
from edge.questions import ModelInfo
from edge.vlm.ir_files import IR_FILES, LANGUAGE_IR, PULL, PULL_AGAIN, check_ir, read_precision
from edge.vlm.json_values import JsonValues, load_json


@dataclass(frozen=True, slots=True)
class TextDims:
    """The language model's dimensions."""

    hidden: int
    intermediate: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    vocab: int
    tied: bool
    mrope_section: tuple[int, int, int]
    max_positions: int


@dataclass(frozen=True, slots=True)
class VisionDims:
    """The vision tower's dimensions. `grid_side` is the side of the learned position table."""

    hidden: int
    intermediate: int
    depth: int
    heads: int
    channels: int
    patch_px: int
    temporal_patch: int
    merge: int
    grid_side: int
    out_hidden: int
    deepstack: int

    @property
    def token_px(self) -> int:
        """Side of the square that one visual token covers; pictures are multiples of it."""
        return self.patch_px * self.merge


@dataclass(frozen=True, slots=True)
class PixelRules:
    """How pixels become input: size bounds, then (value * rescale - mean) / std per channel."""

    min_pixels: int
    max_pixels: int
    rescale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class SpecialTokens:
    """Ids that steer the model; `eos` are those that end a text."""

    image: int
    video: int
    vision_start: int
    vision_end: int
    eos: frozenset[int]


@dataclass(frozen=True, slots=True)
class Layout:
    """All that the model's files say about it. `describes_in_one` where it learned to write the
    keys of a description only in their order.
    """

    model_dir: Path
    text: TextDims
    vision: VisionDims
    pixels: PixelRules
    tokens: SpecialTokens
    chat_template: str
    info: ModelInfo
    describes_in_one: bool

    def path(self, name: str) -> Path:
        """Where a file of the model lies."""
        return self.model_dir / name


def load_layout(model_dir: Path) -> Layout:
    """The layout of the model in a folder.

    Raises ModelMissing if there is no model, ModelInvalid naming the file, what it says and what
    is expected if files are missing, cut short, foreign or do not fit each other.
    """
    if not model_dir.is_dir():
        raise ModelMissing(f"there is no model at {model_dir}; {PULL}")
    config_file = model_dir / "config.json"
    if not config_file.exists() and not any((model_dir / name).exists() for name in IR_FILES):
        raise ModelMissing(f"{model_dir} holds no model (neither config.json nor IRs); {PULL}")
    config = JsonValues(config_file, load_json(config_file))
    if config.values.get("model_type") != "qwen3_vl":
        raise config.fault("model_type", config.values.get("model_type"), '"qwen3_vl"')
    text, vision = _text_dims(config), _vision_dims(config)
    if vision.out_hidden != text.hidden:
        raise ModelInvalid(
            f"{config_file}: vision_config.out_hidden_size is {vision.out_hidden}, but "
            f"text_config.hidden_size is {text.hidden}; they must be equal"
        )
    for name in IR_FILES:
        check_ir(model_dir / name)
    card = _card(model_dir)
    return Layout(
        model_dir=model_dir,
        text=text,
        vision=vision,
        pixels=_pixel_rules(model_dir / "preprocessor_config.json", vision),
        tokens=_special_tokens(config, model_dir),
        chat_template=_chat_template(model_dir),
        info=_info(model_dir, card, text, vision),
        describes_in_one=card.get("describes_in_one") is True,
    )


def _text_dims(config: JsonValues) -> TextDims:
    text = config.part("text_config")
    rope = text.part("rope_scaling" if "rope_scaling" in text.values else "rope_parameters")
    hidden, heads = text.whole("hidden_size"), text.whole("num_attention_heads")
    head_dim = text.whole("head_dim", hidden // heads)
    sections = rope.numbers("mrope_section", 3)
    if sum(sections) != head_dim // 2:
        raise rope.fault(
            "mrope_section", list(sections), f"sections that sum to half of head_dim {head_dim}"
        )
    tied = text.values.get("tie_word_embeddings", config.values.get("tie_word_embeddings", False))
    return TextDims(
        hidden=hidden,
        intermediate=text.whole("intermediate_size"),
        layers=text.whole("num_hidden_layers"),
        heads=heads,
        kv_heads=text.whole("num_key_value_heads", heads),
        head_dim=head_dim,
        vocab=text.whole("vocab_size"),
        tied=bool(tied),
        mrope_section=(int(sections[0]), int(sections[1]), int(sections[2])),
        max_positions=text.whole("max_position_embeddings", 32768),
    )


def _vision_dims(config: JsonValues) -> VisionDims:
    vision = config.part("vision_config")
    positions = vision.whole("num_position_embeddings")
    side = math.isqrt(positions)
    if side * side != positions:
        raise vision.fault("num_position_embeddings", positions, "a square number")
    hidden, heads = vision.whole("hidden_size"), vision.whole("num_heads")
    if hidden % (4 * heads):
        raise vision.fault("num_heads", heads, f"a divisor of hidden_size/4 = {hidden / 4:g}")
    return VisionDims(
        hidden=hidden,
        intermediate=vision.whole("intermediate_size"),
        depth=vision.whole("depth"),
        heads=heads,
        channels=vision.whole("in_channels", 3),
        patch_px=vision.whole("patch_size"),
        temporal_patch=vision.whole("temporal_patch_size"),
        merge=vision.whole("spatial_merge_size"),
        grid_side=side,
        out_hidden=vision.whole("out_hidden_size"),
        deepstack=len(vision.numbers("deepstack_visual_indexes")),
    )


def _pixel_rules(file: Path, vision: VisionDims) -> PixelRules:
    rules = JsonValues(file, load_json(file))
    for key, expected in (
        ("patch_size", vision.patch_px),
        ("merge_size", vision.merge),
        ("temporal_patch_size", vision.temporal_patch),
    ):
        if rules.whole(key, expected) != expected:
            raise rules.fault(key, rules.values[key], f"{expected} as in config.json")
    # min_pixels and max_pixels, where written, win over size: so does transformers' processor.
    size = rules.values.get("size")
    bounds = JsonValues(file, size if isinstance(size, dict) else {}, "size.")
    if rules.values.get("min_pixels") is not None:
        low = rules.whole("min_pixels")
    else:
        low = bounds.whole("shortest_edge")
    if rules.values.get("max_pixels") is not None:
        high = rules.whole("max_pixels")
    else:
        high = bounds.whole("longest_edge")
    if low > high:
        raise rules.fault("size", size, "shortest_edge (minimum pixels) below longest_edge")
    rescale = rules.values.get("rescale_factor", 1 / 255)
    if isinstance(rescale, bool) or not isinstance(rescale, int | float) or rescale <= 0:
        raise rules.fault("rescale_factor", rescale, "a positive number")
    std = rules.numbers("image_std", vision.channels)
    if any(value <= 0 for value in std):
        raise rules.fault("image_std", list(std), "positive numbers")
    mean = rules.numbers("image_mean", vision.channels)
    return PixelRules(min_pixels=low, max_pixels=high, rescale=float(rescale), mean=mean, std=std)


def _special_tokens(config: JsonValues, model_dir: Path) -> SpecialTokens:
    generation = model_dir / "generation_config.json"
    ends: object = None
    if generation.exists():
        ends = load_json(generation).get("eos_token_id")
    if ends is None:
        ends = config.part("text_config").values.get("eos_token_id")
    eos = [ends] if isinstance(ends, int) else ends
    if not isinstance(eos, list) or not eos or any(not isinstance(e, int) for e in eos):
        raise ModelInvalid(
            f"{generation}: eos_token_id is {ends!r}; expected one or more token ids"
        )
    return SpecialTokens(
        image=config.whole("image_token_id"),
        video=config.whole("video_token_id"),
        vision_start=config.whole("vision_start_token_id"),
        vision_end=config.whole("vision_end_token_id"),
        eos=frozenset(eos),
    )


def _chat_template(model_dir: Path) -> str:
    """The Jinja text, from where the exports of different years keep it."""
    plain = model_dir / "chat_template.jinja"
    if plain.exists():
        return plain.read_text(encoding="utf-8")
    for name in ("chat_template.json", "tokenizer_config.json"):
        if (model_dir / name).exists():
            template = load_json(model_dir / name).get("chat_template")
            if isinstance(template, str):
                return template
    raise ModelInvalid(
        f"{plain} is missing, and neither chat_template.json nor tokenizer_config.json has a "
        f"chat_template; {PULL_AGAIN}"
    )


def _card(model_dir: Path) -> dict[str, Any]:
    """What whoever made the model says of it; nothing for most."""
    file = model_dir / "edge_model.json"
    return load_json(file) if file.exists() else {}


def _info(model_dir: Path, card: dict[str, Any], text: TextDims, vision: VisionDims) -> ModelInfo:
    name = str(card.get("name", model_dir.resolve().name))
    # Random weights, as benches use them, say nothing about real pictures either.
    demonstration = any(card.get(key) is True for key in ("demonstration", "untrained"))
    precision = read_precision(model_dir / LANGUAGE_IR)
    return ModelInfo(name, precision, num_parameters(text, vision) / 1e6, demonstration)


def num_parameters(text: TextDims, vision: VisionDims) -> int:
    """How many weights a Qwen3-VL of these dimensions has; a tied embedding counts once."""
    h, d = text.hidden, vision.hidden
    attention = h * text.head_dim * (2 * text.heads + 2 * text.kv_heads) + 2 * text.head_dim
    layer = attention + 3 * h * text.intermediate + 2 * h
    language = text.layers * layer + h + (1 if text.tied else 2) * text.vocab * h
    block = 4 * d + 4 * d * d + 4 * d + 2 * d * vision.intermediate + vision.intermediate + d
    wide = d * vision.merge**2
    merger = wide * wide + wide + wide * vision.out_hidden + vision.out_hidden
    patches = vision.channels * vision.temporal_patch * vision.patch_px**2 * d + d
    tower = patches + vision.grid_side**2 * d + vision.depth * block
    mergers = merger + 2 * d + vision.deepstack * (merger + 2 * wide)
    return language + tower + mergers
