"""From a recording's rows to the numbers of an SVG plot: paths, ticks, bands and marks.

Pure geometry; how it looks is the template's. Time runs from left to right.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from edge.replay.record import Row

if TYPE_CHECKING:
    from edge.replay.outcome import Shown

WIDTH, NARROW_WIDTH = 1000.0, 620.0  # alone, and beside another one
HEIGHT = 190.0
LEFT, RIGHT, TOP, BOTTOM = 52.0, 22.0, 14.0, 34.0  # margins, for the axes' words
PLOT_HEIGHT = HEIGHT - TOP - BOTTOM
BAND_PX = 7.0  # the strip of states under the curves
_GAP_S = 1.5  # rows further apart are not joined: the camera was at rest
_STEPS_S = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600)


@dataclass(frozen=True, slots=True)
class Tick:
    """A place on an axis, in pixels, and its words."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Band:
    """A stretch of time, in pixels: a state, an event, quiet."""

    x: float
    width: float
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A keyframe: where it stands, its number, and what it is."""

    x: float
    number: int
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class Curve:
    """An SVG path, and what it shows."""

    path: str
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class Plot:
    """Everything that is drawn in one picture."""

    title: str
    width: float
    curves: tuple[Curve, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    bands: tuple[Band, ...] = ()
    spans: tuple[Band, ...] = ()
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True, slots=True)
class Spell:
    """A named stretch of time, for the background."""

    from_s: float
    until_s: float
    kind: str
    title: str


class TimeAxis:
    """Seconds to pixels, in a picture of this width."""

    def __init__(self, until_s: float, width: float = WIDTH) -> None:
        self.until_s = max(until_s, 1.0)
        self.width = width

    def x(self, t_s: float) -> float:
        """Pixels from the picture's left side, inside the axes."""
        share = min(max(t_s / self.until_s, 0.0), 1.0)
        return round(LEFT + share * (self.width - LEFT - RIGHT), 2)

    def ticks(self) -> tuple[Tick, ...]:
        """A dozen at most, fewer in a narrow picture, at round times."""
        most = 12 * self.width / WIDTH
        step_s = next((s for s in _STEPS_S if self.until_s / s <= most), _STEPS_S[-1])
        count = min(int(self.until_s / step_s + 1e-9), 48)
        return tuple(Tick(self.x(i * step_s), clock(i * step_s, step_s)) for i in range(count + 1))

    def band(self, spell: Spell) -> Band:
        """A spell in pixels, at least wide enough to be seen."""
        x = self.x(spell.from_s)
        return Band(x, max(1.0, round(self.x(spell.until_s) - x, 2)), spell.kind, spell.title)


def score_plot(
    rows: Sequence[Row],
    keyframes: Sequence[Shown],
    axis: TimeAxis,
    spells: Sequence[Spell] = (),
) -> Plot:
    """How much moves, the least that counts, the sampler's states, and the keyframes."""
    peak = max((max(row.score, 1.5 * row.least_score) for row in rows), default=0.0)
    top = nice_top(max(peak, 0.05))
    return Plot(
        title="motion score",
        width=axis.width,
        curves=(
            Curve(_path(rows, "score", axis, top), "value", "motion score"),
            Curve(_path(rows, "least_score", axis, top), "limit", "the least that counts"),
        ),
        x_ticks=axis.ticks(),
        y_ticks=_y_ticks(top),
        bands=_state_bands(rows, axis),
        spans=tuple(axis.band(spell) for spell in spells),
        marks=tuple(
            Mark(
                axis.x(one.t_s),
                number,
                one.trigger,
                f"{clock(one.t_s, 0.1)} {one.trigger} {one.phase or one.detail}".strip(),
            )
            for number, one in enumerate(keyframes, 1)
        ),
    )


def change_plot(rows: Sequence[Row], axis: TimeAxis) -> Plot:
    """The strongest change against its limit, which is 1; cut off at 4, where nobody doubts."""
    return Plot(
        title="strongest change, as a multiple of its limit",
        width=axis.width,
        curves=(
            Curve(_path(rows, "strength", axis, 4.0), "value", "strongest change"),
            Curve(_level(1.0, 4.0, axis), "limit", "limit"),
        ),
        x_ticks=axis.ticks(),
        y_ticks=_y_ticks(4.0),
    )


