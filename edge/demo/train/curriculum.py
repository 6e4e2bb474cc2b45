"""What is learned in which order: seeing, talking, then both together.

1. see: the vision tower alone says what every part of a picture shows; one large thing first, then
   more and more around it.
2. talk: the language model alone learns the engine's ways of asking, on labels instead of pictures.
3. join: both together on pictures and questions, the labels as a lesser task.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from edge.demo.train.asking import Lesson, ask_about, build_writer, random_lists
from edge.demo.train.dims import NUM_VOCABULARY
from edge.demo.train.loop import Outcome, Scores, Stage, Step, replayed
from edge.demo.train.speaking import Heard, hear, speak, typed_answers, written_right
from edge.demo.train.teaching import look_at, score, target_of, teach
from edge.demo.train.trainee import Trainee
from edge.demo.train.views import Mixture, View, endless_batches
from edge.demo.train.vocabulary import build_tokenizer
from edge.demo.train.writing import Writer

KEPT_BATCHES = 120
REPLAYS = 2
SCORE_EVERY = 5
SYMBOL_NOISE = 0.08
LABELS_FRAC = 0.3  # weight of the labels once questions are learned on pictures
FULL = Mixture()

Open = Callable[[tuple[int, ...]], Step]


def seeing(mixture: Mixture) -> Open:
    """The vision tower alone, on labels."""

    def start(seed: tuple[int, ...]) -> Step:
        batches = _batches(seed, mixture)

        def step(trainee: Trainee, number: int) -> Outcome:
            views = next(batches)
            target = target_of(views)
            image = trainee.image
            sight = look_at(image.visual, views)
            losses = teach(image.heads, sight, target)
            scores = score(image.heads, sight, target) if number % SCORE_EVERY == 0 else {}
            return Outcome(losses, scores, len(views))

        return step

    return start


def talking(mixture: Mixture) -> Open:
    """The language model alone, on symbols."""

    def start(seed: tuple[int, ...]) -> Step:
        batches = _batches(seed, mixture)
        rng = np.random.default_rng((*seed, 98))
        torch.manual_seed(int(rng.integers(2**31)))
        writer = build_writer(build_tokenizer(NUM_VOCABULARY), NUM_VOCABULARY)

        def step(trainee: Trainee, number: int) -> Outcome:
            views = next(batches)
            target = target_of(views)
            symbols = trainee.image.heads.symbols(target)
            symbols = symbols + SYMBOL_NOISE * torch.randn_like(symbols)
            losses, scores = _ask(trainee, rng, writer, views, symbols, (), number)
            return Outcome(losses, scores, len(views))

        return step

    return start


def joining(mixture: Mixture) -> Open:
    """Both, on pictures and questions."""

    def start(seed: tuple[int, ...]) -> Step:
        batches = _batches(seed, mixture)
        rng = np.random.default_rng((*seed, 98))
        writer = build_writer(build_tokenizer(NUM_VOCABULARY), NUM_VOCABULARY)

        def step(trainee: Trainee, number: int) -> Outcome:
            views = next(batches)
            target = target_of(views)
            image = trainee.image
            sight = look_at(image.visual, views)
            taught = teach(image.heads, sight, target)
            del taught["symbols"]  # the tokens are free now to say more
            losses = {name: LABELS_FRAC * loss for name, loss in taught.items()}
            scores = score(image.heads, sight, target) if number % SCORE_EVERY == 0 else {}
            asked, answered = _ask(
                trainee, rng, writer, views, sight.tokens, sight.deepstack, number
            )
            return Outcome(losses | asked, scores | answered, len(views))

        return step

    return start


def build_stages() -> list[Stage]:
    """The curriculum. Steps are of all processes together."""
    return [
        Stage("see-large", 900, seeing(Mixture(0.3, 0.02, 0.0, 0.0, 0.1, low=True))),
        Stage("see-some", 700, seeing(Mixture(0.9, 0.05, 0.0, 0.08, 0.2, low=True))),
        Stage(
            "talk", 1200, talking(Mixture(0.9, 0.03, 0.03, 0.08, 0.2, 0.06, low=True)), batches=2
        ),
        Stage("see-all", 2000, seeing(FULL)),
        Stage("join", 8000, joining(replace(FULL, overview_frac=0.1)), batches=2),
    ]


def _ask(
    trainee: Trainee,
    rng: np.random.Generator,
    writer: Writer,
    views: list[View],
    tokens: Tensor,
    deepstack: tuple[Tensor, ...],
    number: int,
) -> tuple[dict[str, Tensor], Scores]:
    """The losses and scores of all questions about a batch."""
    language = trainee.image.language
    losses: dict[str, Tensor] = {}
    scores: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for lists in random_lists(rng):
        lesson = ask_about(rng, writer, views, lists)
        heard = hear(language, lesson.packed, tokens, deepstack)
        for name, loss in speak(language, heard, lesson).items():
            losses[name] = losses[name] + loss if name in losses else loss
        if number % SCORE_EVERY == 0:
            for name, (right, asked) in answer_scores(language, heard, lesson).items():
                scores[name][0] += right
                scores[name][1] += asked
    return losses, {name: (right, asked) for name, (right, asked) in scores.items()}


def answer_scores(language: Any, heard: Heard, lesson: Lesson) -> Scores:
    """(right, asked) for each group of questions."""
    scores: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    answers = typed_answers(language, heard)
    for picture, said in enumerate(answers):
        for ask, shares, right in zip(lesson.asks, said, lesson.options[picture], strict=True):
            if right >= 0:
                best = max(shares, key=lambda option: shares[option])
                name = f"q {ask.group}"
                scores[name][0] += best == ask.question.options[right]
                scores[name][1] += 1
    right, asked = written_right(language, heard)
    scores["written"] = [right, asked]
    return {name: (right, asked) for name, (right, asked) in scores.items()}


def _batches(seed: tuple[int, ...], mixture: Mixture) -> Iterator[list[View]]:
    rng = np.random.default_rng((*seed, 99))
    return replayed(endless_batches(seed, mixture), rng, KEPT_BATCHES, REPLAYS)
