"""Tune: one close look at a stretch of a camera or clip, and what would suit it better.

Ties the parts together: record and look, try other settings on the same pictures, tell it as a
TuneReport. Changes no file. Called by `edge tune` and by the daemon's process for the page.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from edge.capture.source import FrameSource
from edge.frames import Frame
from edge.replay.masks import Cells
from edge.replay.outcome import Shown, shown_of
from edge.replay.record import Recording, changed_cells
from edge.replay.stretch import Recorder, Stretch
from edge.replay.trials import Trials, look
from edge.replay.tune_report import build_report, tell_advice, tell_ideas
from edge.sampler.settings import SamplerSettings
from edge.sampler.trace import Drop, Step
from edge.tuning import TuneReport

if TYPE_CHECKING:
    from edge.replay.truth import Truth

MAX_PICTURES = 60

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class TunePlan:
    """What to look with. `camera` is whom suggestions are written for; `truth` is in the source's
    own time.
    """

    camera: str
    settings: SamplerSettings
    truth: Truth | None = None
    suggest: bool = True


@dataclass
class _Watch:
    """The trace of the first look, and every picture's cells that changed or are restless."""

    recording: Recording = field(default_factory=Recording)
    cells: list[Cells] = field(default_factory=list)
    restless: list[Cells] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    def stepped(self, step: Step) -> None:
        """One more picture."""
        self.recording.stepped(step)
        changed = changed_cells(step.changed)
        self.cells.append(changed)
        self.restless.append(
            np.zeros_like(changed) if step.restless is None else changed_cells(step.restless)
        )
        self.times.append(step.pts_s)

    def dropped(self, drop: Drop) -> None:
        """Something did not become a keyframe."""
        self.recording.dropped(drop)


def tune_source(
    source: FrameSource,
    plan: TunePlan,
    name: str,
    *,
    seconds: float,
    start_s: float = 0.0,
    progress: Progress = lambda _text: None,
) -> tuple[TuneReport, Stretch]:
    """Look at up to `seconds` of an open source, from `start_s` on, and close it.

    Blocks for as long as a live source takes. Raises CaptureError where there is no picture.
    """
    recorder = Recorder(name, seconds=seconds, start_s=start_s)
    try:
        watch, shown = _first_look(recorder.frames(source), plan.settings)
    finally:
        source.close()
    stretch = recorder.stretch()
    return _told(stretch, plan, watch, shown, progress), stretch


def tune_stretch(
    stretch: Stretch, plan: TunePlan, progress: Progress = lambda _text: None
) -> TuneReport:
    """Look again at what was recorded; keyframes' pictures are grey then."""
    watch, shown = _first_look(stretch.frames, plan.settings)
    return _told(stretch, plan, watch, shown, progress)


def _first_look(frames: Iterable[Frame], settings: SamplerSettings) -> tuple[_Watch, list[Shown]]:
    watch = _Watch()
    taken = enumerate(look(frames, settings, watch))
    return watch, [shown_of(one, with_picture=number < MAX_PICTURES) for number, one in taken]


def _told(
    stretch: Stretch, plan: TunePlan, watch: _Watch, shown: list[Shown], progress: Progress
) -> TuneReport:
    started_s = time.process_time()
    for _ in look(stretch.frames, plan.settings):  # once without the trace, for what it costs
        pass
    cpu_s = stretch.decode_s + time.process_time() - started_s
    report = build_report(stretch, plan.settings, watch.recording, shown, cpu_s)
    if not plan.suggest or not watch.cells:
        return report
    truth = None if plan.truth is None else plan.truth.since(stretch.start_s)
    trials = Trials(
        stretch,
        plan.settings,
        np.stack(watch.cells),
        np.stack(watch.restless),
        watch.times,
        truth,
        progress,
    )
    ideas = trials.ideas()
    return report.model_copy(
        update={
            "suggestions": tell_ideas(trials, ideas, plan.camera),
            "advice": tell_advice(trials, ideas, stretch, watch.recording),
        }
    )
