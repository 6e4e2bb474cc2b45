"""The processes that train together: one for each core, their gradients averaged each step.

One thread each: threads that wait for one another inside every operation lose half of a busy
machine's time. Knows nothing of what is trained.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import torch
from torch import Tensor, distributed, multiprocessing


@dataclass(frozen=True, slots=True)
class Place:
    """Which one of how many processes this is."""

    rank: int
    size: int

    def average(self, tensors: list[Tensor]) -> None:
        """Replace each tensor by its mean over the processes."""
        if self.size == 1 or not tensors:
            return
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        distributed.all_reduce(flat)
        flat /= self.size
        at = 0
        for tensor in tensors:
            tensor.copy_(flat[at : at + tensor.numel()].view_as(tensor))
            at += tensor.numel()

    def any_of(self, flags: list[bool]) -> list[bool]:
        """For each flag whether it is set in any process."""
        if self.size == 1:
            return flags
        tensor = torch.tensor(flags, dtype=torch.float32)
        distributed.all_reduce(tensor)
        return [value > 0 for value in tensor.tolist()]

    def agree(self, value: float) -> float:
        """The first process's value, for all."""
        if self.size == 1:
            return value
        tensor = torch.tensor([value], dtype=torch.float64)
        distributed.broadcast(tensor, 0)
        return float(tensor)

    def add_up(self, value: float) -> float:
        """The sum over the processes."""
        if self.size == 1:
            return value
        tensor = torch.tensor([value], dtype=torch.float64)
        distributed.all_reduce(tensor)
        return float(tensor)


def run_team(body: Callable[..., None], size: int, *args: Any) -> None:
    """Run `body(place, *args)` in `size` processes, and wait for them. One fails, all end."""
    with tempfile.TemporaryDirectory() as folder:
        meeting = Path(folder, "meeting").as_uri()
        if size == 1:
            _run(0, body, 1, meeting, *args)
            return
        os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
        multiprocessing.spawn(_run, (body, size, meeting, *args), nprocs=size)


def _run(rank: int, body: Callable[..., None], size: int, meeting: str, *args: Any) -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    if size > 1:
        distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=size)
    body(Place(rank, size), *args)
    if size > 1:
        distributed.destroy_process_group()
