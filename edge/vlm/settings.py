"""How the engine is to run: where the model lies and the bounds it must keep.

Plain values, no model and no OpenVINO; made by whoever opens the engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

# 220 visual tokens: a 16:9 picture becomes 640x352, and a crop of up to that area stays as it is.
DEFAULT_MAX_PIXELS = 640 * 360
# The least that is fed, 16 visual tokens; a smaller picture is enlarged. The minimum in a model's
# preprocessor_config.json, 65,536 pixels for Qwen3-VL, is what its authors' processor defaults to,
# not a limit of the network: crops of 256x192 are as good as whole pictures of that size.
DEFAULT_MIN_PIXELS = 128 * 128
# An overview beside a crop, 24 visual tokens: 192x128 or what comes closest.
OVERVIEW_PIXELS = 192 * 128


class SightSettings(Protocol):
    """How much of a picture is shown, whoever looks; see EngineSettings for what each one means."""

    @property
    def max_pixels(self) -> int:
        """What one look feeds at most."""

    @property
    def min_pixels(self) -> int:
        """The size below which a picture is enlarged."""

    @property
    def crop_margin(self) -> float:
        """What is added to the boxes on each side."""

    @property
    def overview(self) -> bool:
        """Whether a crop comes with a small picture of the whole."""

    @property
    def use_before(self) -> bool:
        """Whether the picture from before the movement is shown."""

    @property
    def before_gap_s(self) -> float:
        """How much earlier that picture is taken to be."""


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Everything that `open_engine` must know.

    `threads` None lets OpenVINO take all cores. `cache_dir` holds compiled models (made if absent);
    None compiles on every start. `accuracy` computes in f32 with an f32 KV cache: slow, the
    reference for tests. `dynamic_quantization` computes with int8 activations: fast, but it needs
    AVX2-VNNI, AVX-512 or better.

    `max_pixels` bounds what one look feeds (1024 pixels are one token), `min_pixels` the size below
    which a picture is enlarged. `crop_margin` widens the boxes on each side, as a share of their
    size. `overview` shows a small picture of the whole frame before each crop.
    `use_before` shows the picture from before the movement together with the keyframe, as a
    two-frame clip of `before_gap_s` seconds. `max_context` bounds the tokens of one look,
    `max_prefixes` and `max_prefix_bytes` the remembered question sets, `max_sessions`,
    `max_session_bytes` and `session_idle_s` the open conversations.
    """

    model_dir: Path
    threads: int | None = None
    cache_dir: Path | None = None
    accuracy: bool = False
    dynamic_quantization: bool = True
    max_pixels: int = DEFAULT_MAX_PIXELS
    min_pixels: int = DEFAULT_MIN_PIXELS
    crop_margin: float = 0.15
    overview: bool = False
    use_before: bool = False
    before_gap_s: float = 1.0
    max_context: int = 4096
    max_prefixes: int = 8
    max_prefix_bytes: int = 256 * 2**20
    max_sessions: int = 4
    max_session_bytes: int = 128_000_000
    session_idle_s: float = 600.0

    def __post_init__(self) -> None:
        if self.threads is not None and self.threads < 1:
            raise ValueError(f"threads must be at least 1, not {self.threads}")
        if self.max_pixels < 1024:
            raise ValueError(f"max_pixels must be at least 1024, not {self.max_pixels}")
        if self.min_pixels < 0:
            raise ValueError(f"min_pixels must be at least 0, not {self.min_pixels}")
        if not 0 <= self.crop_margin <= 5:
            raise ValueError(f"crop_margin must be 0..5, not {self.crop_margin}")
