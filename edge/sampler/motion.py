"""Where something moves in this picture, against the recent past and the quiet background.

Two references: the picture about 0.4 s ago says what moves now; the background, learned while all
is quiet and taken anew when the scene comes to rest, fills in the whole of what moves. Knows light
and noise, but neither keyframes nor when a movement begins or ends.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.geometry import Box
from edge.sampler.comparing import Changes, Comparing
from edge.sampler.light import NEW_LIGHT, RAMP_STEP, LightFit, fit_light
from edge.sampler.look import LookArea, Mask
from edge.sampler.regions import Change, Region, clear_and_faint, find_regions, is_only_light
from edge.sampler.settings import SamplerSettings
from edge.sampler.turning import is_turning
from edge.sampler.view import (
    BLANK_ENERGY,
    CELLS,
    KEPT_EDGES,
    View,
    area_means,
    edge_agreement,
)

_LAG_S = 0.4  # long enough for a walker 20 px high to leave his outline, short against exposure
_BACKGROUND_S = 5.0  # time constant of the background where nothing moves
_ABSORB_S = 2.0  # ... where it looks different but nothing moves: a lamp, a patch of sun
_KEEP_S = 30.0  # ... the same during a movement: what was put down is to be told at its end
_LEARN_EVERY_S = 0.39  # of the background: every second picture at 5 a second
_REFERENCE_WIDTH_PX = 320  # contour_area is given for this width
_TURNED, _TURNED_CELLS = 2.0, 10  # grey levels on average, in so many cells: does it turn?
_UNFITTED = 0.15  # share of the picture that a change of light leaves changed when it is no gain
_NEAR = 0.05  # of the frame: how far a thing comes from one picture to the next
_AT_ONCE = 0.5  # of the share that makes a change light, since the very picture before
_MAX_GAIN = 2.0  # within the lag: exposure runs to such a change, it does not jump there
_RESTLESS_SHARE = 0.3  # of a region's box

_SETTLE_S = 0.6  # exposure control rings after a jump; blind meanwhile
_MAX_BLIND_S = 3.0  # the slowest exposure control seen took 1.5 s
_STILL_SETTLING = 1.5  # grey levels from one picture to the next


@dataclass(frozen=True, slots=True)
class Motion:
    """What moves in one picture."""

    regions: list[Region]  # clear ones first, then by size
    share: float  # of the looked-at pixels, changed against the recent past
    is_light: bool  # the light jumped; nothing can be said
    change: Change | None = None  # against the recent past; None for the first picture
    only_lit: tuple[Region, ...] = ()  # what changed there is how it is lit
    is_turning: bool = False  # the camera itself moves; nothing can be said


class MotionDetector:
    """Motion in each picture of one camera; views must come in time order and of one size."""

    def __init__(self, settings: SamplerSettings, look: LookArea) -> None:
        self._settings = settings
        self._look = look
        self._comparing = Comparing(settings, look)
        self._absorb_s = _ABSORB_S
        self._recent: deque[View] = deque()
        self._background: View | None = None
        self._blind_until_s = self._jumped_s = -math.inf

    @property
    def restless(self) -> Mask | None:
        """(h, w) uint8, 1 where the scene moves by itself; None if it does so nowhere."""
        return self._comparing.unrest.restless

    def rebaseline(self) -> None:
        """Forget the pictures (not the noise): what comes next is the new normal."""
        self._recent.clear()
        self._background = None
        self._blind_until_s = self._jumped_s = -math.inf

    def settle(self) -> None:
        """The scene has come to rest: what it looks like now is the background."""
        if self._recent:
            self._background = self._recent[-1]

    def compare(self, view: View, reference: View) -> Change:
        """What differs between two views, light and noise taken out. Learns nothing."""
        return self._compare(view, reference).all

    def _compare(self, view: View, reference: View) -> Changes:
        return self._comparing.between(view, reference, fit_light(view, reference, self._look))

    def differing(self, view: View, reference: View) -> list[Region]:
        """Regions that differ between two views, clear ones first, then by size."""
        changes = self._compare(view, reference)
        found = _found(changes, changes, self.min_area_px(view))
        return [r for r in found if not is_only_light(r, view, reference, changes.of(r))]

    def changes_since_background(self, view: View) -> list[Region]:
        """Regions that differ from the last quiet background, clear ones first."""
        if self._background is None:
            return []
        return self.differing(view, self._background)

    def unlearn(self, box: Box) -> None:
        """What moved here lately was a thing on its way, not the scene itself."""
        self._comparing.unrest.unlearn(box)

    def step(
        self,
        view: View,
        things: tuple[Box, ...] = (),
        travelled: tuple[Box, ...] = (),
        *,
        is_moving: bool = False,
    ) -> Motion:
        """Motion in the next picture; `things` are known to be on their way.

        `travelled` are boxes of all that has come a way: what changes there is no lamp's doing.
        `is_moving` tells that a movement is going on, whose traces are to be kept apart.
        """
        self._absorb_s = _KEEP_S if is_moving else _ABSORB_S
        if not self._recent:
            self._recent.append(view)
            self._background = view
            return Motion([], 0.0, is_light=False)
        previous = self._recent[-1]
        reference = self._lagged(view.pts_s)
        fit = fit_light(view, reference, self._look)
        changes = self._comparing.between(view, reference, fit)
        change = changes.clear
        if self._is_light_jump(view, reference, change, fit, travelled):
            if view.pts_s >= self._blind_until_s:
                self._jumped_s = view.pts_s
            self._blind_until_s = view.pts_s + _SETTLE_S
        if self._is_blind(view, fit):
            self._recent.clear()
            self._recent.append(view)
            self._background = view
            return Motion([], 0.0, is_light=True, change=changes.all)
        self._recent.append(view)
        if self._is_turning(view, reference, change):
            self._background = view
            return Motion([], 0.0, is_light=False, change=changes.all, is_turning=True)
        elapsed_s = view.pts_s - previous.pts_s
        self._comparing.noise.learn(change.difference, elapsed_s)
        regions, only_lit = self._regions(view, reference, changes)
        if fit.step < NEW_LIGHT:  # what remains of a change of light is not the scene's own
            is_still = changes.all.is_still
            self._comparing.unrest.learn(change, elapsed_s, things, is_still=is_still)
        share = cv2.countNonZero(changes.all.mask) / self._look.num_px(view.shape)
        share = share if regions else 0.0
        return Motion(regions, share, is_light=False, change=changes.all, only_lit=only_lit)

    def _regions(
        self, view: View, reference: View, changes: Changes
    ) -> tuple[list[Region], tuple[Region, ...]]:
        """Where something moves, and where only the light does."""
        background = self._background if self._background is not None else reference
        min_area_px = self.min_area_px(view)
        has_moved = cv2.countNonZero(changes.all.mask) * 2 >= min_area_px
        is_due = view.pts_s - background.pts_s >= _LEARN_EVERY_S
        if not (has_moved or is_due):
            return [], ()
        fit = fit_light(view, background, self._look)
        since = self._comparing.between(view, background, fit)
        regions: list[Region] = []
        only_lit: tuple[Region, ...] = ()
        if has_moved:
            found = _found(changes, since, min_area_px)
            is_lit = [
                is_only_light(region, view, reference, changes.of(region))
                and is_only_light(region, view, background, since.of(region))
                for region in found
            ]
            regions = [region for region, lit in zip(found, is_lit, strict=True) if not lit]
            only_lit = tuple(region for region, lit in zip(found, is_lit, strict=True) if lit)
            is_doubtful = changes.clear.light_step > RAMP_STEP or not self._comparing.unrest.is_warm
            regions = self._with_unrest(regions, view.shape, is_doubtful=is_doubtful)
        if is_due:
            self._learn_background(
                view, background, since.clear, fit, _moving(changes.clear, regions)
            )
        return regions, only_lit

    def _learn_background(
        self, view: View, background: View, since: Change, fit: LightFit, moving: Mask | None
    ) -> None:
        elapsed_s = view.pts_s - background.pts_s
        quick = np.float32(1 - math.exp(-elapsed_s / _BACKGROUND_S))
        slow = np.float32(1 - math.exp(-elapsed_s / self._absorb_s))
        learned = fit.applied_to(background.soft)
        if since.is_still and moving is None:
            learned += since.signed * quick
        else:
            rate = np.full(view.shape, quick)
            np.copyto(rate, slow, where=_around(since.mask))
            if moving is not None:
                np.copyto(rate, np.float32(0), where=_around(moving))
            learned += since.signed * rate
        self._background = View(learned, view.pts_s, view.luma)

    def _with_unrest(
        self, regions: list[Region], shape: tuple[int, int], *, is_doubtful: bool
    ) -> list[Region]:
        """The regions, marked where the scene moves by itself; `is_doubtful`, all of them."""
        if is_doubtful:
            return [replace(region, is_restless=True) for region in regions]
        unrest = self._comparing.unrest
        marked = []
        for region in regions:
            restless = unrest.faintly_restless if region.is_faint else unrest.restless
            if restless is not None:
                x1, y1, x2, y2 = region.box.to_px(shape[1], shape[0])
                part = restless[y1:y2, x1:x2]
                if cv2.countNonZero(part) >= _RESTLESS_SHARE * part.size:
                    region = replace(region, is_restless=True)  # noqa: PLW2901
            marked.append(region)
        return marked

    def _is_light_jump(
        self, view: View, reference: View, change: Change, fit: LightFit, travelled: tuple[Box, ...]
    ) -> bool:
        """Whether so much changed at once that it can only be light."""
        least = self._settings.lightning_threshold
        if self._lit_anew(view, reference) < least:
            return False
        if min(view.edge_energy, reference.edge_energy) < BLANK_ENERGY:
            return True
        if not 1 / _MAX_GAIN < fit.gain < _MAX_GAIN:
            return True
        if _num_changed_beside(travelled, change.mask) < _UNFITTED * change.mask.size:
            return False  # gain and offset account for it, and what is left can be looked at
        if self._lit_anew(view, self._recent[-1]) < _AT_ONCE * least:
            return False  # exposure runs, as it does when something large and bright comes
        return edge_agreement(view, reference) > KEPT_EDGES

    def _lit_anew(self, view: View, before: View) -> float:
        """The share, 0..1, of what is looked at that is clearly brighter or darker than before."""
        raw = cv2.absdiff(view.coarse, before.coarse)
        shape = (raw.shape[0], raw.shape[1])
        changed = np.count_nonzero((raw > self._settings.threshold) * self._look.mask(shape))
        return changed / self._look.num_px(shape)

    def _is_turning(self, view: View, reference: View, change: Change) -> bool:
        if change.is_still:
            return False
        moved = (
            area_means(change.difference, CELLS) > _TURNED + 2 * self._comparing.noise.typical_sigma
        )
        num_moved = int(np.count_nonzero(moved))
        return num_moved >= _TURNED_CELLS and is_turning(reference, view)

    def _is_blind(self, view: View, fit: LightFit) -> bool:
        """Whether the light has just jumped, or has not come to rest since (for 3 s at most).

        Meanwhile each picture is compared with the one before it, the only one of its light.
        """
        if view.pts_s < self._blind_until_s:
            return True
        is_settling = (
            len(self._recent) == 1
            and self._background is self._recent[0]
            and fit.step >= _STILL_SETTLING
        )
        return is_settling and view.pts_s - self._jumped_s < _MAX_BLIND_S

    def _lagged(self, now_s: float) -> View:
        """The newest view at least the lag old; drops what is older. The oldest one if none is."""
        while len(self._recent) > 1 and now_s - self._recent[1].pts_s >= _LAG_S - 1e-3:
            self._recent.popleft()
        return self._recent[0]

    def min_area_px(self, view: View) -> int:
        """The smallest region that counts, in pixels of this picture."""
        scale = (view.shape[1] / _REFERENCE_WIDTH_PX) ** 2
        return max(4, round(self._settings.contour_area * self._settings.strictness * scale))


def _num_changed_beside(things: tuple[Box, ...], changed: Mask) -> int:
    """Pixels that have changed where none of the things is, nor can have come meanwhile."""
    beside = changed.copy()
    for box in things:
        x1, y1, x2, y2 = box.expanded(_NEAR).to_px(changed.shape[1], changed.shape[0])
        beside[y1:y2, x1:x2] = 0
    return cv2.countNonZero(beside)


def _found(changes: Changes, since: Changes, min_area_px: int) -> list[Region]:
    """Regions that have changed of late, or since another time: clear ones, then fainter ones."""
    clear = _found_in(changes.clear, since.clear, min_area_px)
    if changes.all is changes.clear and since.all is since.clear:
        return clear
    num_changed = cv2.countNonZero(changes.all.mask | since.all.mask)
    if num_changed - sum(region.area_px for region in clear) < min_area_px:
        return clear
    return clear_and_faint(clear, _found_in(changes.all, since.all, min_area_px))


def _found_in(change: Change, since: Change, min_area_px: int) -> list[Region]:
    strength = change.difference.copy()
    cv2.copyTo(since.difference, since.mask, strength)
    both = change.mask | since.mask
    return find_regions(both, change.mask, since.mask, strength, min_area_px)


def _around(mask: Mask) -> NDArray[np.bool_]:
    """The mask and two pixels around it, as (h, w) bool."""
    return np.asarray(cv2.dilate(mask, np.ones((5, 5), np.uint8)), np.uint8).view(np.bool_)


def _moving(change: Change, regions: list[Region]) -> Mask | None:
    """Where not to learn what the scene looks like; None for nowhere."""
    if change.is_still:
        return None
    height, width = change.mask.shape
    moving = change.mask.copy()
    for region in regions:  # a large plain thing moves at its outline only
        x1, y1, x2, y2 = region.box.to_px(width, height)
        moving[y1:y2, x1:x2] = 1
    return moving
