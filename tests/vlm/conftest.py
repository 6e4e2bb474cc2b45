"""Models for the engine's tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import edge.demo
from edge.vlm.engine import Engine, open_engine
from edge.vlm.layout import Layout, load_layout
from edge.vlm.runner import Runner
from edge.vlm.settings import EngineSettings
from edge.vlm.tokens import TokenCoder, load_tokens
from edge.vlm.vision import Eye
from tests.support.tiny_model import TinyModel, missing_parts, tiny_model


@dataclass
class Parts:
    """The engine's lower floors, opened for exact arithmetic."""

    layout: Layout
    runner: Runner
    coder: TokenCoder
    eye: Eye


@pytest.fixture(scope="session")
def tiny() -> TinyModel:
    missing = missing_parts()
    if missing:
        pytest.skip(f"needs {', '.join(missing)} to build a model")
    return tiny_model()


@pytest.fixture(scope="session")
def tiny_parts(tiny: TinyModel) -> Parts:
    return open_parts(tiny.ov)


@pytest.fixture(scope="session")
def tiny_engine(tiny: TinyModel) -> Iterator[Engine]:
    with open_engine(EngineSettings(tiny.ov, accuracy=True)) as engine:
        yield engine


@pytest.fixture(scope="session")
def demo_dir() -> Path:
    place = Path(edge.demo.__file__).parent / "model"
    if not (place / "config.json").exists():
        pytest.skip("the bundled model is not there")
    return place


@pytest.fixture(scope="session")
def demo_parts(demo_dir: Path) -> Parts:
    return open_parts(demo_dir)


@pytest.fixture(scope="session")
def demo_engine(demo_dir: Path) -> Iterator[Engine]:
    with open_engine(EngineSettings(demo_dir, accuracy=True)) as engine:
        yield engine


def open_parts(model_dir: Path) -> Parts:
    layout = load_layout(model_dir)
    runner = Runner(layout, EngineSettings(model_dir, accuracy=True))
    return Parts(layout, runner, load_tokens(layout), Eye(runner))


@pytest.fixture
def noise():
    """A picture of random pixels: noise(width, height, seed=0) -> (H, W, 3) uint8."""

    def make(width: int, height: int, seed: int = 0) -> np.ndarray:
        return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)

    return make
