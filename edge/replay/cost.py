"""What a configuration costs: processor time for looking, calls of the model, and seconds of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge.replay.outcome import Outcome

ASSUMED_CALL_S = 1.0  # of a whole small box, for one keyframe's typed questions


@dataclass(frozen=True, slots=True)
class Cost:
    """`cpu_ms_per_s` is for decoding and sampling a second of video, one thread. `call_s` is what
    the model takes for a keyframe: measured on this machine, or assumed where it was not asked.
    """

    length_s: float
    num_keyframes: int
    cpu_ms_per_s: float
    left_out_frac: float
    call_s: float
    is_measured: bool

    @property
    def keyframes_per_hour(self) -> float:
        """At the rate of these clips."""
        return 3600 * self.num_keyframes / self.length_s if self.length_s else 0.0

    @property
    def call_s_per_hour(self) -> float:
        """Seconds of the model for each hour of video."""
        return self.keyframes_per_hour * self.call_s


def cost_of(outcomes: Sequence[Outcome], spent_s: float = 0.0, num_asked: int = 0) -> Cost:
    """All clips of one configuration together; what the model took, and how often it was asked."""
    length_s = sum(one.length_s for one in outcomes)
    left_out_s = sum(one.left_out_frac * one.length_s for one in outcomes)
    return Cost(
        length_s=length_s,
        num_keyframes=sum(len(one.keyframes) for one in outcomes),
        cpu_ms_per_s=1e3 * sum(one.cpu_s for one in outcomes) / length_s if length_s else 0.0,
        left_out_frac=left_out_s / length_s if length_s else 0.0,
        call_s=spent_s / num_asked if num_asked else ASSUMED_CALL_S,
        is_measured=num_asked > 0,
    )
