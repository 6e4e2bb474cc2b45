"""Rules, keyframes and answers made in a line, for tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from edge.condition import parse_condition
from edge.frames import Keyframe, Trigger
from edge.geometry import Box, Polygon
from edge.questions import Answer, Question, yes_no
from edge.rules.rule import Rule
from edge.rules.state import Moment

START = datetime(2025, 6, 2, 10, 0, tzinfo=UTC)  # a Monday
MONO_S = 5000.0  # the monotonic clock at START

LEFT = Polygon(((0.0, 0.0), (0.25, 0.0), (0.25, 1.0), (0.0, 1.0)))
RIGHT = Polygon(((0.75, 0.0), (1.0, 0.0), (1.0, 1.0), (0.75, 1.0)))
ZONES = {"porch": {"left": LEFT, "right": RIGHT}, "yard": {}}
MOVEMENT = Box(0.1, 0.1, 0.2, 0.2)


def moment(seconds: float) -> Moment:
    return Moment(MONO_S + seconds, START + timedelta(seconds=seconds))


def make_rule(name: str = "parcel", alert: object = "yes", **changes: object) -> Rule:
    """A yes/no rule on the camera `porch`; `alert=None` for one without a condition."""
    asked = changes.pop("question", None)
    question = asked if isinstance(asked, Question) else yes_no(name, f"Is there a {name}?")
    condition = None if alert is None else parse_condition(question.kind, question.options, alert)
    fields = {"cameras": ("porch",), **changes}
    return Rule(name=name, question=question, condition=condition, **fields)  # type: ignore[arg-type]


def make_keyframe(
    seconds: float = 0.0,
    trigger: Trigger = "motion",
    *,
    camera: str = "porch",
    boxes: tuple[Box, ...] = (MOVEMENT,),
    zones: tuple[str, ...] = (),
) -> Keyframe:
    at = moment(seconds)
    return Keyframe(
        camera=camera,
        image=np.zeros((4, 4, 3), np.uint8),
        before=None,
        pts_s=seconds,
        mono_s=at.mono_s,
        captured_at=at.utc,
        seq=0,
        trigger=trigger,
        phase=None,
        score=0.5,
        boxes=boxes,
        zones=zones,
        sharpness=1.0,
        started_pts_s=seconds,
    )


def answer_to(rule: str, word: str) -> Answer:
    """yes or no with 0.9, or unsure with even odds."""
    p_yes = {"yes": 0.9, "no": 0.1, "unsure": 0.5}[word]
    value = "yes" if p_yes >= 0.5 else "no"
    p_no = round(1 - p_yes, 4)
    return Answer(rule, "yes_no", value, max(p_yes, p_no), {"yes": p_yes, "no": p_no})
