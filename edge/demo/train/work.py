"""What each process of the team does: builds the trainee and goes through the curriculum."""

from __future__ import annotations

from pathlib import Path

from edge.demo.train.curriculum import build_stages
from edge.demo.train.dims import NUM_VOCABULARY
from edge.demo.train.loop import train
from edge.demo.train.model import build_model
from edge.demo.train.team import Place
from edge.demo.train.trainee import Pupil, Trainee
from edge.demo.train.vocabulary import build_tokenizer


def work(place: Place, seed: int, out: Path, hours: float) -> None:
    """Train for at most `hours`, or to the end."""
    tokenizer = build_tokenizer(NUM_VOCABULARY)
    trainee = Trainee(Pupil(build_model(tokenizer.get_vocab(), seed)))
    train(place, trainee, build_stages(), seed, out, hours)
