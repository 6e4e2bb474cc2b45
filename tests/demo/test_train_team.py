"""The processes that train together stay together."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

if importlib.util.find_spec("torch") is None:
    pytest.skip("torch is not installed (extra `train`)", allow_module_level=True)

import torch

from edge.demo.train.team import Place, run_team


def meet(place: Place, folder: str) -> None:
    """What each process of a team of two does: one has no gradient where the other has."""
    moved = place.any_of([place.rank == 0, False, True])
    assert moved == [True, False, True]
    tensor = torch.full((2, 2), float(place.rank))
    place.average([tensor])
    Path(folder, str(place.rank)).write_text(f"{tensor.mean()} {place.agree(place.rank + 3.0)}")


def test_two_processes_agree_on_what_moves(tmp_path: Path) -> None:
    run_team(meet, 2, str(tmp_path))
    assert [Path(tmp_path, str(rank)).read_text() for rank in range(2)] == ["0.5 3.0"] * 2


def test_one_process_asks_nobody() -> None:
    assert Place(0, 1).any_of([True, False]) == [True, False]
