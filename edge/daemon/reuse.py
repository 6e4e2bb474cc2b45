"""Recent: answers that still hold because the camera shows the same where the model looked.

Pure. A keyframe reuses an earlier one's answers when the same questions are asked, its movement
lies within what the model was shown then, and that part of the picture has not changed since:
compared as a grid of mean colours, in which sensor noise averages out and a small object does not.
Where the model is shown the picture from before a movement too, that must be the same as well.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge.daemon.jobs import Job
from edge.frames import Image
from edge.geometry import FULL, Box, union_of
from edge.questions import AnalysisResult, Timing

GRID = 24  # cells a side; a cell of a 256 px crop is about 11 px square
# Largest change of a cell's mean that counts as the same. Noise of 8 grey levels moves the mean of
# 100 pixels by 0.8; a thing that fills a third of a cell and differs by 30 levels moves it by 10.
MAX_CELL_CHANGE = 6.0
MAX_KEPT = 4  # results a camera; each keeps its grids only, not the picture
SLACK_FRAC = 0.02  # of the frame: how far a box may reach out of the earlier view

Grid = NDArray[np.float32]  # (GRID, GRID, 3)


@dataclass(frozen=True, slots=True)
class _Kept:
    """One analysis: what was asked, where it looked, how that looked, what came out."""

    asked: tuple[object, ...]
    grids: tuple[Grid, ...]
    result: AnalysisResult
    mono_s: float


class Recent:
    """The last analyses of each camera. `for_s` bounds how long one is reused; 0: never. With
    `pairs` the model is shown the pictures from before movements.
    """

    def __init__(self, for_s: float, *, pairs: bool = False) -> None:
        self.for_s = for_s
        self._pairs = pairs
        self._kept: dict[str, deque[_Kept]] = {}

    def keep(self, job: Job, result: AnalysisResult) -> None:
        """Remember a fresh analysis of a keyframe's questions."""
        if not self.for_s:
            return
        kept = _Kept(_asked(job), self._grids(job, result), result, job.keyframe.mono_s)
        self._kept.setdefault(job.camera, deque(maxlen=MAX_KEPT)).appendleft(kept)

    def find(self, job: Job) -> AnalysisResult | None:
        """The result that answers `job` as well, as its own and at no cost in time; or None."""
        asked = _asked(job)
        for kept in self._kept.get(job.camera, ()):
            age_s = job.keyframe.mono_s - kept.mono_s
            if kept.asked == asked and 0 <= age_s <= self.for_s and self._is_same(job, kept):
                return replace(kept.result, id=job.id, timing=Timing())
        return None

    def forget(self, camera: str) -> None:
        """The camera was removed or looks elsewhere now."""
        self._kept.pop(camera, None)

    def _grids(self, job: Job, result: AnalysisResult) -> tuple[Grid, ...]:
        """What the model was shown, or would be: each view of the keyframe, and of the picture
        before it.
        """
        shown = [job.keyframe.image]
        if self._pairs and job.keyframe.before is not None:
            shown.append(job.keyframe.before)
        return tuple(grid_of(image, view.box) for image in shown for view in result.views)

    def _is_same(self, job: Job, kept: _Kept) -> bool:
        crops = [view.box for view in kept.result.views if not view.is_overview]
        for look, crop in zip(job.looks, crops, strict=True):
            if not _holds(crop, union_of(look.boxes) or FULL):
                return False
        grids = self._grids(job, kept.result)
        return len(grids) == len(kept.grids) and all(
            float(np.abs(now - then).max()) <= MAX_CELL_CHANGE
            for now, then in zip(grids, kept.grids, strict=True)
        )


def grid_of(image: Image, box: Box) -> Grid:
    """Mean colours of the cells of a part of the picture, (GRID, GRID, 3) float32."""
    height, width = image.shape[:2]
    x1, y1, x2, y2 = box.to_px(width, height)
    part = image[y1:y2, x1:x2]
    rows = np.linspace(0, y2 - y1, GRID + 1).astype(int)
    columns = np.linspace(0, x2 - x1, GRID + 1).astype(int)
    # A side shorter than the grid repeats pixels: reduceat then takes single ones.
    by_row = np.add.reduceat(part, rows[:-1], axis=0, dtype=np.uint32)
    sums = np.add.reduceat(by_row, columns[:-1], axis=1)
    num_rows, num_columns = np.maximum(1, np.diff(rows)), np.maximum(1, np.diff(columns))
    return np.asarray(sums / (num_rows[:, None] * num_columns)[..., None], np.float32)


def _asked(job: Job) -> tuple[object, ...]:
    return (job.effort == "full", *(look.questions for look in job.looks))


def _holds(view: Box, wanted: Box) -> bool:
    grown = view.expanded(SLACK_FRAC)
    return grown.union(wanted) == grown
