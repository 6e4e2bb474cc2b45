"""SourceFacts: what an open source tells about itself, and what it has counted.

Plain values; filled by `packets` and `source`, for whoever holds the open source.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edge.capture.kinds import Kind


@dataclass(slots=True)
class Counters:
    """Counters since the source was opened.

    `received` counts packets, `seen` their pictures once it is settled what becomes of them.
    `decoded` came out of the decoder, `handed_on` were yielded, `dropped` were not (off the grid,
    waiting for an I-frame, or left out by a camera at rest); `left_out` of them were not decoded.
    `wakes` counts the rests that were cut short. `corrupt` are damaged packets and pictures, `lost`
    holes in H.264's frame numbers, `gaps` breaks that needed a new I-frame. `drains` counts the
    times that a backlog was skipped, `drained` the packets in it.
    """

    received: int = 0
    seen: int = 0
    decoded: int = 0
    handed_on: int = 0
    dropped: int = 0
    left_out: int = 0
    wakes: int = 0
    corrupt: int = 0
    lost: int = 0
    gaps: int = 0
    drains: int = 0
    drained: int = 0

    def leave_out(self, num_pictures: int) -> None:
        """Count pictures that are not decoded."""
        self.seen += num_pictures
        self.dropped += num_pictures
        self.left_out += num_pictures


@dataclass(frozen=True, slots=True)
class MainFacts:
    """What is known of the main stream beside the one that is looked at.

    `shown` counts the pictures decoded from it, `missed` those for which the small stream's had to
    do. `error` says why it is not connected, "" if it is or has not been tried yet.
    """

    codec: str
    width_px: int
    height_px: int
    ring_bytes: int
    shown: int
    missed: int
    error: str


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """A snapshot of what is known of an open source.

    `hardware` is what decodes it, "" for software. The size is the native one, before rotation;
    (0, 0) as long as a live stream has not told it. `stream_fps` is what the stream claims,
    `gop_frames` and `gop_s` how far apart its I-frames are; None where unknown. `decode` is what is
    decoded now: all pictures, or I-frames alone (`idle`: as long as all is quiet); `reason` says
    why an `auto` camera cannot rest, else "". `main` is the stream beside this one, if there are
    two. `start_s` is the recording's own time at the beginning of ours, 0 for live streams.
    """

    kind: Kind | Literal["demo"]
    codec: str
    hardware: str
    width_px: int
    height_px: int
    stream_fps: float | None
    gop_frames: int | None
    gop_s: float | None
    decode: Literal["all", "idle", "iframes"]
    reason: str
    counters: Counters
    main: MainFacts | None = None
    start_s: float = 0.0
