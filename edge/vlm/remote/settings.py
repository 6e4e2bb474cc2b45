"""Where the server is, and how it is to be asked. Plain values; made by whoever opens an engine."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from edge.vlm.settings import DEFAULT_MAX_PIXELS, DEFAULT_MIN_PIXELS, EngineSettings

PictureFormat = Literal["jpeg", "png"]


@dataclass(frozen=True, slots=True)
class RemoteSettings:
    """Everything that `open_answering` must know.

    `url` is the base of the protocol's paths, such as `http://10.0.0.5:8000/v1`; `key` is sent as a
    bearer token. `parallel` requests are made at once. `standby` is the model on this box that
    takes over while the server is away. The pixel settings and the bounds of sessions are those of
    EngineSettings.
    """

    url: str
    model: str
    key: str = field(default="", repr=False)
    parallel: int = 4
    pictures: PictureFormat = "jpeg"
    standby: EngineSettings | None = None
    max_pixels: int = DEFAULT_MAX_PIXELS
    min_pixels: int = DEFAULT_MIN_PIXELS
    crop_margin: float = 0.15
    overview: bool = False
    use_before: bool = False
    before_gap_s: float = 1.0
    max_sessions: int = 4
    max_session_bytes: int = 128_000_000
    session_idle_s: float = 600.0
