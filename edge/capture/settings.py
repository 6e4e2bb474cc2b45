"""SourceSettings: everything capture needs to know about one camera's source.

Plain values with sane defaults; knows nothing of YAML or of FFmpeg. Built by the daemon and the
commands from the configuration, read by `kinds`, `source` and `reader`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Transport = Literal["tcp", "udp"]
Decode = Literal["auto", "all", "iframes"]
Hwaccel = Literal["off", "auto", "vaapi", "qsv"]

MIN_SIDE_PX = 16  # smaller pictures are damage or a placeholder, not a camera


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """One camera's source.

    `fps` is how many frames a second are handed on. `decode` is `all` pictures, `iframes` alone, or
    `auto`: I-frames as long as all is quiet (see `resting`). Files are paced at presentation time
    unless `realtime` is false, and begin again at their end with `loop`. `open_timeout_s` and
    `read_timeout_s` bound the waits for the network; a hang inside a driver is for the parent
    process to end. `options` are FFmpeg options added to ours, name and value. Raises ValueError
    for values that no source can work with.
    """

    camera: str
    url: str = field(repr=False)  # may hold a password
    main_url: str = field(default="", repr=False)  # the pictures' stream, if `url` is the small one
    transport: Transport = "tcp"
    open_timeout_s: float = 10.0
    read_timeout_s: float = 10.0
    fps: float = 5.0
    decode: Decode = "auto"
    hwaccel: Hwaccel = "off"
    realtime: bool = True
    loop: bool = False
    options: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    max_width_px: int = 8192
    max_height_px: int = 8192
    max_pixels: int = 40_000_000  # 8K is 33 million; a decoded picture then takes up to 60 MB

    def __post_init__(self) -> None:
        for name in ("open_timeout_s", "read_timeout_s", "fps"):
            value = getattr(self, name)
            if not 0.0 < value < 1e6:
                raise ValueError(f"camera {self.camera}: {name} must be above 0, not {value}")
        for name in ("max_width_px", "max_height_px", "max_pixels"):
            value = getattr(self, name)
            if value < MIN_SIDE_PX:
                raise ValueError(
                    f"camera {self.camera}: {name} must be at least {MIN_SIDE_PX}, not {value}"
                )
