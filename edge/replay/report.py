"""The report: one HTML page with everything in it, no script and no request to anywhere.

Puts together what the template shows; the template escapes every word. Called by `edge replay
--report`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from edge import __version__
from edge.errors import ReportError
from edge.geometry import Box, Polygon
from edge.replay.clips import clip_name
from edge.replay.compare import Differences, Side, differences, figures
from edge.replay.outcome import Outcome, Shown, data_url
from edge.replay.plot import (
    BAND_PX,
    BOTTOM,
    HEIGHT,
    LEFT,
    NARROW_WIDTH,
    PLOT_HEIGHT,
    RIGHT,
    STATE_TITLES,
    TOP,
    WIDTH,
    Plot,
    Spell,
    TimeAxis,
    change_plot,
    clock,
    limit_plot,
    score_plot,
)
from edge.replay.record import WHY, Dropped, Recording

if TYPE_CHECKING:
    from edge.replay.truth import Truth

MAX_PICTURES = 240  # 10 kB each, over all clips and sides
MAX_ROWS_SHOWN = 200  # of a table
_GEOMETRY = {
    "height": HEIGHT,
    "left": LEFT,
    "right": RIGHT,
    "top": TOP,
    "bottom": BOTTOM,
    "plot_height": PLOT_HEIGHT,
    "band_px": BAND_PX,
}
_MOVED = 0.01  # of the pictures; cells that changed less often are not drawn


@dataclass(frozen=True, slots=True)
class Section:
    """One clip as one side saw it."""

    side: Side
    number: int
    outcome: Outcome
    plots: tuple[Plot, ...]
    shown: tuple[tuple[int, Shown], ...]
    num_left_out: int
    cells: tuple[tuple[float, float, float, float, float], ...]
    drops: tuple[Dropped, ...]
    counts: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class ClipPart:
    """One clip, and a section for each side."""

    name: str
    sections: tuple[Section, ...]
    difference: Differences | None


def write_report(path: Path, sides: Sequence[Side], truths: dict[Path, Truth]) -> None:
    """Write the page. Raises ReportError if that fails."""
    page = build_report(sides, truths)
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise ReportError(f"{path}: cannot be written: {error.strerror}") from None


def build_report(sides: Sequence[Side], truths: dict[Path, Truth]) -> str:
    """The page's text, of one or two sides over the same clips; `truths` in the clips' own time."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(_FILTERS)
    template = environment.get_template("report.html")
    return template.render(
        version=__version__,
        sides=sides,
        figures=figures(sides),
        parts=_parts(sides, truths),
        why=WHY,
        legend=tuple(STATE_TITLES.items()),
        **_GEOMETRY,
    )


def _parts(sides: Sequence[Side], truths: dict[Path, Truth]) -> list[ClipPart]:
    clips = [one.clip for one in sides[0].outcomes]
    apart = {}
    if len(sides) == 2:
        apart = {one.clip: one for one in differences(sides[0], sides[1])}
    parts = []
    number = 0
    for index, clip in enumerate(clips):
        sections = []
        for side in sides:
            number += 1
            outcome = side.outcomes[index]
            truth = truths[clip].since(outcome.start_s) if clip in truths else None
            axis = TimeAxis(outcome.length_s, WIDTH if len(sides) == 1 else NARROW_WIDTH)
            sections.append(_section(side, number, outcome, truth, axis))
        parts.append(ClipPart(clip_name(clip), tuple(sections), apart.get(clip)))
    return parts


def _section(
    side: Side, number: int, outcome: Outcome, truth: Truth | None, axis: TimeAxis
) -> Section:
    recording = outcome.recording or Recording()
    shown = [(n, one) for n, one in enumerate(outcome.keyframes, 1)]
    kept = tuple(pair for pair in shown if pair[1].picture)
    return Section(
        side=side,
        number=number,
        outcome=outcome,
        plots=(
            score_plot(recording.rows, outcome.keyframes, axis, _spells(truth)),
            change_plot(recording.rows, axis),
            limit_plot(recording.rows, axis),
        ),
        shown=kept,
        num_left_out=len(shown) - len(kept),
        cells=_cells(recording),
        drops=tuple(recording.drops[:MAX_ROWS_SHOWN]),
        counts=tuple((WHY[reason], count) for reason, count in recording.counts.items()),
    )


def _spells(truth: Truth | None) -> list[Spell]:
    if truth is None:
        return []
    quiet = [Spell(a, b, "quiet-time", "quiet") for a, b in truth.quiet]
    return quiet + [
        Spell(one.from_s, one.until_s, f"event-{one.group}", f"{one.category}: {one.label}")
        for one in truth.events
    ]


def _cells(recording: Recording) -> tuple[tuple[float, float, float, float, float], ...]:
    """x, y, width, height in percent and strength 0..1 of the cells that changed often."""
    share = recording.activity_share
    if not share.size:
        return ()
    rows, columns = share.shape
    wide, high = 100 / columns, 100 / rows
    return tuple(
        (
            round(column * wide, 3),
            round(row * high, 3),
            round(wide, 3),
            round(high, 3),
            round(min(1.0, float(share[row, column]) ** 0.5), 3),
        )
        for row in range(rows)
        for column in range(columns)
        if share[row, column] >= _MOVED
    )


def _points(area: Polygon) -> str:
    """An SVG polygon's points in percent of the picture."""
    return " ".join(f"{100 * x:.2f},{100 * y:.2f}" for x, y in area.points)


def _percent_box(box: Box) -> dict[str, float]:
    x1, y1, x2, y2 = (round(100 * side, 2) for side in box.as_tuple())
    return {"x": x1, "y": y1, "width": round(x2 - x1, 2), "height": round(y2 - y1, 2)}


def _percents(box: Box) -> str:
    return ", ".join(f"{100 * side:.0f}" for side in box.as_tuple())


def _clock(t_s: float) -> str:
    return clock(t_s, 0.1)


_FILTERS: dict[str, Callable[..., Any]] = {
    "clock": _clock,
    "data_url": data_url,
    "points": _points,
    "box": _percent_box,
    "percents": _percents,
}
