"""From what a close look found to the TuneReport that is printed and served. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from edge.geometry import Box, Polygon
from edge.replay.cost import ASSUMED_CALL_S
from edge.replay.masks import MAX_MASKED, covered_frac
from edge.replay.outcome import Shown, data_url
from edge.replay.plot import clock, count
from edge.replay.record import WHY, Recording
from edge.replay.stretch import Stretch
from edge.replay.trials import Idea, Trials
from edge.sampler.settings import SamplerSettings
from edge.tuning import (
    Points,
    TuneActivity,
    TuneChanges,
    TuneCost,
    TuneDrop,
    TuneKeyframe,
    TuneReport,
    TuneSeries,
    TuneSettings,
    TuneSource,
    TuneSuggestion,
)

if TYPE_CHECKING:
    from edge.replay.truth import Event

MAX_DROPS = 200
_OFTEN_BLIND = 0.2  # of the time
_NUM_TIMES = 8  # named in a sentence


def build_report(
    stretch: Stretch,
    settings: SamplerSettings,
    recording: Recording,
    shown: Sequence[Shown],
    cpu_s: float,
) -> TuneReport:
    """All but suggestions and advice; `cpu_s` is what decoding and looking took."""
    length_s = max(stretch.length_s, 0.1)
    per_hour = 3600 * len(shown) / length_s
    width_px, height_px = stretch.size_px
    return TuneReport(
        source=TuneSource(
            name=stretch.name,
            start_s=round(stretch.start_s, 3),
            seconds=round(stretch.length_s, 3),
            width_px=width_px,
            height_px=height_px,
            pictures=len(stretch.frames),
            truncated=stretch.is_cut,
        ),
        settings=TuneSettings(
            sensitivity=settings.sensitivity,
            threshold=settings.threshold,
            contour_area=settings.contour_area,
            mask=[_points(area) for area in settings.mask],
            zones={name: _points(area) for name, area in settings.zones},
        ),
        picture=data_url(stretch.scene),
        series=_series(recording),
        keyframes=[_keyframe(one) for one in shown],
        dropped=[
            TuneDrop(
                t=round(one.from_s, 3),
                until=round(one.until_s, 3),
                count=one.count,
                reason=one.reason,
                why=WHY[one.reason],
                boxes=_boxes(one.boxes),
            )
            for one in recording.drops[:MAX_DROPS]
        ],
        activity=_activity(recording),
        cost=TuneCost(
            keyframes_per_hour=round(per_hour, 1),
            cpu_ms_per_s=round(1e3 * cpu_s / length_s, 2),
            model_s_per_keyframe=ASSUMED_CALL_S,
            model_s_per_hour=round(per_hour * ASSUMED_CALL_S, 1),
            model_is_measured=False,
        ),
        suggestions=[],
        advice=[],
    )


def tell_ideas(trials: Trials, ideas: Sequence[Idea], camera: str) -> list[TuneSuggestion]:
    """The ideas as they are offered, for `camera`."""
    return [_suggestion(idea, trials, camera) for idea in ideas]


def tell_advice(
    trials: Trials, ideas: Sequence[Idea], stretch: Stretch, recording: Recording
) -> list[str]:
    """What is to be known besides, one sentence each."""
    calls = trials.base.calls
    told = []
    if not calls:
        kind = "false call" if trials.has_labels else "call"
        told.append(f"Not one {kind} in this stretch: there is nothing to save.")
    else:
        per_hour = 3600 * len(calls) / max(stretch.length_s, 0.1)
        number = count(len(calls), "false call" if trials.has_labels else "call")
        told.append(f"{number} in {stretch.length_s:.0f} s, {per_hour:.0f} an hour at this rate.")
        if not trials.has_labels:
            told.append(
                "All of them were taken for false: if somebody came by meanwhile, choose a quiet "
                f"stretch. They are at {_times([call.t_s for call in calls])}."
            )
    if trials.mask_is_too_large:
        told.append(
            f"More than {100 * MAX_MASKED:.0f} % of the picture moves by itself: no mask is "
            "suggested, it would leave too little to see."
        )
    if calls and not ideas:
        told.append("No other sensitivity and no mask that was tried saves many of these calls.")
    rows = recording.rows
    if rows and sum(row.state == "blind" for row in rows) > _OFTEN_BLIND * len(rows):
        told.append("The light jumps often here; while it does, nothing can be seen.")
    return told


def build_yaml(camera: str, sensitivity: float | None, mask: Iterable[Polygon] | None) -> str:
    """A piece of the configuration to paste; only what is given."""
    lines = ["cameras:", f"  {camera}:"]
    if sensitivity is not None:
        lines.append(f"    motion: {{sensitivity: {sensitivity:g}}}")
    if mask is not None:
        lines.append("    mask:")
        for area in mask:
            corners = ", ".join(f"[{x:g}, {y:g}]" for x, y in area.points)
            lines.append(f"      - [{corners}]")
    return "\n".join(lines) + "\n"


def _suggestion(idea: Idea, trials: Trials, camera: str) -> TuneSuggestion:
    settings, before = idea.trial.settings, trials.base.settings
    sensitivity = None
    if settings.sensitivity != before.sensitivity:
        sensitivity = settings.sensitivity
    mask = settings.mask if idea.mask else None
    return TuneSuggestion(
        title=_title(sensitivity, before.sensitivity, masks=bool(idea.mask)),
        changes=TuneChanges(
            sensitivity=sensitivity,
            mask=None if mask is None else [_points(area) for area in mask],
        ),
        yaml=build_yaml(camera, sensitivity, mask),
        calls_before=len(trials.base.calls),
        calls_after=len(idea.trial.calls),
        why=_why(idea, before),
        masked_frac=round(covered_frac(settings.mask), 4),
        lost=[_event(one) for one in idea.lost],
        won=[_event(one) for one in idea.won],
    )


def _title(sensitivity: float | None, before: float, *, masks: bool) -> str:
    parts = ["mask what moves by itself"] if masks else []
    if sensitivity is not None:
        parts.append(f"sensitivity {sensitivity:g} instead of {before:g}")
    return ", ".join(parts)


def _why(idea: Idea, before: SamplerSettings) -> str:
    parts = []
    if idea.mask:
        areas = count(len(idea.mask), "area")
        parts.append(
            f"{areas}, {100 * covered_frac(idea.mask):.0f} % of the picture, moved again and again "
            "over the whole stretch; nothing is seen there any more."
        )
    factor = idea.trial.settings.strictness / before.strictness
    if factor > 1:
        parts.append(f"What counts must differ and cover {factor:.1f} times as much as before.")
    elif factor < 1:
        parts.append(f"What differs and covers {factor:.1f} times as much as before counts, too.")
    if idea.passing_lost:
        parts.append(
            f"Also gone: calls at {_times(idea.passing_lost)}, by what did not only move by itself."
        )
    if idea.lost:
        parts.append(f"Costs {count(len(idea.lost), 'labelled event')}.")
    if idea.won:
        parts.append(f"Wins {count(len(idea.won), 'labelled event')}.")
    return " ".join(parts)


def _event(event: Event) -> str:
    label = f": {event.label}" if event.label else ""
    return f"{clock(event.from_s, 0.1)} {event.category}{label}"


def _times(times: Sequence[float]) -> str:
    listed = ", ".join(clock(t, 0.1) for t in times[:_NUM_TIMES])
    return listed + (" ..." if len(times) > _NUM_TIMES else "")


def _series(recording: Recording) -> TuneSeries:
    rows = recording.rows
    return TuneSeries(
        t=[round(row.t_s, 3) for row in rows],
        score=[round(row.score, 4) for row in rows],
        least_score=[round(row.least_score, 4) for row in rows],
        strength=[round(row.strength, 3) for row in rows],
        limit=[round(row.limit, 2) for row in rows],
        state=[row.state for row in rows],
    )


def _keyframe(shown: Shown) -> TuneKeyframe:
    return TuneKeyframe(
        t=round(shown.t_s, 3),
        trigger=shown.trigger,
        phase=shown.phase,
        score=round(shown.score, 3),
        boxes=_boxes(shown.boxes),
        zones=list(shown.zones),
        started=round(shown.started_s, 3),
        detail=shown.detail,
        sharpness=round(shown.sharpness, 1),
        quality=round(shown.quality, 2),
        picture=data_url(shown.picture) if shown.picture else None,
    )


def _activity(recording: Recording) -> TuneActivity:
    share = recording.activity_share
    rows, columns = share.shape
    return TuneActivity(columns=columns, rows=rows, share=share.round(3).tolist())


def _boxes(boxes: Iterable[Box]) -> list[list[float]]:
    return [[round(side, 4) for side in box.as_tuple()] for box in boxes]


def _points(area: Polygon) -> Points:
    return [[round(x, 4), round(y, 4)] for x, y in area.points]
