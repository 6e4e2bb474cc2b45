"""What the bundled model is asked by box, and where it looks: on drawn yards whose truth is known.

That the yards are what the questions need is tested as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pytest

from edge.conversation import Message, Picture, Turn
from edge.demo.chance import random_moment
from edge.demo.drawing import draw
from edge.demo.train.facts import Facts
from edge.demo.world import Kind, Seen, Truth
from edge.frames import Image
from edge.geometry import Box
from edge.hub.places import DEMO_DIR
from edge.questions import choice, yes_no
from edge.vlm.engine import Engine, open_engine
from edge.vlm.settings import EngineSettings

SEED = 90_101  # no training and no examination draws these
FRAME = (640, 360)
ASKED: tuple[Kind, ...] = ("person", "car", "dog", "parcel", "bicycle")
MARGIN = 0.03  # around the thing, as a share of the frame: as people draw boxes
MIN_TALL_PX = 40
MIN_RIGHT, MIN_LOOKED = 0.95, 0.80
NUM_YARDS = 60


@dataclass(frozen=True, slots=True)
class Yard:
    """A picture with two things apart from each other, of kinds that are there once."""

    picture: Image
    things: tuple[Seen, Seen]


def box_around(thing: Seen) -> Box:
    return thing.box.expanded(MARGIN)


def asked_things(truth: Truth) -> Iterator[Seen]:
    """Those that are plainly seen, and the only ones of their kind."""
    facts = Facts(truth, 1.0, FRAME[1])
    for kind in ASKED:
        thing = facts.only(kind)
        if thing is not None and thing.visible > 0.8 and thing.height_px >= MIN_TALL_PX:
            yield thing


def yards(num: int) -> Iterator[Yard]:
    """Yards by chance, the same ones each time."""
    found, number = 0, 0
    while found < num:
        rng = np.random.default_rng((SEED, number))
        number += 1
        focus = ASKED[int(rng.integers(len(ASKED)))]
        drawn = draw(random_moment(rng, clutter=0.8, focus=focus), *FRAME)
        for one, other in combinations(asked_things(drawn.truth), 2):
            boxes = box_around(one), box_around(other)
            parts = [Facts(drawn.cropped(box).truth, 1.0, FRAME[1]) for box in boxes]
            alone = [
                [kind for kind in ASKED if part.has(kind) is not False] == [thing.kind]
                for part, thing in zip(parts, (one, other), strict=True)
            ]
            if boxes[0].intersection(boxes[1]) is None and all(alone):
                found += 1
                yield Yard(drawn.picture, (one, other))
                break


@pytest.fixture(scope="module")
def trained() -> Iterator[Engine]:
    with open_engine(EngineSettings(DEMO_DIR)) as engine:
        yield engine


@pytest.fixture(scope="module")
def shown() -> list[Yard]:
    """Drawn once: that takes longer than looking at them."""
    return list(yards(NUM_YARDS))


def named_in(engine: Engine, picture: Image, box: Box) -> str:
    """What the model names of the part of the picture in the box."""
    question = choice("which", "What is in the picture?", ASKED)
    message = Message("user", (Picture(picture, box),))
    return engine.talk(Turn("t", messages=(message,), questions=(question,))).answers[0].value


def share_looked_at(engine: Engine, picture: Image, thing: Seen) -> float:
    """How much of the attention lies on the thing when it is asked for, 0..1."""
    question = yes_no("there", f"Is there a {thing.kind} in the picture?")
    message = Message("user", (Picture(picture),))
    turn = Turn("t", messages=(message,), questions=(question,), heatmap=True)
    (seen,) = engine.talk(turn).attention
    return seen.share_in(box_around(thing))


def test_yards_show_two_things_apart(shown: list[Yard]) -> None:
    for yard in shown:
        one, other = yard.things
        assert one.kind != other.kind
        assert box_around(one).intersection(box_around(other)) is None
    assert len({thing.kind for yard in shown for thing in yard.things}) > 2


def test_a_question_about_a_box_is_answered_for_what_is_in_it(
    trained: Engine, shown: list[Yard]
) -> None:
    asked = [(yard, thing) for yard in shown for thing in yard.things]
    right = [
        named_in(trained, yard.picture, box_around(thing)) == thing.kind for yard, thing in asked
    ]
    assert np.mean(right) >= MIN_RIGHT


def test_the_heatmap_lies_on_what_is_asked_for(trained: Engine, shown: list[Yard]) -> None:
    """More than a half of its mass, which the things by their size would have a tenth of."""
    looked = [share_looked_at(trained, yard.picture, yard.things[0]) > 0.5 for yard in shown]
    assert np.mean(looked) >= MIN_LOOKED
