"""Makes the questions of a batch: a list of typed ones for all pictures, texts for each.

Knows the engine's layouts through `packing`; gives token arrays and right answers, no losses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from transformers import Qwen2TokenizerFast

from edge.demo.train.dims import TOKEN_PX
from edge.demo.train.facts import Case, case_of
from edge.demo.train.packing import Grammar, Packed, Shown, pack
from edge.demo.train.tail import NO_TARGET, Text
from edge.demo.train.topics import Ask, Rng, random_ask
from edge.demo.train.views import View
from edge.demo.train.vocabulary import chat_parts
from edge.demo.train.writing import (
    Writer,
    random_conversation,
    random_description,
    random_text,
)
from edge.vlm.describe import Describer
from edge.vlm.guide import Guides
from edge.vlm.tokens import TokenCoder

PAIR_AT_S = 0.5  # `EngineSettings.before_gap_s` / 2
LENGTHS = ((1, 3), (1, 3), (4, 8), (4, 8), (4, 8), (9, 16), (9, 16), (17, 32))


@dataclass(frozen=True, slots=True)
class Lists:
    """How a batch is asked. `listed` with a list of typed questions; else only texts."""

    listed: bool
    text: bool
    conversation: bool
    description: bool


@dataclass(frozen=True, slots=True)
class Lesson:
    """A packed batch with the right answers: `groups` (B, R) which group of each row's fork is
    right, or NO_TARGET; `options` (B, number of plans) the right option.
    """

    packed: Packed
    asks: tuple[Ask, ...]
    groups: NDArray[np.int64]
    options: NDArray[np.int64]


def build_writer(tokenizer: Qwen2TokenizerFast, num_vocabulary: int) -> Writer:
    """The engine's words and grammar on this tokenizer."""
    ids: Mapping[str, int] = tokenizer.get_vocab()
    coder = TokenCoder(tokenizer.backend_tokenizer)
    chat, following = chat_parts(coder)
    eos = frozenset({ids["<|im_end|>"], ids["<|endoftext|>"]})
    grammar = Grammar(
        coder,
        chat,
        image=ids["<|image_pad|>"],
        vision_start=ids["<|vision_start|>"],
        vision_end=ids["<|vision_end|>"],
        eos=eos,
    )
    guides = Guides(coder, num_vocabulary, eos)
    plan = Describer(coder, num_vocabulary, eos, in_one=True).plan()
    return Writer(grammar, following, ids["<|im_end|>"], guides, plan)


def random_lists(rng: Rng, *, written: bool = True) -> list[Lists]:
    """How one batch is asked: always with a list; now and then also without, if answers are
    `written` at all.
    """
    if not written:
        return [Lists(listed=True, text=False, conversation=False, description=False)]
    first = Lists(True, rng.random() < 0.25, False, rng.random() < 0.2)
    if rng.random() < 0.55:
        return [first]
    kind = rng.random()
    return [first, Lists(False, kind < 0.4, 0.4 <= kind < 0.75, kind >= 0.75)]


def ask_about(rng: Rng, writer: Writer, views: Sequence[View], lists: Lists) -> Lesson:
    """Questions about views of one size and kind, packed."""
    cases = [case_of(view) for view in views]
    asks = _random_asks(rng, cases) if lists.listed else ()
    texts: list[list[Text]] = []
    for wanted, make in (
        (lists.text, random_text),
        (lists.conversation, random_conversation),
        (lists.description, random_description),
    ):
        if wanted:
            texts.append([make(rng, writer, case) for case in cases])
    packed = pack(writer.grammar, shown_of(views[0]), [a.question for a in asks], texts)
    options = np.array(
        [
            [
                ask.question.options.index(said) if (said := ask.answer(case)) is not None else -1
                for ask in asks
            ]
            for case in cases
        ],
        np.int64,
    ).reshape(len(views), len(asks))
    return Lesson(packed, asks, _groups(packed, options), options)


def shown_of(view: View) -> list[Shown]:
    """How the prompt holds a view's pictures: the overview before the crop."""
    at_s = PAIR_AT_S if view.before is not None else None
    crop = Shown(_grid(*view.size_px), at_s)
    return [crop] if view.overview is None else [Shown(_grid(*view.overview.size_px)), crop]


def _grid(width_px: int, height_px: int) -> tuple[int, int]:
    return height_px // TOKEN_PX, width_px // TOKEN_PX


def _random_asks(rng: Rng, cases: Sequence[Case]) -> tuple[Ask, ...]:
    low, high = LENGTHS[int(rng.integers(len(LENGTHS)))]
    pair = cases[0].before is not None
    asks: list[Ask] = []
    for number in range(int(rng.integers(low, high + 1))):
        ask = random_ask(rng, pair=pair)
        other = random_ask(rng, pair=pair)
        if _variety(other, cases) > _variety(ask, cases) and rng.random() < 0.7:
            ask = other
        asks.append(replace(ask, question=replace(ask.question, id=f"q{number}")))
    return tuple(asks)


def _variety(ask: Ask, cases: Sequence[Case]) -> float:
    """How much there is to learn: how many have an answer, and how these differ."""
    answers = [a for a in map(ask.answer, cases) if a is not None]
    if not answers:
        return 0.0
    most = max(answers.count(a) for a in set(answers))
    return len(answers) / len(cases) * (0.2 + 1 - most / len(answers))


def _groups(packed: Packed, options: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each picture and row the group that holds the right option."""
    groups = np.full((len(options), len(packed.rows)), NO_TARGET, np.int64)
    for column, (_, plan, fork) in enumerate(packed.rows):
        for index, members in enumerate(packed.plans[plan].forks[fork].members):
            groups[np.isin(options[:, plan], members), column] = index
    return groups
