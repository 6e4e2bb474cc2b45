"""Two configurations over the same clips: figures side by side, and which keyframes differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge.replay.clips import clip_name
from edge.replay.cost import Cost
from edge.replay.score import Score

if TYPE_CHECKING:
    from edge.replay.outcome import Outcome

NEAR_S = 1.0  # keyframes this close show the same


@dataclass(frozen=True, slots=True)
class Side:
    """One configuration: what it is called, what it made of each clip, and its figures."""

    label: str
    outcomes: tuple[Outcome, ...]
    cost: Cost
    score: Score | None


@dataclass(frozen=True, slots=True)
class Differences:
    """One clip's keyframes that only one of the two sides has, by time."""

    clip: Path
    only_first: tuple[float, ...]
    only_second: tuple[float, ...]


Figures = tuple[str, tuple[str, ...]]  # what it is, and for each side


def differences(first: Side, second: Side) -> tuple[Differences, ...]:
    """For each clip that both have read; one keyframe stands for one of the other side."""
    others = {one.clip: one for one in second.outcomes}
    return tuple(
        Differences(one.clip, *_unmatched(one.taken, others[one.clip].taken))
        for one in first.outcomes
        if one.clip in others
    )


def figures(sides: Sequence[Side]) -> tuple[Figures, ...]:
    """The rows of the table: cost first, then how good it is where that is known."""
    rows: list[Figures] = [
        ("keyframes", tuple(str(side.cost.num_keyframes) for side in sides)),
        ("keyframes an hour", tuple(f"{side.cost.keyframes_per_hour:.0f}" for side in sides)),
        (
            "model seconds an hour",
            tuple(
                f"{side.cost.call_s_per_hour:.0f}" + ("" if side.cost.is_measured else " (assumed)")
                for side in sides
            ),
        ),
        ("CPU ms per second of video", tuple(f"{side.cost.cpu_ms_per_s:.1f}" for side in sides)),
    ]
    if any(side.cost.left_out_frac for side in sides):
        left_out = tuple(f"{100 * side.cost.left_out_frac:.0f} %" for side in sides)
        rows.append(("pictures not decoded", left_out))
    scores = [side.score for side in sides if side.score is not None]
    if len(scores) == len(sides) and scores:
        rows += _score_figures(scores)
    return tuple(rows)


def as_lines(sides: Sequence[Side]) -> list[dict[str, object]]:
    """Each side's figures as one JSON object, and what differs between two of them."""
    lines = [_line(side) for side in sides]
    if len(sides) == 2:
        lines += [
            {
                "kind": "difference",
                "clip": clip_name(one.clip),
                "only_first": [round(t, 3) for t in one.only_first],
                "only_second": [round(t, 3) for t in one.only_second],
            }
            for one in differences(sides[0], sides[1])
        ]
    return lines


def _line(side: Side) -> dict[str, object]:
    line: dict[str, object] = {
        "kind": "summary",
        "config": side.label,
        "seconds": round(side.cost.length_s, 3),
        "keyframes": side.cost.num_keyframes,
        "keyframes_per_hour": round(side.cost.keyframes_per_hour, 1),
        "cpu_ms_per_video_s": round(side.cost.cpu_ms_per_s, 2),
        "left_out": round(side.cost.left_out_frac, 4),
        "model_s_per_keyframe": round(side.cost.call_s, 3),
        "model_is_measured": side.cost.is_measured,
    }
    score = side.score
    if score is None:
        return line
    return line | {
        "recall": {
            name: {"covered": one.shown, "events": one.events, "recall": _rounded(one.share, 4)}
            for name, one in score.recall.items()
        },
        "timer_recall_same_budget": _rounded(score.timer_recall, 4),
        "enter_leave_latency_s": {
            "median": _rounded(score.latency_median_s, 2),
            "p95": _rounded(score.latency_p95_s, 2),
        },
        "quiet_false_per_hour": _rounded(score.false_per_hour, 1),
        "quiet_false_per_hour_calm": _rounded(score.false_per_hour_calm, 1),
        "quiet_false_per_hour_warm": _rounded(score.false_per_hour_warm, 1),
        "still_presence_per_hour": _rounded(score.still_per_hour, 1),
        "cuts_any_keyframe": asdict(score.cuts_any),
        "cuts_labelled": asdict(score.cuts_labelled),
    }


def _rounded(number: float | None, digits: int) -> float | None:
    return None if number is None else round(number, digits)


def _score_figures(scores: Sequence[Score]) -> list[Figures]:
    rows: list[Figures] = []
    for key, title in (
        ("all", "all events shown"),
        ("activity_sure", "sure activity shown"),
        ("activity", "activity shown"),
    ):
        parts = [score.recall[key] for score in scores]
        if parts[0].events:
            shares = tuple(f"{100 * (p.share or 0):.0f} % ({p.shown}/{p.events})" for p in parts)
            rows.append((title, shares))
    timers = tuple(_percent(score.timer_recall) for score in scores)
    rows += [
        ("... by a timer with as many", timers),
        ("enter/leave latency, median", tuple(_seconds(s.latency_median_s) for s in scores)),
        ("enter/leave latency, 95 %", tuple(_seconds(s.latency_p95_s) for s in scores)),
        ("false calls per quiet hour", tuple(_number(s.false_per_hour) for s in scores)),
        ("... in calm time", tuple(_number(s.false_per_hour_calm) for s in scores)),
        ("... after 3 s", tuple(_number(s.false_per_hour_warm) for s in scores)),
    ]
    if any(score.cuts_any.true for score in scores):
        cuts = [score.cuts_any for score in scores]
        rows.append(("cuts found", tuple(f"{c.matched}/{c.true} by {c.found}" for c in cuts)))
    return [row for row in rows if any(cell != "-" for cell in row[1])]


def _unmatched(
    first: Sequence[tuple[float, str]], second: Sequence[tuple[float, str]]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    left = [t for t, _ in second]
    only_first = []
    for t, _ in first:
        nearest = min(left, key=lambda other: abs(other - t), default=None)
        if nearest is not None and abs(nearest - t) <= NEAR_S:
            left.remove(nearest)
        else:
            only_first.append(t)
    return tuple(only_first), tuple(left)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.0f} %"


def _seconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.2f} s"


def _number(number: float | None) -> str:
    return "-" if number is None else f"{number:.0f}"
