"""What one configuration made of one clip, kept for the summary, the report and the score.

Runs the clip and calls back for each keyframe as it comes. Pictures are kept small and few, and
only if they are asked for.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from edge.frames import Frame, Image, Keyframe, Phase, Trigger
from edge.geometry import Box
from edge.replay.clips import clip_name
from edge.replay.run import Replay, ReplayPlan

if TYPE_CHECKING:
    from edge.findings import VerdictReport
    from edge.replay.judge import Judge, Judged, StateChange
    from edge.replay.record import Recording
    from edge.replay.score import ClipScore

THUMB_WIDTH_PX = 320
SCENE_WIDTH_PX = 640
THUMB_QUALITY = 75


@dataclass(frozen=True, slots=True)
class Shown:
    """A keyframe without its pixels; `picture` is a small JPEG, empty where none is kept."""

    t_s: float
    trigger: Trigger
    phase: Phase | None
    score: float
    boxes: tuple[Box, ...]
    zones: tuple[str, ...]
    started_s: float
    detail: str
    sharpness: float
    quality: float
    picture: bytes = field(repr=False, default=b"")
    verdicts: tuple[VerdictReport, ...] = ()


@dataclass
class Outcome:
    """One clip. `error` says why it was not read to its end, "" if it was; `scene` is a JPEG of its
    beginning; `recording` and `scene` are there only if they were asked for.
    """

    clip: Path
    plan: ReplayPlan
    keyframes: list[Shown] = field(default_factory=list)
    changes: list[StateChange] = field(default_factory=list)
    length_s: float = 0.0
    start_s: float = 0.0
    cpu_s: float = 0.0
    left_out_frac: float = 0.0
    size_px: tuple[int, int] = (0, 0)
    scene: bytes = field(repr=False, default=b"")
    recording: Recording | None = None
    score: ClipScore | None = None
    error: str = ""

    @property
    def name(self) -> str:
        """The clip's name as it can be shown."""
        return clip_name(self.clip)

    @property
    def taken(self) -> list[tuple[float, str]]:
        """Times and triggers, in order of time."""
        return sorted((one.t_s, one.trigger) for one in self.keyframes)


@dataclass(frozen=True, slots=True)
class Keep:
    """What is kept of a run besides the keyframes' facts: the trace, and so many pictures."""

    trace: bool = False
    num_pictures: int = 0


class Listener(Protocol):
    """Whoever is told of a run as it goes on."""

    def begins(self, outcome: Outcome) -> None:
        """A clip begins; `outcome` is filled while it runs."""

    def takes(self, outcome: Outcome, shown: Shown) -> None:
        """A keyframe was taken."""

    def judges(self, outcome: Outcome, t_s: float, judged: Judged) -> None:
        """The rules have spoken about the last keyframe."""

    def ends(self, outcome: Outcome) -> None:
        """The clip is over; `outcome.error` says if it could not be read to its end."""


def run_clip(outcome: Outcome, *, judge: Judge | None, keep: Keep, listener: Listener) -> None:
    """Run the outcome's plan and fill it.

    Raises CaptureError for a clip that cannot be read, ModelError where the model fails.
    """
    if keep.trace:
        from edge.replay.record import Recording  # noqa: PLC0415 - a plain replay starts without it

        outcome.recording = Recording()

    def note_first(frame: Frame) -> None:
        outcome.start_s = replay.start_s
        outcome.size_px = (frame.width_px, frame.height_px)
        if keep.trace:
            outcome.scene = small_jpeg(frame.image(), SCENE_WIDTH_PX)

    has_pictures = judge is not None or keep.num_pictures > 0
    replay = Replay(outcome.plan, outcome.recording, note_first, with_pictures=has_pictures)
    for keyframe in replay.keyframes():
        shown = shown_of(keyframe, with_picture=len(outcome.keyframes) < keep.num_pictures)
        listener.takes(outcome, shown)
        if judge is not None:
            judged = judge.look_at(keyframe)
            listener.judges(outcome, keyframe.pts_s, judged)
            outcome.changes += judged.changes
            shown = replace(shown, verdicts=judged.verdicts)
        outcome.keyframes.append(shown)
    outcome.length_s, outcome.cpu_s = replay.length_s, replay.cpu_s
    outcome.left_out_frac = replay.left_out_frac


def shown_of(keyframe: Keyframe, *, with_picture: bool) -> Shown:
    """A keyframe's facts, and its picture if it is to be kept."""
    return Shown(
        t_s=keyframe.pts_s,
        trigger=keyframe.trigger,
        phase=keyframe.phase,
        score=keyframe.score,
        boxes=keyframe.boxes,
        zones=keyframe.zones,
        started_s=keyframe.started_pts_s,
        detail=keyframe.detail,
        sharpness=keyframe.sharpness,
        quality=keyframe.quality,
        picture=small_jpeg(keyframe.image, THUMB_WIDTH_PX) if with_picture else b"",
    )


def small_jpeg(image: Image, width_px: int) -> bytes:
    """A picture (H, W, 3) uint8 RGB as a JPEG, at most `width_px` wide."""
    from edge.pictures import encode_jpeg, resize_bicubic  # noqa: PLC0415 - as above

    height, width = image.shape[:2]
    if width > width_px:
        image = resize_bicubic(image, width_px, max(1, round(height * width_px / width)))
    return encode_jpeg(image, THUMB_QUALITY)


def data_url(jpeg: bytes) -> str:
    """The picture as a URL that needs no file."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")
