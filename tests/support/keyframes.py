"""Keyframes and jobs made by hand, for tests that need no camera."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from edge.daemon.jobs import Job, urgency_of
from edge.frames import Keyframe, Phase, Trigger
from edge.geometry import Box
from edge.questions import Look, yes_no

LEFT = Box(0.0, 0.2, 0.3, 0.8)
RIGHT = Box(0.7, 0.2, 1.0, 0.8)


def make_keyframe(
    camera: str = "porch",
    *,
    trigger: Trigger = "motion",
    phase: Phase | None = "peak",
    score: float = 0.9,
    boxes: tuple[Box, ...] = (LEFT,),
    zones: tuple[str, ...] = (),
    pts_s: float = 1.0,
    size: tuple[int, int] = (64, 48),
) -> Keyframe:
    """A keyframe with a plain grey picture of `size` (width, height)."""
    width, height = size
    return Keyframe(
        camera=camera,
        image=np.full((height, width, 3), 128, np.uint8),
        before=None,
        pts_s=pts_s,
        mono_s=pts_s,
        captured_at=datetime(2026, 1, 31, 12, 0, tzinfo=UTC),
        seq=int(pts_s * 5),
        trigger=trigger,
        phase=phase if trigger == "motion" else None,
        score=score,
        boxes=boxes,
        zones=zones,
        sharpness=100.0,
        started_pts_s=pts_s,
    )


def make_job(
    job_id: str, keyframe: Keyframe, *, at: float = 0.0, questions: tuple[str, ...] = ("q",)
) -> Job:
    """A job that asks a yes/no question for each id in `questions`."""
    asked = tuple(yes_no(name, f"Is {name} there?") for name in questions)
    return Job(
        id=job_id,
        keyframe=keyframe,
        looks=(Look(keyframe.boxes, asked),),
        urgency=urgency_of(keyframe),
        offered_mono_s=at,
        covers_from_mono_s=at,
    )
