"""The examination: pictures and questions that training never saw, put to an exported model.

Run on the engine itself, as a camera's keyframes are. The pictures come from a seed that training
does not use; the questions are worded by chance. `evaluate` makes figures of the answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np

from edge.demo.chance import Focus, random_moment
from edge.demo.drawing import Drawn, draw
from edge.demo.train import topics
from edge.demo.train.facts import Case, Facts
from edge.demo.train.topics import Ask, Rng
from edge.demo.train.views import interesting_boxes
from edge.demo.train.wordings import READ_ON
from edge.demo.world import Kind
from edge.geometry import Box
from edge.questions import View as Part
from edge.questions import text

EXAM_SEED = 90_001  # the first number of the generator's seeds; training's is the user's
FRAME = (640, 360)
KINDS: tuple[Kind, ...] = ("person", "car", "dog", "parcel", "bicycle", "fire")
FOCUSES: tuple[Focus | None, ...] = (None, None, None, *get_args(Focus))
MOVING = {"person", "car", "dog", "parcel", "bicycle"}


@dataclass(frozen=True, slots=True)
class Sheet:
    """A drawn frame, where the model is to look, and what it is asked there."""

    number: int
    drawn: Drawn
    boxes: tuple[Box, ...]
    asks: tuple[Ask, ...]


def sheets(num: int, *, whole: bool, seed: int = EXAM_SEED) -> Iterator[Sheet]:
    """Sheets of ten typed questions, about crops around what moved or whole frames."""
    for number in range(num):
        rng = np.random.default_rng((seed, int(whole), number))
        focus = FOCUSES[int(rng.integers(len(FOCUSES)))]
        drawn = draw(random_moment(rng, clutter=float(rng.uniform(0.2, 1)), focus=focus), *FRAME)
        boxes = () if whole else crop_boxes(rng, drawn)
        yield Sheet(number, drawn, boxes, ask_all(rng))


def reading_sheets(num: int, *, seed: int = EXAM_SEED) -> Iterator[Sheet]:
    """Sheets of one question to which the answer is written: a text of up to five characters."""
    for number in range(num):
        rng = np.random.default_rng((seed, 2, number))
        drawn = draw(random_moment(rng, clutter=float(rng.uniform(0.2, 1)), focus="text"), *FRAME)
        texts = [t for t in drawn.truth.texts if t.kind != "instruction" and t.visible > 0.9]
        if not texts:
            continue
        found = texts[int(rng.integers(len(texts)))]
        wording = topics.pick(rng, READ_ON[found.on])
        ask = Ask(text("read", wording, 20), _reader(found.on), "read")
        yield Sheet(number, drawn, (found.box.expanded(0.03),), (ask,))


def crop_boxes(rng: Rng, drawn: Drawn) -> tuple[Box, ...]:
    """What a motion detector would show: one or two of the things that move, else anything."""
    moving = [seen.box for seen in drawn.truth.seen if seen.kind in MOVING and seen.visible > 0.1]
    if not moving or rng.random() < 0.15:
        return topics.pick(rng, interesting_boxes(rng, drawn))
    chosen = rng.permutation(len(moving))[: 1 + int(rng.random() < 0.3)]
    return tuple(moving[int(i)] for i in chosen)


def ask_all(rng: Rng) -> tuple[Ask, ...]:
    """One question of each line of the table, in random order."""
    asks = [topics.presence(rng, kind) for kind in KINDS]
    asks += [topics.door_state(rng), topics.car_colour(rng), topics.parcel_place(rng)]
    asks.append(topics.counting(rng, "person"))
    ordered = [asks[int(i)] for i in rng.permutation(len(asks))]
    return tuple(
        replace(ask, question=replace(ask.question, id=f"q{n}")) for n, ask in enumerate(ordered)
    )


def case_of_part(drawn: Drawn, part: Part) -> Case:
    """The facts of what the engine was shown of a frame."""
    box = part.box
    truth = drawn.cropped(box).truth
    scale = part.height_px / ((box.y2 - box.y1) * drawn.owner.shape[0])
    return Case(Facts(truth, scale, part.height_px))


def _reader(on: str) -> Callable[[Case], str | None]:
    def answer(case: Case) -> str | None:
        found = case.now.legible((on,))
        return None if found is None else found.text

    return answer
