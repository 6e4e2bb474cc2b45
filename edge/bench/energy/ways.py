"""Four ways to decide when the model is called, on one clip with its truth.

always    again and again, as fast as the model answers
timer     every so many seconds
naive     when more than a share of the picture differs by more than 25 grey levels from the picture
          before, 2 s after the last call at the earliest
sampler   the product's own

The timer and the naive gate get the setting that calls the model least while they show as many
events as the sampler; where none does, the one that shows most. All four read the same pictures, by
the same decoder. A timer's recall is what it may be expected to show, whatever its phase.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge.bench.energy.power import Meter, Spent, watch
from edge.daemon.openers import opener_for
from edge.errors import SourceEnded
from edge.frames import Frame, Keyframe
from edge.replay.run import Replay, ReplayPlan
from edge.replay.truth import Event, Truth

Name = Literal["always", "timer", "naive", "sampler"]

TIMERS_S = (60, 45, 30, 20, 15, 12, 10, 8, 7, 6, 5, 4, 3, 2.5, 2, 1.5, 1.2, 1, 0.8, 0.6, 0.5)
DIFFERENCE = 25  # grey levels
SHARES = (0.1, 0.07, 0.05, 0.03, 0.02, 0.015, 0.01, 0.007, 0.005, 0.003, 0.002, 0.001, 0.0005)
COOL_DOWN_S = 2.0


@dataclass(frozen=True, slots=True)
class Way:
    """One way on all clips: how often it calls, how many events it shows, what looking takes."""

    name: Name
    setting: str
    num_calls: float
    shown: float
    look: Spent


@dataclass(frozen=True, slots=True)
class Seen:
    """One clip gone through: what each way needs to know of it.

    `changes` are (time, share of the picture that differs from the one before) for each picture.
    `plain`, `gated` and `sampled` are what reading alone, the naive gate and the sampler took.
    """

    length_s: float
    events: tuple[Event, ...]
    changes: tuple[tuple[float, float], ...]
    keyframes_s: tuple[float, ...]
    plain: Spent
    gated: Spent
    sampled: Spent


def go_through(
    plan: ReplayPlan, truth: Truth, meter: Meter, on_keyframe: Callable[[Keyframe], None]
) -> Seen:
    """Read a clip three times: alone, with the naive gate, with the sampler.

    `on_keyframe` gets the sampler's keyframes, outside what is measured. Raises CaptureError.
    """
    end_s = 0.0
    with watch(meter) as plain:
        for frame in _frames(plan):
            end_s = frame.pts_s
    changes: list[tuple[float, float]] = []
    with watch(meter) as gated:
        before: NDArray[np.int16] | None = None
        for frame in _frames(plan):
            luma = frame.luma.astype(np.int16)
            if before is not None and before.shape == luma.shape:
                changes.append((frame.pts_s, float((np.abs(luma - before) > DIFFERENCE).mean())))
            before = luma
    replay = Replay(plan)
    keyframes_s: list[float] = []
    sampled = Spent()
    keyframes = replay.keyframes()
    while True:
        with watch(meter) as stretch:
            keyframe = next(keyframes, None)
        sampled += stretch.spent
        if keyframe is None:
            break
        keyframes_s.append(keyframe.pts_s)
        on_keyframe(keyframe)
    events = tuple(e for e in truth.since(replay.start_s).events if e.group == "activity")
    return Seen(
        end_s, events, tuple(changes), tuple(keyframes_s), plain.spent, gated.spent, sampled
    )


def all_ways(clips: Sequence[Seen], answer_s: float) -> tuple[Way, ...]:
    """The four ways at the sampler's recall, with a model that takes `answer_s` for an answer."""
    taken = [clip.keyframes_s for clip in clips]
    sampler = _by_times("sampler", "as configured", taken, clips, [c.sampled for c in clips])
    timers = [_by_timer(every_s, clips) for every_s in TIMERS_S if every_s > answer_s]
    gates = [_by_gate(share, clips) for share in SHARES]
    setting = f"every {answer_s:.2f} s"
    always = replace(_by_timer(answer_s, clips), name="always", setting=setting)
    return (
        always,
        _cheapest([*timers, always], sampler.shown),
        _cheapest(gates, sampler.shown),
        (sampler),
    )


def _cheapest(ways: Sequence[Way], shown: float) -> Way:
    """The one that calls least among those that show as much, else the one that shows most."""
    enough = [way for way in ways if way.shown >= shown - 1e-9]
    if enough:
        return min(enough, key=lambda way: way.num_calls)
    return max(ways, key=lambda way: (way.shown, -way.num_calls))


def _by_timer(every_s: float, clips: Sequence[Seen]) -> Way:
    windows = [event.window for clip in clips for event in clip.events]
    return Way(
        "timer",
        f"every {every_s:g} s",
        sum(clip.length_s for clip in clips) / every_s,
        math.fsum(min(1.0, (high - low) / every_s) for low, high in windows),
        sum((clip.plain for clip in clips), Spent()),
    )


def _by_gate(share: float, clips: Sequence[Seen]) -> Way:
    taken = [_gated(clip.changes, share) for clip in clips]
    looks = [clip.gated for clip in clips]
    return _by_times("naive", f"{100 * share:g} % changed", taken, clips, looks)


def _gated(changes: Sequence[tuple[float, float]], share: float) -> list[float]:
    taken: list[float] = []
    for at_s, changed in changes:
        if changed > share and (not taken or at_s - taken[-1] >= COOL_DOWN_S):
            taken.append(at_s)
    return taken


def _by_times(
    name: Name,
    setting: str,
    taken: Sequence[Sequence[float]],
    clips: Sequence[Seen],
    looks: Sequence[Spent],
) -> Way:
    shown = sum(
        any(low <= t <= high for t in times)
        for times, clip in zip(taken, clips, strict=True)
        for low, high in (event.window for event in clip.events)
    )
    return Way(name, setting, float(sum(map(len, taken))), float(shown), sum(looks, Spent()))


def _frames(plan: ReplayPlan) -> Iterator[Frame]:
    with closing(opener_for(plan.source.url)(plan.source)) as source:
        try:
            for frame in source.frames():
                if frame.pts_s > plan.length_s:
                    return
                yield frame
        except SourceEnded:
            return
