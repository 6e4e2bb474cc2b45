"""How good a run's keyframes are, held against what really happened. Pure arithmetic on times.

recall    an event is shown when a keyframe lies in [start - tolerance, end + max(tolerance, 0.5 s)]
timer     the recall that as many keyframes at even distances would be expected to reach
latency   the first keyframe in the window less the start, of events in which something enters or
          leaves
false     keyframes in quiet time, for each hour of it; calm is quiet time without distractors, warm
          leaves out the first 3 s
cuts      one to one within 0.3 s, over all keyframes and over those of trigger `scene`, on clips
          that hold nothing but cuts and fades; a keyframe in a fade is neither right nor wrong

Counts are kept for each clip, so that several can be added up before they are divided.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from edge.replay.truth import ENTER_LEAVE, Event, Span, Truth

CUT_TOLERANCE_S = 0.3
WARM_UP_S = 3.0

Taken = tuple[float, str]  # seconds, trigger


@dataclass(frozen=True, slots=True)
class EventScore:
    """One event, and when it was first shown; None if it was not."""

    event: Event
    shown_s: float | None

    @property
    def latency_s(self) -> float | None:
        """How long after its start it was first shown."""
        return None if self.shown_s is None else self.shown_s - self.event.from_s


@dataclass(frozen=True, slots=True)
class Within:
    """Keyframes inside some spans, and how long these are together."""

    count: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Cuts:
    """Scene cuts: how many there are, how many keyframes could be one, how many are."""

    true: int
    found: int
    matched: int


@dataclass(frozen=True, slots=True)
class ClipScore:
    """One clip's counts; `false_s` are the keyframes in quiet time."""

    length_s: float
    num_keyframes: int
    events: tuple[EventScore, ...]
    quiet: Within
    calm: Within
    warm: Within
    still: Within
    cuts_any: Cuts
    cuts_labelled: Cuts
    false_s: tuple[float, ...]

    @property
    def is_of_cuts(self) -> bool:
        """Whether the clip holds nothing but cuts and fades, as edited video does."""
        return bool(self.events) and all(one.event.group == "cut" for one in self.events)


@dataclass(frozen=True, slots=True)
class Recall:
    """How many of some events were shown."""

    shown: int
    events: int

    @property
    def share(self) -> float | None:
        """0..1; None without events."""
        return self.shown / self.events if self.events else None


@dataclass(frozen=True, slots=True)
class Score:
    """Clips added up. Rates are None where there was nothing to hold them against."""

    recall: dict[str, Recall]
    timer_recall: float | None
    latency_median_s: float | None
    latency_p95_s: float | None
    keyframes_per_hour: float | None
    false_per_hour: float | None
    false_per_hour_calm: float | None
    false_per_hour_warm: float | None
    still_per_hour: float | None
    cuts_any: Cuts
    cuts_labelled: Cuts


def score_clip(truth: Truth, taken: Sequence[Taken], length_s: float) -> ClipScore:
    """Hold one clip's keyframes, in order of time, against its truth (`Truth.since` its start)."""
    times = [t for t, _ in taken]
    events = []
    for event in truth.events:
        low, high = event.window
        events.append(EventScore(event, next((t for t in times if low <= t <= high), None)))
    scene = [t for t, trigger in taken if trigger == "scene"]
    return ClipScore(
        length_s=length_s,
        num_keyframes=len(times),
        events=tuple(events),
        quiet=_within(times, truth.quiet),
        calm=_within(times, without(truth.quiet, truth.distractors)),
        warm=_within(times, _since(truth.quiet, WARM_UP_S)),
        still=_within(times, truth.still),
        cuts_any=_score_cuts(truth, times),
        cuts_labelled=_score_cuts(truth, scene),
        false_s=tuple(t for t in times if any(a <= t <= b for a, b in truth.quiet)),
    )


