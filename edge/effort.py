"""Effort: how much of the model's time a keyframe gets when there is more work than time.

Knows no load and no clock: who decides is the daemon. Findings and statistics name the step that
was in force.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

# full: as configured. small: smaller pictures. few: also few questions, and no descriptions.
# motion: the model is not asked, what moved is published all the same.
EffortWord = Literal["full", "small", "few", "motion"]
EFFORTS: Final[tuple[EffortWord, ...]] = ("full", "small", "few", "motion")


@dataclass(frozen=True, slots=True)
class EffortFacts:
    """The step in force and since when (Unix seconds; None: since the start), and what the latest
    keyframes need of the model's time: at this step, and if they had full effort. Above 1 there is
    not enough of it; None while that is not known.
    """

    word: EffortWord = "full"
    since_s: float | None = None
    load: float | None = None
    load_at_full: float | None = None
