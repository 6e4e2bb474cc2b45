"""What was to be seen in a stretch of the story: from when to when, read off small drawings of it.

For checks of rules against the truth, and for whoever wants to know when something happens.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from edge.demo.drawing import draw
from edge.demo.story import Story
from edge.demo.world import Kind, Truth

T = TypeVar("T")
SIZE_PX = (320, 180)  # what can be seen does not depend on the size; small ones are drawn sooner
STEP_S = 0.25
EXACT_S = 0.02


@dataclass(frozen=True, slots=True)
class Span(Generic[T]):
    """A value that held from `from_s` to `to_s`."""

    from_s: float
    to_s: float
    value: T


def truth_at(story: Story, t_s: float) -> Truth:
    """What a picture of the story at `t_s` shows."""
    return draw(story.moment_at(t_s), *SIZE_PX).truth


def spans(
    story: Story, of: Callable[[Truth], T], from_s: float, to_s: float, step_s: float = STEP_S
) -> list[Span[T]]:
    """How `of` changed from `from_s` to `to_s`, without gaps, each change to EXACT_S.

    What lasts for less than `step_s` may be missed.
    """
    found: list[Span[T]] = []
    begun_s, value = from_s, of(truth_at(story, from_s))
    t_s = from_s
    while t_s < to_s:
        next_s = min(to_s, t_s + step_s)
        new = of(truth_at(story, next_s))
        if new != value:
            change_s = _change_between(story, of, t_s, next_s)
            found.append(Span(begun_s, change_s, value))
            begun_s, value = change_s, new
        t_s = next_s
    found.append(Span(begun_s, to_s, value))
    return found


def presence(
    story: Story, kind: Kind, from_s: float, to_s: float, min_visible: float = 0.25
) -> list[tuple[float, float]]:
    """When at least one thing of the kind was visible by this share."""
    found = spans(story, lambda truth: truth.has(kind, min_visible), from_s, to_s)
    return [(span.from_s, span.to_s) for span in found if span.value]


def counts(story: Story, kind: Kind, from_s: float, to_s: float) -> list[Span[int]]:
    """How many things of the kind were visible."""
    return spans(story, lambda truth: truth.count(kind), from_s, to_s)


def _change_between(
    story: Story, of: Callable[[Truth], T], before_s: float, after_s: float
) -> float:
    """When the value of `before_s` ended; halves the stretch until it is short."""
    value = of(truth_at(story, before_s))
    while after_s - before_s > EXACT_S:
        middle_s = (before_s + after_s) / 2
        if of(truth_at(story, middle_s)) == value:
            before_s = middle_s
        else:
            after_s = middle_s
    return after_s
