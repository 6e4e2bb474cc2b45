"""Recording: a run's trace in bounded memory: scores over time, what was dropped, where it moved.

An observer of the sampler. However long the clip is, at most a thousand rows are kept: when
there are more, two neighbours become one with the higher scores.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from edge.geometry import Box
from edge.sampler.trace import Drop, Reason, State, Step

MAX_ROWS = 1000
MAX_DROPS = 500
_JOIN_S = 1.5  # drops of one reason this close are one
_MAX_BOXES = 8
_CELL_PX = 4  # of the working picture, 160 px wide: cells of 2.5 % of the width
_CELL_CHANGED = 2  # of its 16 pixels
_STATES: tuple[State, ...] = ("quiet", "doubtful", "blind", "moving")  # the later one wins

WHY: dict[Reason, str] = {
    "light": "only how it is lit has changed",
    "flicker": "gone before it was sure to be a thing",
    "restless": "moves by itself there, and nothing was on its way",
    "paced": "the movement had just been shown",
    "repeat": "looks like one of the last keyframes",
    "unchanged": "at rest, with nothing to tell that the last keyframe did not",
}


@dataclass(frozen=True, slots=True)
class Row:
    """What the plots show of one moment; see `edge.sampler.trace.Step`."""

    t_s: float
    score: float
    least_score: float
    strength: float
    limit: float
    scene_score: float
    state: State


@dataclass(frozen=True, slots=True)
class Dropped:
    """Neighbouring drops of one reason: from when to when, how many, and where."""

    from_s: float
    until_s: float
    count: int
    reason: Reason
    boxes: tuple[Box, ...]


@dataclass
class Recording:
    """Rows of at most MAX_ROWS, drops of at most MAX_DROPS (all are counted), and activity.

    `activity` is (rows, columns) float: how often each cell of the picture changed, of `num_steps`.
    """

    rows: list[Row] = field(default_factory=list)
    drops: list[Dropped] = field(default_factory=list)
    counts: dict[Reason, int] = field(default_factory=dict)
    num_steps: int = 0
    activity: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0)))
    _stride: int = 1
    _pending: list[Row] = field(default_factory=list)

    def stepped(self, step: Step) -> None:
        """The sampler has looked at one more picture."""
        cells = changed_cells(step.changed)
        if cells.shape != self.activity.shape:
            self.activity = np.zeros(cells.shape)
            self.num_steps = 0
        self.activity += cells
        self.num_steps += 1
        self._pending.append(
            Row(
                step.pts_s,
                step.score,
                step.least_score,
                step.strength,
                step.limit,
                step.scene_score,
                step.state,
            )
        )
        if len(self._pending) < self._stride:
            return
        self.rows.append(_merged(self._pending))
        self._pending.clear()
        if len(self.rows) > MAX_ROWS:
            pairs = [self.rows[i : i + 2] for i in range(0, len(self.rows), 2)]
            self.rows = [_merged(pair) for pair in pairs]
            self._stride *= 2

    def dropped(self, drop: Drop) -> None:
        """Something did not become a keyframe."""
        self.counts[drop.reason] = self.counts.get(drop.reason, 0) + 1
        for index in range(len(self.drops) - 1, max(-1, len(self.drops) - 9), -1):
            last = self.drops[index]
            if last.reason == drop.reason and abs(drop.pts_s - last.until_s) <= _JOIN_S:
                self.drops[index] = replace(
                    last,
                    until_s=max(last.until_s, drop.pts_s),
                    count=last.count + 1,
                    boxes=_joined(last.boxes, drop.boxes),
                )
                return
        if len(self.drops) < MAX_DROPS:
            boxes = drop.boxes[:_MAX_BOXES]
            self.drops.append(Dropped(drop.pts_s, drop.pts_s, 1, drop.reason, boxes))

    @property
    def activity_share(self) -> NDArray[np.float64]:
        """(rows, columns): share of the pictures in which each cell changed, 0..1."""
        return self.activity / max(1, self.num_steps)


def changed_cells(changed: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """(h // 4, w // 4) bool of a mask (h, w) uint8: cells in which more than noise changed."""
    height, width = (side // _CELL_PX for side in changed.shape)
    cut = changed[: height * _CELL_PX, : width * _CELL_PX]
    counts = cut.reshape(height, _CELL_PX, width, _CELL_PX).sum(axis=(1, 3))
    return np.asarray(counts >= _CELL_CHANGED, np.bool_)


def _merged(rows: list[Row]) -> Row:
    if len(rows) == 1:
        return rows[0]
    return Row(
        t_s=rows[0].t_s,
        score=max(row.score for row in rows),
        least_score=max(row.least_score for row in rows),
        strength=max(row.strength for row in rows),
        limit=sum(row.limit for row in rows) / len(rows),
        scene_score=max(row.scene_score for row in rows),
        state=max((row.state for row in rows), key=_STATES.index),
    )


def _joined(old: tuple[Box, ...], new: tuple[Box, ...]) -> tuple[Box, ...]:
    """Each new box joins the first old one that it touches; what is too many is left out."""
    boxes = list(old)
    for box in new:
        for index, one in enumerate(boxes):
            if one.intersection(box):
                boxes[index] = one.union(box)
                break
        else:
            if len(boxes) < _MAX_BOXES:
                boxes.append(box)
    return tuple(boxes)
