"""Endless pictures to learn from: crops, whole frames and pairs, cut as the engine cuts them.

Draws random moments and takes from each a few views, around the things in it, with labels and
truth. Views of one size are gathered until they fill a batch. The same seed and curriculum give the
same views. Knows nothing of questions and models.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from edge.demo.chance import Focus, random_moment
from edge.demo.drawing import Drawn, draw
from edge.demo.grounds import ORDERS
from edge.demo.story import Story
from edge.demo.train.dims import TOKEN_PX
from edge.demo.train.labels import Labels, label, mark_change
from edge.demo.world import Moment, Truth
from edge.frames import Image
from edge.geometry import Box, union_of
from edge.vlm.crop import Crop, SizeRules, choose_crop, choose_region
from edge.vlm.pixels import cut
from edge.vlm.settings import DEFAULT_MAX_PIXELS, DEFAULT_MIN_PIXELS, OVERVIEW_PIXELS

BATCH_TOKENS = 768  # visual tokens of one batch: 16 crops of 256x192, 3 whole frames
MAX_BATCH = 32
REGION_FRAC = 0.08  # of all crops
CROP_MARGIN = 0.15  # `EngineSettings.crop_margin`
FRAME_SIZES = ((640, 360), (640, 360), (640, 360), (512, 288), (768, 432), (960, 540))
LOW_SIZES = ((320, 180), (320, 180), (384, 216), (448, 252))
MAX_WAITING = 800
STORY_SEEDS = (1_000_000, 2_000_000)
STORIES_S, STORY_GAP_S = 1200.0, 4.0
# Small, rare or easily mixed up things oftener than they happen to come.
FOCUSES: tuple[Focus | None, ...] = (
    *(None, None, *get_args(Focus)),
    *("dog", "dog", "parcel", "parcel", "car", "bicycle", "fire", "text"),
)


@dataclass(frozen=True, slots=True)
class Mixture:
    """What is drawn now. `clutter` is the most; shares are of all views. `low` draws small frames
    and cuts the least around things: a fifth of the work, for beginners.
    """

    clutter: float = 1.0
    whole_frac: float = 0.08
    small_frac: float = 0.04
    pair_frac: float = 0.12
    story_frac: float = 0.25
    overview_frac: float = 0.0
    low: bool = False


@dataclass(frozen=True, slots=True)
class Overview:
    """The whole frame, small, before a crop: `picture` (H, W, 3), the frame's truth, its scale as
    in `View`, and where in the frame the crop lies.
    """

    picture: Image
    truth: Truth
    labels: Labels
    scale: float
    crop: Box

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height as fed."""
        return self.picture.shape[1], self.picture.shape[0]