def add_up(clips: Sequence[ClipScore]) -> Score:
    """All clips together; rates of calls come from those that are not edited video."""
    fixed = [clip for clip in clips if not clip.is_of_cuts]
    cut = [clip for clip in clips if clip.is_of_cuts]
    events = [one for clip in clips for one in clip.events]
    activity = [one for one in events if one.event.group == "activity"]
    length_s = sum(clip.length_s for clip in fixed)
    num_keyframes = sum(clip.num_keyframes for clip in fixed)
    waits = [
        one.latency_s
        for one in events
        if one.event.category in ENTER_LEAVE and one.latency_s is not None
    ]
    return Score(
        recall={
            "all": _recall(events),
            "all_sure": _recall([one for one in events if one.event.sure]),
            "activity": _recall(activity),
            "activity_sure": _recall([one for one in activity if one.event.sure]),
            "light": _recall([one for one in events if one.event.group == "light"]),
            "nuisance": _recall([one for one in events if one.event.group == "nuisance"]),
        },
        timer_recall=_timer_recall([one.event for one in activity], length_s, num_keyframes),
        latency_median_s=statistics.median(waits) if waits else None,
        latency_p95_s=percentile(waits, 0.95),
        keyframes_per_hour=3600 * num_keyframes / length_s if length_s else None,
        false_per_hour=_per_hour([clip.quiet for clip in fixed]),
        false_per_hour_calm=_per_hour([clip.calm for clip in fixed]),
        false_per_hour_warm=_per_hour([clip.warm for clip in fixed]),
        still_per_hour=_per_hour([clip.still for clip in fixed]),
        cuts_any=_sum_cuts([clip.cuts_any for clip in cut]),
        cuts_labelled=_sum_cuts([clip.cuts_labelled for clip in cut]),
    )


def without(spans: Sequence[Span], holes: Sequence[Span]) -> tuple[Span, ...]:
    """The parts of the spans that no hole covers."""
    parts = list(spans)
    for low, high in holes:
        parts = [
            part
            for a, b in parts
            for part in ((a, min(b, low)), (max(a, high), b))
            if part[1] > part[0]
        ]
    return tuple(parts)


def percentile(values: Sequence[float], share: float) -> float | None:
    """With linear interpolation; None without values."""
    if not values:
        return None
    ordered = sorted(values)
    at = share * (len(ordered) - 1)
    low = math.floor(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (at - low)


def _within(times: Sequence[float], spans: Sequence[Span]) -> Within:
    count = sum(any(a <= t <= b for a, b in spans) for t in times)
    return Within(count, sum(b - a for a, b in spans))


def _since(spans: Sequence[Span], from_s: float) -> list[Span]:
    later = [(max(a, from_s), b) for a, b in spans]
    return [(a, b) for a, b in later if b > a]


def _score_cuts(truth: Truth, times: Sequence[float]) -> Cuts:
    true = sorted(one.from_s for one in truth.events if one.category == "scene_cut")
    fades = [one.window for one in truth.events if one.category == "fade"]
    found = [
        t
        for t in times
        if t > CUT_TOLERANCE_S
        and (
            any(abs(t - cut) <= CUT_TOLERANCE_S for cut in true)
            or not any(a <= t <= b for a, b in fades)
        )
    ]
    matched = index = 0
    for cut in true:
        while index < len(found) and found[index] < cut - CUT_TOLERANCE_S:
            index += 1
        if index < len(found) and found[index] <= cut + CUT_TOLERANCE_S:
            matched += 1
            index += 1
    return Cuts(len(true), len(found), matched)


def _sum_cuts(cuts: Sequence[Cuts]) -> Cuts:
    return Cuts(
        sum(one.true for one in cuts),
        sum(one.found for one in cuts),
        sum(one.matched for one in cuts),
    )


def _recall(events: Sequence[EventScore]) -> Recall:
    return Recall(sum(one.shown_s is not None for one in events), len(events))


def _timer_recall(events: Sequence[Event], length_s: float, num_keyframes: int) -> float | None:
    if not events:
        return None
    spacing_s = length_s / num_keyframes if num_keyframes else math.inf
    widths = [event.window[1] - event.window[0] for event in events]
    return statistics.fmean(min(1.0, width / spacing_s) if spacing_s else 1.0 for width in widths)


def _per_hour(parts: Sequence[Within]) -> float | None:
    seconds = sum(part.seconds for part in parts)
    return 3600 * sum(part.count for part in parts) / seconds if seconds else None
