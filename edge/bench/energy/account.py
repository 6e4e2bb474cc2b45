"""From measured parts to watts: what each way draws over the clips' time. Pure arithmetic.

A way's power is the idle power, plus what looking takes, plus what its answers take, each spread
over the time of the clips as if these were watched live. A box cannot answer for more than all of
its time: a way that would is given the power of always answering, and `busy_frac` shows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge.bench.energy.power import Spent
from edge.bench.energy.ways import Way


@dataclass(frozen=True, slots=True)
class Account:
    """One way's figures. Watts are means; `looking_w` and `answering_w` come on top of `idle_w`.

    `busy_frac` is the share of the time in which the model answers; `shown_frac` the share of the
    events that a picture given to the model shows. None: nothing to divide by.
    """

    way: Way
    idle_w: float
    looking_w: float
    answering_w: float
    busy_frac: float
    answers_per_hour: float
    shown_frac: float | None
    joules_per_answer: float | None
    joules_per_event: float | None
    joules_per_event_above_idle: float | None

    @property
    def total_w(self) -> float:
        """All of it."""
        return self.idle_w + self.looking_w + self.answering_w

    def saved_frac(self, other: Account) -> float:
        """How much less it draws than another way, 0..1, idle power included."""
        return 1.0 - self.total_w / other.total_w if other.total_w else 0.0


def settle(
    ways: Sequence[Way], answer: Spent, idle_w: float, length_s: float, num_events: int
) -> tuple[Account, ...]:
    """The accounts of all ways; `answer` is what one answer takes, `length_s` all clips' time."""
    accounts = []
    for way in ways:
        wanted_frac = way.num_calls * answer.wall_s / length_s
        possible = min(1.0, 1.0 / wanted_frac) if wanted_frac else 1.0
        num_calls = way.num_calls * possible
        looking_w = way.look.joules / length_s
        answering_w = num_calls * answer.joules / length_s
        total = (idle_w + looking_w + answering_w) * length_s
        above = (looking_w + answering_w) * length_s
        shown = way.shown * possible
        accounts.append(
            Account(
                way=way,
                idle_w=idle_w,
                looking_w=looking_w,
                answering_w=answering_w,
                busy_frac=wanted_frac,
                answers_per_hour=3600 * num_calls / length_s,
                shown_frac=shown / num_events if num_events else None,
                joules_per_answer=total / num_calls if num_calls else None,
                joules_per_event=total / shown if shown else None,
                joules_per_event_above_idle=above / shown if shown else None,
            )
        )
    return tuple(accounts)
