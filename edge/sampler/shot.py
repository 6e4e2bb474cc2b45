"""Shot: a frame that was chosen, and the keyframe that is made of it.

Converts the picture, rates it, names its zones. Why and when a frame is chosen is the sampler's.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge.frames import Frame, Image, Keyframe, Phase, Trigger
from edge.geometry import Box
from edge.sampler.choose import quality_of, rate, sharpness_of
from edge.sampler.look import zones_touched
from edge.sampler.settings import SamplerSettings
from edge.sampler.view import View


@dataclass(frozen=True, slots=True)
class Shot:
    """A chosen frame. Without a `value` it is rated by its boxes; `novelty` as in `quality_of`.

    `started_s` is when its movement began, `before` the quiet picture from before it; None where
    there is none.
    """

    frame: Frame
    view: View
    trigger: Trigger
    score: float
    phase: Phase | None = None
    boxes: tuple[Box, ...] = ()
    detail: str = ""
    novelty: float = 1.0
    value: float | None = None
    started_s: float | None = None
    before: Image | None = None


def make_keyframe(shot: Shot, settings: SamplerSettings) -> Keyframe:
    """The keyframe of a shot; converting its picture costs milliseconds."""
    frame, before = shot.frame, shot.before
    sharpness = sharpness_of(shot.view, shot.boxes)
    value = shot.value
    if value is None:
        value = rate(sum(box.area for box in shot.boxes) or 1.0, sharpness)
    image = frame.image()
    if before is not None and before.shape != image.shape:
        before = None
    return Keyframe(
        camera=settings.camera,
        image=image,
        before=before,
        pts_s=frame.pts_s,
        mono_s=frame.mono_s,
        captured_at=frame.captured_at,
        seq=frame.seq,
        trigger=shot.trigger,
        phase=shot.phase,
        score=shot.score,
        boxes=shot.boxes,
        zones=zones_touched(settings.zones, shot.boxes),
        sharpness=sharpness,
        quality=quality_of(value, shot.view, shot.novelty),
        started_pts_s=frame.pts_s if shot.started_s is None else shot.started_s,
        detail=shot.detail,
    )
