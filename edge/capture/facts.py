"""SourceFacts: what an open source tells about itself, and what it has counted.

Plain values; filled by `packets` and `source`, for whoever holds the open source.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge.capture.kinds import Kind


@dataclass(slots=True)
class Counters:
    """Counters since the source was opened.

    `seen` counts pictures, decoded or not. `decoded` came out of the decoder, `handed_on` were
    yielded, `dropped` were not (off the grid, or waiting for an I-frame). `corrupt` are damaged
    packets and pictures, `lost` holes in H.264's frame numbers, `gaps` breaks that needed a new
    I-frame. `drains` counts the times that a backlog was skipped, `drained` the packets in it.
    """

    seen: int = 0
    decoded: int = 0
    handed_on: int = 0
    dropped: int = 0
    corrupt: int = 0
    lost: int = 0
    gaps: int = 0
    drains: int = 0
    drained: int = 0


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """A snapshot of what is known of an open source.

    The size is the native one, before rotation; (0, 0) as long as a live stream has not told it.
    `stream_fps` is what the stream claims, `gop_frames` the length of the last whole GOP seen;
    None where unknown.
    """

    kind: Kind
    codec: str
    width_px: int
    height_px: int
    stream_fps: float | None
    gop_frames: int | None
    counters: Counters
