"""What can be said for certain about a view, for questions to ask. Doubtful things are not asked.

A thing that is nearly hidden, cut off or tiny is neither there nor not there: whatever depends on
it has no answer. Knows the truth of a view and no wording.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

from edge.demo.train.labels import ALPHABET
from edge.demo.train.views import View
from edge.demo.world import Kind, Seen, SeenText, Truth
from edge.geometry import Box

MIN_VISIBLE, MAX_HIDDEN = 0.4, 0.04
MIN_HEIGHT_PX, MAX_TINY_PX = 16.0, 4.0
MIN_LETTER_PX, MAX_ILLEGIBLE_PX = 13.0, 4.0
MIN_DOOR_VISIBLE, MIN_DOOR_PX = 0.6, 26.0
MAX_COVERED = 0.08


@dataclass(frozen=True)
class Facts:
    """The certain part of a truth. None means: do not ask.

    `scale` is fed pixels per pixel of the truth's picture, `height_px` the fed height. Within the
    part `near` of it things are shown larger as well, at `near_scale`: a crop behind an overview.
    """

    truth: Truth
    scale: float
    height_px: int
    near: Box | None = None
    near_scale: float = 1.0

    @property
    def is_clear(self) -> bool:
        """Whether nothing covers the lens."""
        return self.truth.covered < MAX_COVERED

    @cached_property
    def clear(self) -> tuple[Seen, ...]:
        """Things that are plainly visible."""
        return tuple(s for s in self.truth.seen if self._is_plain(s))

    @cached_property
    def doubtful(self) -> frozenset[Kind]:
        """Kinds of which something is neither plainly visible nor as good as hidden."""
        return frozenset(
            s.kind for s in self.truth.seen if not self._is_plain(s) and not self._is_hidden(s)
        )

    def num(self, kind: Kind) -> int | None:
        """How many of a kind there are."""
        if kind in self.doubtful or not self.is_clear:
            return None
        return sum(s.kind == kind for s in self.clear)

    def has(self, kind: Kind) -> bool | None:
        """Whether there is one of a kind."""
        if any(s.kind == kind for s in self.clear):
            return True
        return None if kind in self.doubtful or not self.is_clear else False

    def of(self, kind: Kind) -> list[Seen]:
        """The plainly visible things of a kind."""
        return [s for s in self.clear if s.kind == kind]

    def only(self, kind: Kind) -> Seen | None:
        """The thing of a kind, if there is exactly one."""
        things = self.of(kind)
        return things[0] if len(things) == 1 and kind not in self.doubtful else None

    @property
    def shows_colours(self) -> bool:
        """Whether colours can be told."""
        return not self.truth.infrared and self.truth.light != "night"

    @property
    def door(self) -> str | None:
        """The door's state, if it can be told."""
        door = self.truth.door
        if door is None or door.visible < MIN_DOOR_VISIBLE or not self.is_clear:
            return None
        tall_px = (door.box.y2 - door.box.y1) * self.height_px
        tall_px *= self._scale_at(door.box) / self.scale
        return door.state if tall_px >= MIN_DOOR_PX else None

    @property
    def has_door(self) -> bool | None:
        """Whether there is a door in the picture."""
        door = self.truth.door
        if door is None:
            return False if self.is_clear else None
        return True if self.door is not None else None

    def legible(self, on: Collection[str]) -> SeenText | None:
        """The one text on such things, if there is exactly one and it can be read."""
        texts = [t for t in self.truth.texts if t.on in on and t.kind != "instruction"]
        if len(texts) != 1 or not self._can_read(texts[0]) or not self.is_clear:
            return None
        return texts[0]

    def texts(self) -> list[str] | None:
        """All texts from left to right, if each can either be read or not be seen."""
        found = []
        for text in sorted(self.truth.texts, key=lambda t: t.box.x1):
            if text.kind == "instruction":
                return None
            if self._can_read(text):
                found.append(text.text)
            elif (
                text.letter_px * self._scale_at(text.box) > MAX_ILLEGIBLE_PX
                and text.visible > MAX_HIDDEN
            ):
                return None
        return found

    def has_writing(self) -> bool | None:
        """Whether there is any writing."""
        if any(self._can_read(t) for t in self.truth.texts):
            return True
        return None if self.truth.texts or not self.is_clear else False

    def _is_plain(self, seen: Seen) -> bool:
        tall_px = seen.height_px * self._scale_at(seen.box)
        return seen.visible >= MIN_VISIBLE and tall_px >= MIN_HEIGHT_PX

    def _is_hidden(self, seen: Seen) -> bool:
        return seen.visible < MAX_HIDDEN or seen.height_px * self.scale < MAX_TINY_PX

    def _scale_at(self, box: Box) -> float:
        """At what scale a thing is shown best."""
        near = self.near
        if near is None or near.intersection(box) != box:
            return self.scale
        return self.near_scale

    def _can_read(self, text: SeenText) -> bool:
        return (
            text.visible >= 0.93
            and text.letter_px * self._scale_at(text.box) >= MIN_LETTER_PX
            and (text.kind == "instruction" or all(c in ALPHABET for c in text.text))
        )


@dataclass(frozen=True)
class Case:
    """What is asked about: the picture, and the one from before of a pair."""

    now: Facts
    before: Facts | None = None


def case_of(view: View) -> Case:
    """The facts of a view. With an overview the whole frame is asked about, not what changed."""
    height_px = view.size_px[1]
    whole = view.overview
    if whole is not None:
        now = Facts(whole.truth, whole.scale, whole.size_px[1], whole.crop, view.scale)
        return Case(now)
    before = None if view.before is None else Facts(view.before, view.scale, height_px)
    return Case(Facts(view.truth, view.scale, height_px), before)
