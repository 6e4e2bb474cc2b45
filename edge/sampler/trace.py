"""Trace: what the sampler made of each picture, for whoever wants to see why.

Plain values, handed to an Observer as they arise; a sampler without one computes none of them.
Filled by the sampler, read by replay and tune. Decides nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from edge.geometry import Box
from edge.sampler.look import Mask
from edge.sampler.motion import Motion
from edge.sampler.movement import Track
from edge.sampler.regions import Change

State = Literal["quiet", "doubtful", "moving", "blind"]

Reason = Literal[
    "light",  # only how it is lit has changed there
    "flicker",  # gone before it was sure to be a thing
    "restless",  # it moves by itself there, and nothing was on its way
    "paced",  # the movement has just been shown
    "repeat",  # looks like one of the last keyframes
    "unchanged",  # at rest, with nothing to tell that the last keyframe did not
]

_STRONGEST = 0.999  # of the pixels: 14 of 14,400, a small thing's outline


@dataclass(frozen=True, slots=True)
class Step:
    """One picture that the motion part has looked at.

    `state` is what the sampler holds of the scene after it: nothing (`quiet`), something that may
    be a flicker (`doubtful`), a movement (`moving`), or nothing can be said because the light has
    just jumped (`blind`). `score` 0..1 is the published motion score, `least_score` the one below
    which nothing counts. `limit` is the median change, in grey levels, from which on a pixel
    counts, `strength` how far the most changed pixels are above theirs (1: at the limit).
    `scene_score` 0..1 is how unlike the last scene it is. `things` are boxes of what is sure to
    move, `doubtful` of what may be nothing. `changed` is (h, w) uint8, 1 where a pixel changed by
    more than its limit, also where that is usual; `restless` is 1 where the scene moves by itself,
    None if it does so nowhere. `tamper` is "" or what is wrong.
    """

    pts_s: float
    state: State
    score: float
    least_score: float
    limit: float
    strength: float
    scene_score: float
    things: tuple[Box, ...]
    doubtful: tuple[Box, ...]
    changed: Mask
    restless: Mask | None
    tamper: str


@dataclass(frozen=True, slots=True)
class Drop:
    """Something seen at `pts_s` that did not become a keyframe, and why."""

    pts_s: float
    reason: Reason
    boxes: tuple[Box, ...]


class Observer(Protocol):
    """Whoever is shown what the sampler makes of each picture. Must not change it."""

    def stepped(self, step: Step) -> None:
        """The motion part has looked at one more picture."""

    def dropped(self, drop: Drop) -> None:
        """Something was seen that does not become a keyframe; comes before its picture's step."""


def describe_step(
    pts_s: float,
    motion: Motion,
    change: Change,
    tracks: Sequence[Track],
    *,
    is_moving: bool,
    scores: tuple[float, float],
    min_area_px: int,
    looked_at: Mask,
    restless: Mask | None,
    tamper: str,
) -> Step:
    """A step as it is told; `scores` are motion and scene, `change` is the motion's."""
    ratio = change.difference / change.limit * looked_at
    seen = [track for track in tracks if track.last_s == pts_s]
    state: State = "moving" if is_moving else "doubtful" if tracks else "quiet"
    return Step(
        pts_s=pts_s,
        state="blind" if motion.is_light else state,
        score=scores[0],
        least_score=min(1.0, 2.0 * math.sqrt(min_area_px / change.mask.size)),
        limit=float(np.median(change.limit)),
        strength=float(np.quantile(ratio, _STRONGEST)),
        scene_score=scores[1],
        things=tuple(track.box for track in seen if track.is_confirmed),
        doubtful=tuple(track.box for track in seen if not track.is_confirmed),
        changed=(ratio > 1).astype(np.uint8),
        restless=restless,
        tamper=tamper,
    )
