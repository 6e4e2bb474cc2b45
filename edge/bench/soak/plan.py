"""What is done to the box, and when: the same for the same seed. Pure."""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import pairwise

DISK_FULL_AT, DISK_FULL_FRAC, DISK_FULL_MAX_S = 0.10, 0.13, 60.0
BROKER_AWAY_AT, BROKER_AWAY_FRAC, BROKER_AWAY_MAX_S = 0.25, 0.667, 600.0
FIRST_KILL_FRAC, LAST_KILL_FRAC = 0.08, 0.97


@dataclass(frozen=True, slots=True)
class Window:
    """From `start_s` to `end_s` of the soak."""

    start_s: float
    end_s: float

    @property
    def length_s(self) -> float:
        """From one end to the other."""
        return self.end_s - self.start_s

    def holds(self, at_s: float) -> bool:
        """Whether this moment lies in it."""
        return self.start_s <= at_s < self.end_s


@dataclass(frozen=True, slots=True)
class Kill:
    """At `at_s` a process is killed: which of those that live, `pick` in 0..1 decides."""

    at_s: float
    pick: float

    def choose(self, names: list[str]) -> str:
        """One of the names, of which there must be some; their order does not matter."""
        ordered = sorted(names)
        return ordered[min(int(self.pick * len(ordered)), len(ordered) - 1)]


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole soak."""

    length_s: float
    seed: int
    disk_full: Window
    broker_away: Window
    kills: tuple[Kill, ...]


def build_plan(length_s: float, num_kills: int, seed: int) -> Plan:
    """A disk that is full, a broker that is away, and kills at random moments.

    The kills are spread over the whole soak: one in each of as many equal stretches.
    """
    chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
    first_s, last_s = FIRST_KILL_FRAC * length_s, LAST_KILL_FRAC * length_s
    edges = [first_s + (last_s - first_s) * n / max(1, num_kills) for n in range(num_kills + 1)]
    kills = tuple(Kill(chance.uniform(a, b), chance.random()) for a, b in pairwise(edges))
    return Plan(
        length_s=length_s,
        seed=seed,
        disk_full=_window(length_s, DISK_FULL_AT, DISK_FULL_FRAC, DISK_FULL_MAX_S),
        broker_away=_window(length_s, BROKER_AWAY_AT, BROKER_AWAY_FRAC, BROKER_AWAY_MAX_S),
        kills=kills,
    )


def _window(length_s: float, at_frac: float, frac: float, most_s: float) -> Window:
    start_s = at_frac * length_s
    return Window(start_s, start_s + min(frac * length_s, most_s))
