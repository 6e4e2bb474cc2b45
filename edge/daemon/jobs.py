"""Job: a keyframe or a user's question waiting for the analyzer. Made by the analyst, queued by the
scheduler, carried out by the analyzer process.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum

from edge.conversation import Turn
from edge.effort import EffortWord
from edge.frames import Keyframe
from edge.geometry import Box
from edge.questions import Look
from edge.rules.asking import Asking

STRONG_MOTION_SCORE = 0.5  # motion at least this strong goes before weaker motion


class Urgency(IntEnum):
    """Order of service; lower goes first."""

    USER = 0
    ALARM = 1  # tamper, scene change, an asked-for keyframe
    STRONG_MOTION = 2
    WEAK_MOTION = 3
    PERIODIC = 4


def urgency_of(keyframe: Keyframe) -> Urgency:
    """Where a keyframe's trigger and strength put it in the order of service."""
    if keyframe.trigger == "periodic":
        return Urgency.PERIODIC
    if keyframe.trigger != "motion":
        return Urgency.ALARM
    if keyframe.score >= STRONG_MOTION_SCORE:
        return Urgency.STRONG_MOTION
    return Urgency.WEAK_MOTION


@dataclass(frozen=True, slots=True)
class Job:
    """One order for the analyzer.

    `id` is the finding's id for keyframes. `covers_from_mono_s` is where the time span begins that
    this job stands for: its own keyframe's, or that of an older keyframe it superseded.
    """

    id: str
    keyframe: Keyframe
    looks: tuple[Look, ...]
    urgency: Urgency
    offered_mono_s: float
    covers_from_mono_s: float
    asking: Asking | None = None  # the rules that ask; None for a user's question
    effort: EffortWord = "full"  # what it gets of the model's time
    attempts: int = 0

    @property
    def camera(self) -> str:
        """The camera the picture came from."""
        return self.keyframe.camera

    @property
    def is_user(self) -> bool:
        """Whether a person waits for the answer."""
        return self.urgency is Urgency.USER

    @property
    def question_ids(self) -> frozenset[str]:
        """Ids of everything asked."""
        return frozenset(q.id for look in self.looks for q in look.questions)

    def retried(self) -> Job:
        """The same job, counted as tried once more."""
        return replace(self, attempts=self.attempts + 1)

    def merged_with(self, older: Job) -> Job:
        """This job standing also for the time span of `older`, whose place it takes."""
        start = min(self.covers_from_mono_s, older.covers_from_mono_s)
        return replace(self, covers_from_mono_s=start)


@dataclass(frozen=True, slots=True)
class TurnJob:
    """A turn of a person's conversation, which waits for the analyzer before all keyframes."""

    turn: Turn
    offered_mono_s: float

    @property
    def id(self) -> str:
        """The turn's id."""
        return self.turn.id


def is_similar(a: Job, b: Job) -> bool:
    """Whether two keyframes show much the same: same trigger and phase, overlapping movement."""
    if (a.keyframe.trigger, a.keyframe.phase) != (b.keyframe.trigger, b.keyframe.phase):
        return False
    if not a.keyframe.boxes or not b.keyframe.boxes:
        return a.keyframe.boxes == b.keyframe.boxes
    return _largest(a).iou(_largest(b)) > 0.1


def _largest(job: Job) -> Box:
    return max(job.keyframe.boxes, key=lambda box: box.area)
