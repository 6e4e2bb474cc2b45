"""How memory goes over many keyframes: crops and whole frames of mixed sizes, now and then text.

Runs in a process of its own, so that what the other rounds did does not count.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from edge.bench.cases import LIMIT_PX, LIMIT_RULES, Case
from edge.bench.child import SideOptions, SideProcess
from edge.bench.figures import Memory

FIRST_KEYFRAMES = 100  # after these the working set is expected to stand
DESCRIBE_EVERY = 50
WHOLE_FRAME_SHARE = 0.15
SIDE_PX = 32


@dataclass(frozen=True, slots=True)
class Watched:
    """Memory after a number of keyframes."""

    num_keyframes: int
    memory: Memory


def mixed_keyframe(index: int) -> Case:
    """The size and the task of one keyframe; the same for every run."""
    rng = np.random.default_rng(index)
    if rng.random() < WHOLE_FRAME_SHARE:
        width_px, height_px = 640, 352
    else:
        width_px, height_px = (SIDE_PX * int(n) for n in rng.integers((4, 3), (13, 10)))
    # Not right before a count: what a description leaves is freed some keyframes later.
    if index % DESCRIBE_EVERY == DESCRIBE_EVERY // 2 - 1:
        return Case("describe", width_px, height_px, LIMIT_RULES)
    return Case("verdict", width_px, height_px, LIMIT_RULES)


def watch_memory(
    options: SideOptions, num_keyframes: int, progress: Callable[[str], None]
) -> tuple[Watched, ...]:
    """Memory once loaded, after the first keyframes, and after all of them."""
    with SideProcess("engine", options) as side:
        side.start(Case("verdict", *LIMIT_PX, LIMIT_RULES))
        found = [Watched(1, side.memory())]
        for index in range(1, num_keyframes):
            side.run(mixed_keyframe(index), index)
            if index + 1 in (FIRST_KEYFRAMES, num_keyframes):
                found.append(Watched(index + 1, side.memory()))
            if (index + 1) % FIRST_KEYFRAMES == 0:
                progress(f"keyframe {index + 1} of {num_keyframes}")
    return tuple(found)
