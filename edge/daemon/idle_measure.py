"""Finds out what a keyframe takes on this box while the analyzer has nothing else to do.

Begins after the first keyframes were answered and it has been quiet for some seconds; goes on
keyframe by keyframe and gives way to whatever comes in between. The result is kept for the next
start. Runs in the analyzer process, which knows when it is idle.
"""

from __future__ import annotations

import logging

from edge.errors import EdgeError, ReportError
from edge.pace import Pace
from edge.vlm.pace_file import load_pace, save_pace
from edge.vlm.self_measure import Asked, SelfMeasure
from edge.vlm.settings import EngineSettings

log = logging.getLogger(__name__)

QUIET_S = 3.0  # without an order before a step: keyframes of one movement follow each other closely


class IdleMeasure:
    """Measures once; `pace` is None until it is known."""

    def __init__(self, engine: Asked, settings: EngineSettings) -> None:
        self.pace: Pace | None = None
        self._settings = settings
        self._is_allowed = False  # once a keyframe was answered
        self._is_interrupted = True
        self._measure: SelfMeasure | None = None
        known = load_pace(settings)
        if isinstance(known, Pace):
            self.pace = known
            return
        if known.trouble:
            log.warning("%s: what a keyframe takes is measured again", known.trouble)
        self._measure = SelfMeasure(engine, settings.max_pixels)

    @property
    def due_s(self) -> float | None:
        """How long it must be quiet before the next step; None: there is none."""
        if self._measure is None or not self._is_allowed:
            return None
        return QUIET_S if self._is_interrupted else 0.0

    def worked(self) -> None:
        """The analyzer has answered something: give way, and begin only after such."""
        self._is_allowed = self._is_interrupted = True

    def step(self) -> bool:
        """Run one keyframe, to be called when it has been quiet for `due_s`; whether it was the
        last one and the pace is known now.
        """
        measure = self._measure
        if measure is None:
            return False
        self._is_interrupted = False
        try:
            measure.step()
        except EdgeError as error:
            log.warning("what a keyframe takes cannot be measured: %s", error)
            self._measure = None
            return False
        if not measure.is_done:
            return False
        self._measure, self.pace = None, measure.pace()
        log.info("%s", describe_pace(self.pace, measure.spent_s))
        try:
            save_pace(self._settings, self.pace)
        except ReportError as error:
            log.warning("%s: it is measured again at the next start", error)
        return True


def describe_pace(pace: Pace, spent_s: float) -> str:
    """What was measured in words."""
    first, last = pace.points[0], pace.points[-1]
    return (
        f"measured in {spent_s:.1f} s: a keyframe takes {first.ms / 1000:.2f} s "
        f"({first.pixels} pixels, {_number(first.questions)}) to {last.ms / 1000:.2f} s "
        f"({last.pixels} pixels, {_number(last.questions)})"
    )


def _number(questions: int) -> str:
    return f"{questions} question{'' if questions == 1 else 's'}"
