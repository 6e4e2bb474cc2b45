"""The block about what the box can take."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from edge.config.block import Block, one_of
from edge.config.quantities import duration
from edge.effort import EFFORTS, EffortWord


class BudgetConfig(Block):
    """What the box can take, and what becomes of more than that."""

    measure: bool = True
    """Measure once, when the model is idle, how long a keyframe takes here."""
    lightest: Annotated[EffortWord, one_of(EFFORTS)] = "motion"
    """How light work becomes under too much load: full (not at all), small pictures, few questions,
    motion (no analysis).
    """
    lighten_after_s: Annotated[float, duration("1s", "1d")] = Field(
        default=60.0, alias="lighten_after"
    )
    """How long the load must be too high for the next step."""
    restore_after_s: Annotated[float, duration("1s", "7d")] = Field(
        default=600.0, alias="restore_after"
    )
    """How long it must have been well below the limit for a step back."""
