"""The training itself: stage after stage, step after step, with checkpoints and a journal.

Knows how to go on after an interruption. What is learned in a step is the stage's `lesson`.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from edge.demo.train.team import Place
from edge.demo.train.trainee import Trainee

T = TypeVar("T")
CHECKPOINT = "checkpoint.pt"
JOURNAL = "journal.jsonl"
DONE = "done"
SAVE_EVERY_S = 150.0
TELL_EVERY = 25
WARM_UP = 50  # steps
COOL_DOWN_FRAC = 0.6  # of a stage's steps, in which the rate falls to a twentieth

Scores = dict[str, tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a lesson gives: losses by name, whose sum is learned from, and (right, asked) pairs."""

    losses: dict[str, Tensor]
    scores: Scores
    num_pictures: int


Step = Callable[[Trainee, int], Outcome]  # the trainee and the step within the stage


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of the curriculum. `open` makes the step of one process from its seed.
    `batches` are learned from before the weights move.
    """

    name: str
    num_steps: int
    open: Callable[[tuple[int, ...]], Step]
    rate: float = 1.0
    batches: int = 1


def is_done(out: Path) -> bool:
    """Whether all stages in a folder are done."""
    return (out / DONE).exists()


def train(
    place: Place, trainee: Trainee, stages: list[Stage], seed: int, out: Path, hours: float
) -> bool:
    """Go through the stages from where the checkpoint in `out` ends; True when all is done.

    Stops after `hours`, saved.
    """
    state = {"stage": 0, "done": 0}
    if (out / CHECKPOINT).exists():
        state = trainee.load(out / CHECKPOINT)
    until_mono_s = time.monotonic() + hours * 3600
    for number in range(state["stage"], len(stages)):
        done = state["done"] if number == state["stage"] else 0
        if not _run_stage(place, trainee, stages[number], (number, done, seed), out, until_mono_s):
            return False
    if place.rank == 0:
        (out / DONE).touch()
    return True


def _run_stage(
    place: Place,
    trainee: Trainee,
    stage: Stage,
    where: tuple[int, int, int],
    out: Path,
    until_mono_s: float,
) -> bool:
    number, done, seed = where
    step = stage.open((seed, number, done, place.rank))
    saved_mono_s = time.monotonic()
    journal = Journal(out / JOURNAL, stage.name, place)
    while done < stage.num_steps:
        for _ in range(stage.batches):
            outcome = step(trainee, done)
            (torch.stack(list(outcome.losses.values())).sum() / stage.batches).backward()
            journal.note(outcome)
        journal.note_norm(trainee.update(place, stage.rate * rate_at(done, stage.num_steps)))
        done += 1
        if done % TELL_EVERY == 0:
            journal.tell(done)
            now_mono_s = place.agree(time.monotonic())
            late = now_mono_s > place.agree(until_mono_s)
            if late or now_mono_s - place.agree(saved_mono_s) > SAVE_EVERY_S:
                saved_mono_s = now_mono_s
                if place.rank == 0:
                    trainee.save(out / CHECKPOINT, {"stage": number, "done": done})
            if late:
                return False
    if place.rank == 0:
        trainee.save(out / CHECKPOINT, {"stage": number + 1, "done": 0})
        trainee.save(out / f"after-{stage.name}.pt", {"stage": number + 1, "done": 0})
    return True


def rate_at(step: int, num_steps: int) -> float:
    """The share of the learning rate: a short rise, a level, a fall at the end of the stage."""
    rise = min(1.0, (step + 1) / WARM_UP)
    left = (num_steps - step) / max(1.0, COOL_DOWN_FRAC * num_steps)
    return rise * max(0.05, min(1.0, left))


class Journal:
    """Gathers what steps report, and writes a line now and then (the first process alone)."""

    def __init__(self, file: Path, stage: str, place: Place) -> None:
        self._file, self._stage, self._place = file, stage, place
        self._clear()

    def note(self, outcome: Outcome) -> None:
        """Keep the figures of one batch."""
        for name, loss in outcome.losses.items():
            self._losses[name].append(float(loss.detach()))
        for name, (right, asked) in outcome.scores.items():
            self._scores[name][0] += right
            self._scores[name][1] += asked
        self._num_pictures += outcome.num_pictures

    def note_norm(self, norm: float) -> None:
        """Keep the gradient's norm of one step."""
        self._norms.append(norm)

    def tell(self, step: int) -> None:
        """Write a line."""
        took_s = time.monotonic() - self._started_mono_s
        line = {
            "stage": self._stage,
            "step": step,
            "time": time.strftime("%H:%M:%S"),
            "pictures_s": round(self._place.size * self._num_pictures / took_s, 1),
            "norm": round(sum(self._norms) / len(self._norms), 3),
            "loss": {k: round(sum(v) / len(v), 4) for k, v in self._losses.items()},
            "score": {k: round(r / n, 3) for k, (r, n) in sorted(self._scores.items()) if n},
        }
        if self._place.rank == 0:
            with self._file.open("a") as file:
                file.write(json.dumps(line) + "\n")
        self._clear()

    def _clear(self) -> None:
        self._losses: dict[str, list[float]] = defaultdict(list)
        self._scores: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
        self._norms: list[float] = []
        self._num_pictures = 0
        self._started_mono_s = time.monotonic()


def replayed(
    batches: Iterator[list[T]], rng: np.random.Generator, length: int, times: int
) -> Iterator[list[T]]:
    """Each batch as it comes, and `times` - 1 times again later, out of `length` kept ones."""
    kept: list[list[T]] = []
    for batch in batches:
        yield batch
        kept.append(batch)
        if len(kept) <= length:
            continue
        for _ in range(times - 1):
            yield kept[int(rng.integers(len(kept)))]
        kept.pop(int(rng.integers(len(kept))))
