"""What moves without anybody gives no keyframes, at any frame rate; and a walker is seen in it."""

from __future__ import annotations

import numpy as np
import pytest

from edge.frames import Frame
from edge.sampler.sampler import Sampler
from edge.sampler.settings import SamplerSettings
from tests.sampler import nuisances
from tests.sampler.nuisances import BEFORE, BEHIND, Nuisance
from tests.support.synthetic_scene import Thing, frame_of, grid, textured, walks

WALK_S = (11.0, 15.0)
END_S = 22.0
LEARNED_S = 3.0  # leaves that sway from the first picture on cannot be told before
RNG = np.random.default_rng(1)
GRAINS = [RNG.normal(0, 2.0, (180, 320)).astype(np.float32) for _ in range(7)]


def times_of(rate: float | str) -> list[float]:
    if rate == "varying":
        steps = np.random.default_rng(5).choice([0.08, 0.2, 0.24, 0.5], 200, p=[0.3, 0.3, 0.3, 0.1])
        return [t for t in np.cumsum(steps).tolist() if t < END_S]
    return grid(END_S, float(rate))


def film(nuisance: Nuisance, rate: float | str, thing: Thing | None = None) -> list[Frame]:
    """A textured scene with the nuisance and sensor noise, and the thing in it."""
    frames = []
    scene = textured()
    for seq, t in enumerate(times_of(rate)):
        picture = nuisance(scene, t) if nuisance in BEHIND else scene
        if thing is not None:
            picture = picture.copy()
            thing.paint(picture, t)
        if nuisance not in BEHIND:
            picture = nuisance(picture, t)
        picture = picture + GRAINS[seq % len(GRAINS)]
        frames.append(frame_of(np.clip(picture, 0, 255).astype(np.uint8), t, seq))
    return frames


def called(frames: list[Frame]) -> list[float]:
    sampler = Sampler(SamplerSettings("yard"))
    return [k.pts_s for frame in frames for k in sampler.step(frame)] + [
        k.pts_s for k in sampler.flush()
    ]


@pytest.mark.parametrize("rate", [2.0, 5.0, 10.0, "varying"])
@pytest.mark.parametrize("nuisance", BEHIND + BEFORE)
def test_only_the_walker_gives_keyframes(nuisance: Nuisance, rate: float | str) -> None:
    walker = Thing(walks(*WALK_S, frm=(-0.08, 0.4), to=(1.0, 0.4), size=(0.08, 0.4)))
    times = called(film(nuisance, rate, walker))
    assert any(WALK_S[0] <= t <= WALK_S[0] + 2 for t in times), ("seen soon after coming", times)
    known = [t for t in times if t > LEARNED_S]
    strays = [t for t in known if not WALK_S[0] - 0.2 <= t <= WALK_S[1] + 1.5]
    assert strays == []
    assert len(times) - len(known) <= 2, "a peak and an after, before anything is known"


def test_quiet_is_told_to_whoever_saves_pictures() -> None:
    sampler = Sampler(SamplerSettings("yard"))
    quiet = {}
    walker = Thing(walks(*WALK_S, frm=(-0.08, 0.4), to=(1.0, 0.4), size=(0.08, 0.4)))
    for frame in film(nuisances.nothing, 5.0, walker):
        sampler.step(frame)
        quiet[round(frame.pts_s, 1)] = sampler.is_quiet
    assert all(quiet[t] for t in (5.0, 10.0, 10.8, 20.0))
    assert not any(quiet[t] for t in (11.6, 13.0, 14.0, 15.0))
