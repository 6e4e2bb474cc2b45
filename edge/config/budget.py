"""The block about what the box can take."""

from __future__ import annotations

from edge.config.block import Block


class BudgetConfig(Block):
    """What the box can take, and what becomes of more than that."""

    measure: bool = True
    """Measure once, when the model is idle, how long a keyframe takes here."""