def limit_plot(rows: Sequence[Row], axis: TimeAxis) -> Plot:
    """From how many grey levels on a pixel counts: the threshold, raised by noise and light."""
    top = nice_top(max((row.limit for row in rows), default=1.0))
    return Plot(
        title="threshold of a pixel, grey levels",
        width=axis.width,
        curves=(Curve(_path(rows, "limit", axis, top), "limit", "threshold (median)"),),
        x_ticks=axis.ticks(),
        y_ticks=_y_ticks(top),
    )


def clock(t_s: float, step_s: float = 1.0) -> str:
    """`0:07`, `1:02:03`; with tenths where steps are short."""
    tenths = step_s < 1
    whole = round(t_s, 1) if tenths else round(t_s)
    minutes, seconds = divmod(whole, 60)
    hours, minutes = divmod(int(minutes), 60)
    text = f"{seconds:04.1f}" if tenths else f"{int(seconds):02d}"
    return f"{hours}:{minutes:02d}:{text}" if hours else f"{minutes}:{text}"


def count(number: int, word: str) -> str:
    """`1 mask`, `2 masks`."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def nice_top(value: float) -> float:
    """The next round number: 1, 2, 2.5 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if value <= step * power * (1 + 1e-9))


def _y(value: float, top: float) -> float:
    return round(TOP + PLOT_HEIGHT * (1 - min(max(value / top, 0.0), 1.0)), 2)


def _y_ticks(top: float) -> tuple[Tick, ...]:
    return tuple(Tick(_y(top * i / 4, top), f"{top * i / 4:g}") for i in range(5))


def _level(value: float, top: float, axis: TimeAxis) -> str:
    y = _y(value, top)
    return f"M{LEFT:g} {y:g}H{axis.width - RIGHT:g}"


def _path(rows: Sequence[Row], name: str, axis: TimeAxis, top: float) -> str:
    """A line through the rows, broken where the camera was at rest."""
    usual_s = _usual_step_s(rows)
    parts = []
    last_s = -math.inf
    for row in rows:
        pen = "L" if row.t_s - last_s <= max(_GAP_S, 3 * usual_s) else "M"
        parts.append(f"{pen}{axis.x(row.t_s):g} {_y(getattr(row, name), top):g}")
        last_s = row.t_s
    return "".join(parts)


def _usual_step_s(rows: Sequence[Row]) -> float:
    steps = sorted(b.t_s - a.t_s for a, b in pairwise(rows))
    return steps[len(steps) // 2] if steps else 0.0


STATE_TITLES = {
    "quiet": "quiet",
    "doubtful": "something that may be nothing",
    "moving": "movement",
    "blind": "blind: the light has just changed",
    "rest": "at rest: only I-frames decoded",
}


def _state_bands(rows: Sequence[Row], axis: TimeAxis) -> tuple[Band, ...]:
    """Neighbouring rows of one state as one band; gaps are the camera at rest."""
    usual_s = _usual_step_s(rows)
    spells: list[Spell] = []
    last_s = [min(axis.until_s, rows[-1].t_s + usual_s)] if rows else []
    for row, next_s in zip(rows, [*(row.t_s for row in rows[1:]), *last_s], strict=True):
        is_gap = next_s - row.t_s > max(_GAP_S, 3 * usual_s)
        end_s = row.t_s + usual_s if is_gap else next_s
        _lengthen(spells, row.t_s, end_s, row.state)
        if is_gap:
            _lengthen(spells, end_s, next_s, "rest")
    return tuple(axis.band(spell) for spell in spells)


def _lengthen(spells: list[Spell], from_s: float, until_s: float, kind: str) -> None:
    if spells and spells[-1].kind == kind:
        from_s = spells.pop().from_s
    spells.append(Spell(from_s, until_s, kind, STATE_TITLES[kind]))
