"""Asking: which rules apply to a keyframe, and where in its picture their questions look.

Pure; knows nothing of states or answers. The book keeps when each rule was last asked.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from edge.frames import Keyframe, Trigger
from edge.geometry import Box, Polygon
from edge.questions import Look
from edge.rules.rule import Rule
from edge.rules.state import Moment

Zones = Mapping[str, Polygon]  # of one camera, by name


@dataclass(frozen=True, slots=True)
class KeyframeFacts:
    """What rules need to know of a keyframe: all but its pixels. `local` is aware."""

    camera: str
    trigger: Trigger
    boxes: tuple[Box, ...]
    zones: tuple[str, ...]
    at: Moment
    local: datetime

    @classmethod
    def of(cls, keyframe: Keyframe, time_zone: tzinfo | None) -> KeyframeFacts:
        """The facts of `keyframe`; schedules go by `time_zone`, None for the machine's own."""
        return cls(
            camera=keyframe.camera,
            trigger=keyframe.trigger,
            boxes=keyframe.boxes,
            zones=keyframe.zones,
            at=Moment(keyframe.mono_s, keyframe.captured_at),
            local=keyframe.captured_at.astimezone(time_zone),
        )


@dataclass(frozen=True, slots=True)
class Asking:
    """The rules that are asked about one keyframe, and their questions as the analyzer takes them.

    `describe` is true if one of them wants a description of every keyframe. `left_out` are the
    rules that would be asked if there were time.
    """

    facts: KeyframeFacts
    rules: tuple[Rule, ...]
    looks: tuple[Look, ...]
    left_out: tuple[str, ...] = ()

    @property
    def describe(self) -> bool:
        """Whether a rule wants a description whatever is answered."""
        return any(rule.describe == "always" for rule in self.rules)


@dataclass(frozen=True, slots=True)
class DescriptionWanted:
    """A description that rules want: where it looks, and its JSON Schema, None for the built-in."""

    look: Look
    schema: Mapping[str, Any] | None
    rules: tuple[str, ...]


def due(
    rules: Iterable[Rule], facts: KeyframeFacts, last_asked_mono_s: Mapping[str, float]
) -> list[Rule]:
    """The rules that apply to the keyframe; `last_asked_mono_s` is by rule, for its camera."""
    return [rule for rule in rules if is_due(rule, facts, last_asked_mono_s.get(rule.name))]


def is_due(rule: Rule, facts: KeyframeFacts, last_asked_mono_s: float | None) -> bool:
    """Whether `rule` is asked about the keyframe.

    It is when the camera and the schedule fit and the trigger is one of the rule's, with some
    movement in one of its zones if it has zones; or, on any keyframe and wherever it moved, when
    `every_s` have passed since the rule was last asked or it never was. A tampered picture shows
    nothing, so only a rule with that trigger is asked about it.
    """
    if facts.camera not in rule.cameras:
        return False
    if rule.schedule is not None and not rule.schedule.is_active(facts.local):
        return False
    if rule.every_s is not None and facts.trigger != "tamper":
        waited_s = None if last_asked_mono_s is None else facts.at.mono_s - last_asked_mono_s
        if waited_s is None or waited_s >= rule.every_s:
            return True
    is_touched = not rule.zones or not facts.boxes or not set(rule.zones).isdisjoint(facts.zones)
    return facts.trigger in rule.triggers and is_touched


def build_looks(rules: Iterable[Rule], facts: KeyframeFacts, zones: Zones) -> tuple[Look, ...]:
    """The rules' questions, grouped by the part of the picture that they are about.

    Rules without zones share the look at the movement, rules with the same zones share the look at
    those. The look that a description should show comes first: that of a rule which wants one
    always, else the movement. `zones` are the camera's own and hold every zone the rules name.
    """
    grouped: dict[tuple[str, ...], list[Rule]] = {}
    for rule in rules:
        grouped.setdefault(tuple(sorted(rule.zones)), []).append(rule)

    def order(group: tuple[tuple[str, ...], list[Rule]]) -> tuple[bool, bool]:
        names, members = group
        return not any(rule.describe == "always" for rule in members), bool(names)

    return tuple(
        Look(_boxes(names, facts, zones), tuple(rule.question for rule in members))
        for names, members in sorted(grouped.items(), key=order)
    )


def build_descriptions(
    rules: Iterable[Rule], facts: KeyframeFacts, zones: Zones
) -> tuple[DescriptionWanted, ...]:
    """The descriptions that `rules`, the most important first, want: one for each schema.

    Rules of one schema share a description; it shows where the first of them looks.
    """
    alike: dict[str, list[Rule]] = {}
    for rule in rules:
        # As text, because keys are written in their order: the same keys in another are another.
        alike.setdefault(json.dumps(rule.describe_as), []).append(rule)
    return tuple(
        DescriptionWanted(
            look=Look(_boxes(first.zones, facts, zones), ()),
            schema=first.describe_as,
            rules=(first.name, *(rule.name for rule in others)),
        )
        for first, *others in alike.values()
    )


def _boxes(names: Iterable[str], facts: KeyframeFacts, zones: Zones) -> tuple[Box, ...]:
    """The zones' bounds, or where it moved if there are no zones."""
    return tuple(zones[name].bounds for name in names) or facts.boxes
