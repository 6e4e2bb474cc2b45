"""Trials: a stretch looked at with other settings, and which of them save calls.

A call is a keyframe that the scene caused; those by the clock or by order do not count. Without
labels every call in the stretch is taken for a false one, but those outside what moves by itself
are told when they go, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge.frames import Frame, Keyframe
from edge.geometry import Polygon
from edge.replay.masks import (
    MAX_MASKED,
    Cells,
    covered_frac,
    covering_polygons,
    restless_cells,
)
from edge.replay.plot import count
from edge.sampler.attention import Attention
from edge.sampler.settings import SamplerSettings
from edge.sampler.trace import Observer

if TYPE_CHECKING:
    from edge.replay.stretch import Stretch
    from edge.replay.truth import Event, Truth

_STEP = 0.125  # through the levels that have names: low, medium, high
_LEAST, _MOST = 0.125, 0.875  # sensitivities that are tried
_NEARLY_ALL = 0.8  # of what could be saved at all
_WORTH = 0.3  # of the calls must be saved, for a change to be suggested
_NEAR_S = 2.0  # a call this close shows the same
_MAINLY = 0.5  # of a call's boxes lies where it moves by itself


@dataclass(frozen=True, slots=True)
class Call:
    """A keyframe that the scene caused; `restless` where it was caused by what moves by itself."""

    t_s: float
    is_restless: bool


@dataclass(frozen=True, slots=True)
class Trial:
    """A stretch looked at with some settings. `calls` are the false ones where there are labels."""

    settings: SamplerSettings
    calls: tuple[Call, ...]
    times: tuple[float, ...]  # of every keyframe
    shown: frozenset[Event]

    def passing_lost(self, other: Trial) -> tuple[float, ...]:
        """Times of calls by something else than what moves by itself that `other` has not."""
        return tuple(
            call.t_s
            for call in self.calls
            if not call.is_restless and not any(abs(call.t_s - t) <= _NEAR_S for t in other.times)
        )


@dataclass(frozen=True, slots=True)
class Idea:
    """A change that helps, and how it was tried."""

    trial: Trial
    mask: tuple[Polygon, ...]  # added; empty where only the sensitivity changes
    lost: tuple[Event, ...]
    won: tuple[Event, ...]
    passing_lost: tuple[float, ...]


def look(
    frames: Iterable[Frame], settings: SamplerSettings, observer: Observer | None = None
) -> Iterator[Keyframe]:
    """The keyframes that a sampler of these settings takes, one at a time: each holds a picture."""
    sampler = Attention(settings, observer).sampler
    for frame in frames:
        yield from sampler.step(frame)
    yield from sampler.flush()


def is_worth(base: Trial, idea: Idea) -> bool:
    """Whether it saves enough, and not by hiding where something passed."""
    saved = len(base.calls) - len(idea.trial.calls)
    if saved < max(1, _WORTH * len(base.calls)):
        return False
    return not idea.mask or len(idea.passing_lost) <= saved / 2


class Trials:
    """Looks at one stretch again and again. Of the first look, `changed` and `restless` are
    (steps, rows, columns) bool, `steps_s` is when each step was.
    """

    def __init__(
        self,
        stretch: Stretch,
        settings: SamplerSettings,
        changed: NDArray[np.bool_],
        restless: NDArray[np.bool_],
        steps_s: Sequence[float],
        truth: Truth | None = None,
        progress: Callable[[str], None] = lambda _text: None,
    ) -> None:
        self._stretch, self._settings = stretch, settings
        self._truth = None if truth is None else _within(truth, stretch.length_s)
        self._progress = progress
        is_quiet = np.array([self._is_quiet(t) for t in steps_s], np.bool_)
        self.restless: Cells = restless_cells(changed[is_quiet], restless[is_quiet])
        self.polygons = covering_polygons(self.restless)
        self.base = self.run(settings)

    @property
    def has_labels(self) -> bool:
        """Whether it is known when nothing happened."""
        return self._truth is not None and bool(self._truth.quiet)

    @property
    def mask_is_too_large(self) -> bool:
        """Whether so much moves by itself that a mask would blind the camera."""
        return covered_frac(self.polygons) > MAX_MASKED

    def run(self, settings: SamplerSettings) -> Trial:
        """Look at the stretch with other settings."""
        self._progress(
            f"trying sensitivity {settings.sensitivity:g}, {count(len(settings.mask), 'mask')}"
        )
        taken = sorted(  # a rest may be told before what it ends
            look(self._stretch.frames, replace(settings, periodic_s=None)),
            key=lambda keyframe: keyframe.pts_s,
        )
        calls = tuple(
            Call(one.pts_s, self._is_restless(one)) for one in taken if self._is_quiet(one.pts_s)
        )
        times = tuple(one.pts_s for one in taken)
        shown: frozenset[Event] = frozenset()
        if self._truth is not None:
            shown = frozenset(
                event
                for event in self._truth.events
                if any(event.window[0] <= t <= event.window[1] for t in times)
            )
        return Trial(settings, calls, times, shown)

    def ideas(self) -> list[Idea]:
        """What saves calls, best first: what costs nothing known before what does."""
        if not self.base.calls:
            return self._more_sensitive()
        found = []
        masked = self.base
        if self.polygons and not self.mask_is_too_large:
            mask = self._settings.mask + self.polygons
            masked = self.run(replace(self._settings, mask=mask))
            found.append(self._idea(masked, self.polygons))
            if masked.calls:
                found += [self._idea(one, self.polygons) for one in self._less_sensitive(masked)]
        found += [self._idea(one, ()) for one in self._less_sensitive(self.base)]
        return sorted(
            (idea for idea in found if is_worth(self.base, idea)),
            key=lambda i: (len(i.lost) + len(i.passing_lost), len(i.trial.calls), bool(i.mask)),
        )

    def _idea(self, trial: Trial, mask: tuple[Polygon, ...]) -> Idea:
        def by_time(events: frozenset[Event]) -> tuple[Event, ...]:
            return tuple(sorted(events, key=lambda event: event.from_s))

        return Idea(
            trial,
            mask,
            lost=by_time(self.base.shown - trial.shown),
            won=by_time(trial.shown - self.base.shown),
            passing_lost=self.base.passing_lost(trial) if self.polygons else (),
        )

    def _less_sensitive(self, start: Trial) -> list[Trial]:
        """The least change that saves nearly all that a lower sensitivity can; or none."""
        tried = [start]
        while tried[-1].calls:
            lower = round(tried[-1].settings.sensitivity - _STEP, 3)
            if lower < _LEAST:
                break
            tried.append(self.run(replace(start.settings, sensitivity=lower)))
        saved = [len(start.calls) - len(one.calls) for one in tried]
        enough = _NEARLY_ALL * max(saved)
        if max(saved) < 1:
            return []
        return [next(one for one, n in zip(tried, saved, strict=True) if n >= enough)]

    def _more_sensitive(self) -> list[Idea]:
        """A quiet stretch without a call: how much more would still be silent, less a margin."""
        silent = [self.base]
        while (higher := round(silent[-1].settings.sensitivity + _STEP, 3)) <= _MOST:
            trial = self.run(replace(self._settings, sensitivity=higher))
            if trial.calls:
                break
            silent.append(trial)
        if len(silent) < 3:
            return []
        idea = self._idea(silent[-2], ())
        return [idea] if idea.won or not self.has_labels else []

    def _is_quiet(self, t_s: float) -> bool:
        truth = self._truth
        if truth is None or not truth.quiet:
            return True  # as whoever asks has said
        return any(a <= t_s <= b for a, b in truth.quiet)

    def _is_restless(self, keyframe: Keyframe) -> bool:
        if not keyframe.boxes or not self.restless.any():
            return False
        rows, columns = self.restless.shape
        inside = whole = 0.0
        for box in keyframe.boxes:
            x1, y1, x2, y2 = box.to_px(columns, rows)
            part = self.restless[y1:y2, x1:x2]
            whole += part.size
            inside += float(part.sum())
        return inside >= _MAINLY * whole


def _within(truth: Truth, until_s: float) -> Truth:
    """What the truth says about a stretch that begins at 0."""
    return replace(
        truth,
        events=tuple(one for one in truth.events if one.until_s >= 0 and one.from_s <= until_s),
    )