@dataclass(frozen=True, slots=True)
class View:
    """What the model is shown: `pictures` (T, H, W, 3) uint8, T = 2 for before and after; before it
    perhaps an overview.

    `scale` is fed pixels per pixel of the drawing, with which sizes in the truth are multiplied.
    """

    pictures: NDArray[np.uint8]
    truth: Truth
    before: Truth | None
    labels: Labels
    scale: float
    overview: Overview | None = None

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height as fed."""
        return self.pictures.shape[2], self.pictures.shape[1]


def endless_views(seed: tuple[int, ...], mixture: Mixture) -> Iterator[View]:
    """Views without end; `seed` names the stream."""
    number = 0
    while True:
        rng = np.random.default_rng((*seed, number))
        yield from draw_views(rng, mixture)
        number += 1


def endless_batches(seed: tuple[int, ...], mixture: Mixture) -> Iterator[list[View]]:
    """Views of one size and kind, as many as make BATCH_TOKENS."""
    waiting: dict[tuple[int, ...], list[View]] = defaultdict(list)
    num_waiting = 0
    for view in endless_views(seed, mixture):
        key = view.pictures.shape + (view.overview.size_px if view.overview else ())
        waiting[key].append(view)
        num_waiting += 1
        if len(waiting[key]) == batch_size(*view.size_px):
            num_waiting -= len(waiting[key])
            yield waiting.pop(key)
        elif num_waiting > MAX_WAITING:
            rarest = min(waiting, key=lambda k: len(waiting[k]))
            num_waiting -= len(waiting.pop(rarest))


def batch_size(width_px: int, height_px: int) -> int:
    """How many pictures of a size make a batch."""
    return max(2, min(MAX_BATCH, BATCH_TOKENS * TOKEN_PX**2 // (width_px * height_px)))


def draw_views(rng: np.random.Generator, mixture: Mixture) -> list[View]:
    """A random moment, seen in one to three ways."""
    sizes = LOW_SIZES if mixture.low else FRAME_SIZES
    size = sizes[int(rng.integers(len(sizes)))]
    is_pair = rng.random() < mixture.pair_frac
    if rng.random() < mixture.story_frac:
        moment, earlier = story_moments(rng)
    else:
        clutter = float(rng.uniform(0, mixture.clutter))
        focus = FOCUSES[int(rng.integers(len(FOCUSES)))]
        moment = random_moment(rng, clutter=clutter, focus=focus)
        earlier = moment_before(rng, moment) if is_pair else moment
    drawn = draw(moment, *size)
    before = draw(earlier, *size) if is_pair else None
    kind = rng.random()
    if kind < mixture.whole_frac:
        rules = SizeRules(TOKEN_PX, DEFAULT_MIN_PIXELS, DEFAULT_MAX_PIXELS)
        return [view_of(drawn, before, choose_crop(*size, (), 0.0, rules))]
    if kind < mixture.whole_frac + mixture.small_frac:
        return [view_of(drawn, before, overview_crop(*size))]
    boxes = interesting_boxes(rng, drawn)
    chosen = rng.permutation(len(boxes))[: 2 if before else 4]
    crops = [random_crop(rng, size, boxes[int(i)], mixture) for i in chosen]
    views = [view_of(drawn, before, crop) for crop in crops]
    if rng.random() >= mixture.overview_frac:
        return views
    return [
        replace(view, overview=overview_of(drawn, crop)) if crop.is_part_of(*size) else view
        for view, crop in zip(views, crops, strict=True)
    ]


def interesting_boxes(rng: np.random.Generator, drawn: Drawn) -> list[tuple[Box, ...]]:
    """What a crop may be cut around: things, as motion boxes show them, and anything else."""
    truth = drawn.truth
    things = [seen.box for seen in truth.seen]
    found: list[tuple[Box, ...]] = [(_jittered(rng, box),) for box in things]
    if len(things) > 1:
        pair = rng.permutation(len(things))[:2]
        found.append(tuple(_jittered(rng, things[int(i)]) for i in pair))
    if truth.door is not None and truth.door.visible > 0.5:
        found.append((_jittered(rng, truth.door.box),))
    found += [
        (_jittered(rng, text.box.expanded(0.03)),) for text in truth.texts if text.visible > 0.9
    ]
    found.append((_random_box(rng),))
    return found


def random_crop(
    rng: np.random.Generator, size: tuple[int, int], boxes: tuple[Box, ...], mixture: Mixture
) -> Crop:
    """The engine's crop around boxes, for a list of questions of some length; now and then what it
    shows of a region that a person chose.
    """
    if rng.random() < REGION_FRAC and (region := union_of(boxes)) is not None:
        rules = SizeRules(TOKEN_PX, DEFAULT_MIN_PIXELS, DEFAULT_MAX_PIXELS)
        return choose_region(*size, region.expanded(float(rng.uniform(0, 0.05))), rules)
    rest = None if mixture.low else int(rng.integers(6, 40))
    rules = SizeRules(TOKEN_PX, DEFAULT_MIN_PIXELS, DEFAULT_MAX_PIXELS, rest_tokens=rest)
    return choose_crop(*size, boxes, CROP_MARGIN, rules)


def story_moments(rng: np.random.Generator) -> tuple[Moment, Moment]:
    """A moment out of the demo's stories, and one some seconds before; never the demo's own."""
    order = ORDERS[int(rng.integers(len(ORDERS)))].replace("\n", " ")
    story = Story(
        seed=int(rng.integers(*STORY_SEEDS)),
        events="tamper" if rng.random() < 0.1 else "all",
        sign=order if rng.random() < 0.25 else "",
    )
    t_s = float(rng.uniform(STORY_GAP_S, STORIES_S))
    return story.moment_at(t_s), story.moment_at(t_s - float(rng.uniform(0.5, STORY_GAP_S)))


def moment_before(rng: np.random.Generator, moment: Moment) -> Moment:
    """How the yard may have looked a second before: something else, or somewhere else."""
    things = list(moment.things)
    seed = int(rng.integers(2**31))
    if things and rng.random() < 0.55:
        things.pop(int(rng.integers(len(things))))
    if rng.random() < 0.35:
        other = random_moment(rng, clutter=0.0, focus=("person", "car", "parcel")[rng.integers(3)])
        things += other.things
    moved = [
        replace(t, foot=(t.foot[0] + float(rng.normal(0, 0.03)), t.foot[1]), phase=rng.random())
        if t.kind in {"person", "car", "dog"} and rng.random() < 0.5
        else t
        for t in things
    ]
    door = moment.door
    if rng.random() < 0.2:
        door = ("closed", "ajar", "open")[int(rng.integers(3))]
    return replace(moment, things=tuple(moved), door=door, seed=seed)


def view_of(drawn: Drawn, before: Drawn | None, crop: Crop) -> View:
    """What the engine feeds for a crop, with its truth and labels."""
    height_px, width_px = drawn.owner.shape
    box = crop.view(width_px, height_px).box
    part = drawn.cropped(box)
    truth = part.truth
    labels = label(part, truth, crop.width_px, crop.height_px)
    pictures: list[Image] = [cut(drawn.picture, crop)]
    truth_before = None
    if before is not None:
        part_before = before.cropped(box)
        truth_before = part_before.truth
        labels_before = label(part_before, truth_before, crop.width_px, crop.height_px)
        labels = mark_change(labels, labels_before)
        pictures.insert(0, cut(before.picture, crop))
    scale = crop.height_px / (crop.y2 - crop.y1)
    return View(np.stack(pictures), truth, truth_before, labels, scale)


def overview_crop(width_px: int, height_px: int) -> Crop:
    """The whole frame at the size of an overview."""
    return choose_crop(width_px, height_px, (), 0.0, SizeRules(TOKEN_PX, 0, OVERVIEW_PIXELS))


def overview_of(drawn: Drawn, crop: Crop) -> Overview:
    """What the engine shows before a crop where overviews are switched on."""
    height_px, width_px = drawn.owner.shape
    small = overview_crop(width_px, height_px)
    truth = drawn.truth
    return Overview(
        picture=cut(drawn.picture, small),
        truth=truth,
        labels=label(drawn, truth, small.width_px, small.height_px),
        scale=small.height_px / height_px,
        crop=crop.view(width_px, height_px).box,
    )


def _jittered(rng: np.random.Generator, box: Box) -> Box:
    """A box as motion detection would give it: not quite the thing's."""
    dx1, dx2 = rng.normal(0, 0.08, 2) * box.width
    dy1, dy2 = rng.normal(0, 0.08, 2) * box.height
    return _clipped(box.x1 + dx1, box.y1 + dy1, box.x2 + dx2, box.y2 + dy2)


def _random_box(rng: np.random.Generator) -> Box:
    width, height = rng.uniform(0.05, 0.5, 2)
    x, y = rng.uniform(0, 1 - width), rng.uniform(0, 1 - height)
    return _clipped(x, y, x + width, y + height)


def _clipped(x1: float, y1: float, x2: float, y2: float) -> Box:
    left, top = float(np.clip(x1, 0, 0.98)), float(np.clip(y1, 0, 0.98))
    right, bottom = float(np.clip(x2, left + 0.02, 1)), float(np.clip(y2, top + 0.02, 1))
    return Box(left, top, right, bottom)
