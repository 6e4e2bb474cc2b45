"""What is learned in which order: seeing, talking, then both together.

1. see: the vision tower alone says what every part of a picture shows; one large thing first, then
   more and more around it, and then letters on pages full of them.
2. talk: the language model alone learns the engine's ways of asking, on labels instead of pictures,
   with rare answers counting as much as usual ones.
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
from edge.demo.train.pages import BATCH as PAGE_BATCH
from edge.demo.train.pages import Pages
from edge.demo.train.speaking import (
    Heard,
    hear,
    pointers_of,
    speak,
    typed_answers,
    written_right,
)
from edge.demo.train.teaching import Target, look_at, score, spell, target_of, teach
from edge.demo.train.trainee import Trainee
from edge.demo.train.views import Mixture, View, endless_batches
from edge.demo.train.vocabulary import build_tokenizer

KEPT_BATCHES = 60
SCENE_EVERY = 3  # steps, while letters are learned
PAGE_EVERY = 2  # steps, while questions are
TALK_REPLAYS = 6  # of pictures that are only talked about, each time with other questions
SCORE_EVERY = 5
SYMBOL_NOISE = 0.08
LABELS_FRAC = 0.3  # weight of the labels once questions are learned on pictures
FULL = Mixture()
CROWDED = Mixture(1.0, 0.35, 0.0, 0.0, 0.1, low=True)  # much is there: as many yes as no
TALKED_ABOUT = Mixture(0.9, 0.03, 0.03, 0.08, 0.2, 0.06, low=True)

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


def spelling(mixture: Mixture, num_rising: int) -> Open:
    """The vision tower alone, on the letters of pages, and on scenes lest these be forgotten.
    `num_rising` is the step at which the pages have come to their highest level.
    """

    def start(seed: tuple[int, ...]) -> Step:
        batches, pages = _batches(seed, mixture), Pages(seed)

        def step(trainee: Trainee, number: int) -> Outcome:
            image = trainee.image
            level = min(1.0, number / num_rising)
            losses, scores = spell(image.heads, image.visual, pages.batch(level))
            num_pictures = PAGE_BATCH
            if number % SCENE_EVERY == 0:
                views = next(batches)
                target = target_of(views)
                sight = look_at(image.visual, views)
                losses |= teach(image.heads, sight, target)
                scores |= score(image.heads, sight, target)
                num_pictures += len(views)
            return Outcome(losses, scores, num_pictures)

        return step

    return start


def talking(mixture: Mixture, *, written: bool) -> Open:
    """The language model alone, on symbols; `written` with answers that are written as well."""

    def start(seed: tuple[int, ...]) -> Step:
        batches = _batches(seed, mixture, TALK_REPLAYS)
        questioner = Questioner(seed, written=written, even=True)

        def step(trainee: Trainee, number: int) -> Outcome:
            views = next(batches)
            target = target_of(views)
            symbols = trainee.image.heads.symbols(target)
            symbols = symbols + SYMBOL_NOISE * torch.randn_like(symbols)
            losses, scores = questioner.ask(trainee, views, target, symbols, (), number)
            return Outcome(losses, scores, len(views))

        return step

    return start


def joining(mixture: Mixture, *, written: bool) -> Open:
    """Both, on pictures and questions; `written` with answers that are written as well, and with
    the tower's tokens free to say more than the symbols.
    """

    def start(seed: tuple[int, ...]) -> Step:
        batches, pages = _batches(seed, mixture), Pages(seed)
        questioner = Questioner(seed, written=written)

        def step(trainee: Trainee, number: int) -> Outcome:
            views = next(batches)
            target = target_of(views)
            image = trainee.image
            sight = look_at(image.visual, views)
            taught = teach(image.heads, sight, target)
            if written:
                del taught["symbols"]
            labels_frac = LABELS_FRAC if written else 1.0
            losses = {name: labels_frac * loss for name, loss in taught.items()}
            scores = score(image.heads, sight, target) if number % SCORE_EVERY == 0 else {}
            asked, answered = questioner.ask(
                trainee, views, target, sight.tokens, sight.deepstack, number
            )
            if written and number % PAGE_EVERY == 0:
                spelled, read = spell(image.heads, image.visual, pages.batch(1.0))
                losses, scores = losses | spelled, scores | read
            return Outcome(losses | asked, scores | answered, len(views))

        return step

    return start


def build_stages() -> list[Stage]:
    """The curriculum. Steps are of all processes together."""
    return [
        Stage("see-large", 900, seeing(Mixture(0.3, 0.02, 0.0, 0.0, 0.1, low=True))),
        Stage("see-some", 700, seeing(Mixture(0.9, 0.05, 0.0, 0.08, 0.2, low=True))),
        Stage("see-all", 1200, seeing(FULL)),
        Stage("see-letters", 2400, spelling(FULL, 1500)),
        Stage("talk-lists", 2400, talking(CROWDED, written=False)),
        Stage("join-lists", 500, joining(FULL, written=False)),
        Stage("join-all", 2750, joining(replace(FULL, overview_frac=0.1), written=True)),
    ]


class Questioner:
    """Asks about batch after batch. `written` and `even` as in `random_lists` and `speak`."""

    def __init__(self, seed: tuple[int, ...], *, written: bool = True, even: bool = False) -> None:
        self._rng = np.random.default_rng((*seed, 98))
        torch.manual_seed(int(self._rng.integers(2**31)))
        self._writer = build_writer(build_tokenizer(NUM_VOCABULARY), NUM_VOCABULARY)
        self._written, self._even = written, even

    def ask(
        self,
        trainee: Trainee,
        views: list[View],
        target: Target,
        tokens: Tensor,
        deepstack: tuple[Tensor, ...],
        number: int,
    ) -> tuple[dict[str, Tensor], Scores]:
        """The losses of all questions about a batch; in some steps also the scores."""
        language = trainee.image.language
        losses: dict[str, Tensor] = {}
        scores: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
        for lists in random_lists(self._rng, written=self._written):
            lesson = ask_about(self._rng, self._writer, views, lists)
            pointers = pointers_of(lesson, target)
            heard = hear(language, lesson.packed, tokens, deepstack, pointers)
            for name, loss in speak(language, heard, lesson, even=self._even).items():
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


def _batches(seed: tuple[int, ...], mixture: Mixture, replays: int = 1) -> Iterator[list[View]]:
    rng = np.random.default_rng((*seed, 99))
    return replayed(endless_batches(seed, mixture), rng, KEPT_BATCHES, replays)
