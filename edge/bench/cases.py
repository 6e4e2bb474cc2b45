"""What is asked in a bench: rules, wordings, pictures. The same for every side.

Pictures are drawn from a seed made of the case's size and the round, so that both sides see the
same one and no side sees one twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from edge.frames import Image
from edge.questions import Question, yes_no

CaseKind = Literal["verdict", "describe", "text", "long_text", "follow_up", "follow_up_text"]

RULES = (
    "Is there a person in the picture?",
    "Is there a parcel on the doorstep?",
    "Is a vehicle parked in front of the gate?",
    "Is the gate open?",
    "Is it raining or snowing?",
    "Is there a dog or a cat?",
    "Is somebody lying on the ground?",
    "Is there smoke or fire?",
    "Is the light above the door on?",
    "Is a window open?",
    "Is somebody carrying a box?",
    "Is there a bicycle?",
    "Is the waste bin at the kerb?",
    "Is somebody climbing over the fence?",
    "Is there a ladder against the wall?",
    "Is there water on the floor?",
    "Is somebody wearing a helmet?",
    "Is a child alone in the picture?",
    "Is the garage door open?",
    "Is there a delivery van?",
    "Is somebody looking into the camera?",
    "Is a glass pane broken?",
    "Is there snow on the steps?",
    "Is a bird on the feeder?",
    "Is somebody running?",
    "Is a bag left behind?",
    "Is the machine's lamp red?",
    "Is the shelf empty?",
    "Is somebody behind the counter?",
    "Is there a queue of people?",
    "Is the letter box full?",
    "Is the camera's view blocked?",
)
SHORT_TEXT = "What is the person at the door wearing?"
# Before a follow-up is measured, the picture was shown and a question asked.
FIRST_QUESTION, FOLLOW_UP = "Is there a person in the picture?", "Is it a woman?"
LONG_TEXT = " ".join(
    f"Think of rule {n}: {rule} Say what speaks for it and what against it."
    for n, rule in enumerate(RULES[:16], start=1)
)
DESCRIPTION_RULES = 8  # rules whose verdicts come with the description
# What is written as a description, whatever the model would say: one with random weights never ends
# a string. 41 tokens of Qwen's vocabulary, of which 24 are the model's to choose (one more in
# parts).
DOCUMENT = (
    '{"summary": "A courier puts a parcel down.", "objects": ["courier", "parcel", "door"], '
    '"texts": ["DHL"], "spatial_relations": ["parcel at door"]}'
)
LIMIT_RULES, LIMIT_PX = 8, (256, 192)  # the pass whose least time is worked out


@dataclass(frozen=True, slots=True)
class Case:
    """One thing to measure."""

    kind: CaseKind
    width_px: int
    height_px: int
    num_rules: int = 0

    @property
    def size(self) -> str:
        """The picture's size as people write it."""
        return f"{self.width_px}x{self.height_px}"

    @property
    def rules(self) -> tuple[str, ...]:
        """The wordings of the rules asked."""
        return RULES[: self.num_rules]

    @property
    def questions(self) -> tuple[Question, ...]:
        """The rules as yes/no questions."""
        return tuple(yes_no(f"rule{n}", wording) for n, wording in enumerate(self.rules, start=1))

    def picture(self, round_index: int) -> Image:
        """The picture of this size and round, (H, W, 3) uint8 RGB: shapes in noise."""
        seed = (self.width_px, self.height_px, round_index + 100)
        rng = np.random.default_rng(seed)
        image = rng.integers(0, 60, (self.height_px, self.width_px, 3), dtype=np.uint8)
        for _ in range(12):
            x, y = rng.integers(0, self.width_px), rng.integers(0, self.height_px)
            w, h = rng.integers(8, 96, 2)
            image[y : y + h, x : x + w] += rng.integers(0, 190, 3, dtype=np.uint8)
        return image


@dataclass(frozen=True, slots=True)
class Plan:
    """What a bench measures and how often. `against` are the cases run on both sides."""

    cases: tuple[Case, ...]
    against: frozenset[Case]
    rounds: int
    warm_ups: int


def build_plan(*, quick: bool, rounds: int) -> Plan:
    """The full plan, or a short one for a first look and for tests."""
    sizes = ((256, 192), (640, 352)) if quick else ((256, 160), (256, 192), (256, 256), (640, 352))
    numbers = (1, 8) if quick else (1, 8, 16, 32)
    verdicts = [Case("verdict", *size, num) for size in sizes for num in numbers]
    both = ((256, 192), (640, 352))
    describes = [Case("describe", *size, DESCRIPTION_RULES) for size in both]
    texts = [Case("text", *LIMIT_PX), Case("long_text", *LIMIT_PX)]
    follow_ups = [Case("follow_up", *both[1]), Case("follow_up_text", *both[1])]
    shared = [Case("verdict", *size, DESCRIPTION_RULES) for size in both]
    return Plan(
        cases=(*verdicts, *describes, *texts, *follow_ups),
        against=frozenset((*shared, *describes, *follow_ups)),
        rounds=rounds,
        warm_ups=1,
    )
