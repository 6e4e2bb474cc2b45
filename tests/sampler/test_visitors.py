"""What must be seen, at any frame rate: slow, small, far, standing, leaving, left and taken."""

from __future__ import annotations

import numpy as np
import pytest

from edge.frames import Keyframe
from edge.geometry import Box
from edge.sampler.sampler import Sampler
from edge.sampler.settings import SamplerSettings
from tests.sampler import nuisances
from tests.sampler.nuisances import Nuisance
from tests.support.synthetic_scene import Thing, frame_of, grid, textured, walks

RATES = [2.0, 5.0, 10.0, "varying"]
RNG = np.random.default_rng(1)
GRAINS = [RNG.normal(0, 2.0, (180, 320)).astype(np.float32) for _ in range(7)]


def watched(
    things: tuple[Thing, ...],
    rate: float | str,
    end_s: float,
    nuisance: Nuisance = nuisances.nothing,
) -> list[Keyframe]:
    times = grid(end_s, 5.0 if rate == "varying" else float(rate))
    if rate == "varying":
        times = [t + 0.15 * float(RNG.random()) for t in times]
    sampler = Sampler(SamplerSettings("yard"))
    keyframes = []
    for seq, t in enumerate(times):
        picture = nuisance(textured(), t).copy()
        for thing in things:
            thing.paint(picture, t)
        picture += GRAINS[seq % len(GRAINS)]
        frame = frame_of(np.clip(picture, 0, 255).astype(np.uint8), t, seq)
        keyframes += sampler.step(frame)
    return keyframes + sampler.flush()


def within(keyframes: list[Keyframe], begins_s: float, ends_s: float) -> list[Keyframe]:
    return [k for k in keyframes if begins_s <= k.pts_s <= ends_s]


@pytest.mark.parametrize("rate", RATES)
def test_a_slow_mover_is_seen_soon_and_not_told_all_the_time(rate: float | str) -> None:
    slow = Thing(walks(5, 25, frm=(-0.1, 0.4), to=(0.45, 0.4), size=(0.1, 0.3)))
    keyframes = watched((slow,), rate, 27)
    assert within(keyframes, 5, 9.5), "half of it is in the picture after 2 s"
    assert 2 <= len(keyframes) <= 8
    assert not within(keyframes, 0, 4.9)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("speed", [0.04, 0.08])
def test_someone_far_away_is_seen(rate: float | str, speed: float) -> None:
    """3 % of the width, as high as 10 % of the picture."""
    far = Thing(walks(5, 5 + 0.4 / speed, frm=(0.2, 0.3), to=(0.6, 0.3), size=(0.03, 0.1)), luma=30)
    keyframes = watched((far,), rate, 8 + 0.4 / speed)
    seen = within(keyframes, 5, 8)
    assert seen
    there = far.box_at(seen[0].pts_s)
    assert there is not None
    assert seen[0].boxes[0].intersection(there) is not None
    assert not within(keyframes, 0, 4.9)


@pytest.mark.parametrize("rate", RATES)
def test_the_first_second_counts(rate: float | str) -> None:
    """Someone who comes as the camera is switched on is seen while he is there."""
    walker = Thing(walks(0.6, 3, frm=(-0.1, 0.3), to=(1.0, 0.3), size=(0.1, 0.5)))
    keyframes = watched((walker,), rate, 6)
    assert within(keyframes, 0.6, 2.1)
    assert not within(keyframes, 4.6, 6)


@pytest.mark.parametrize("rate", RATES)
def test_someone_stands_still_and_leaves_again(rate: float | str) -> None:
    comes = walks(4, 6, frm=(-0.1, 0.3), to=(0.4, 0.3), size=(0.1, 0.5), stays_s=14)
    goes = walks(20, 22, frm=(0.4, 0.3), to=(1.0, 0.3), size=(0.1, 0.5))
    keyframes = watched((Thing(lambda t: comes(t) or goes(t)),), rate, 27)
    assert within(keyframes, 4, 6)
    assert within(keyframes, 20, 21.5)
    assert not within(keyframes, 8.5, 19.9), "it only stands there"
    assert keyframes[-1].pts_s <= 24.5
    assert len(keyframes) <= 8


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("kind", ["left", "taken"])
def test_what_is_left_or_taken_is_told_with_its_place(rate: float | str, kind: str) -> None:
    parcel = Box(0.7, 0.6, 0.78, 0.75)
    comes = walks(5, 7, frm=(-0.1, 0.3), to=(0.65, 0.3), size=(0.1, 0.5), stays_s=1)
    goes = walks(8, 10, frm=(0.65, 0.3), to=(-0.1, 0.3), size=(0.1, 0.5))
    person = Thing(lambda t: comes(t) or goes(t))
    thing = Thing(lambda t: parcel if (t >= 7.5) == (kind == "left") else None, luma=220)
    after = watched((thing, person), rate, 18)[-1]
    assert after.phase == "after"
    assert 9.4 <= after.pts_s <= 12.5
    assert any(box.iou(parcel) > 0.5 for box in after.boxes)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("nuisance", [nuisances.leaves, nuisances.water])
def test_someone_within_what_moves_by_itself_is_seen(nuisance: Nuisance, rate: float | str) -> None:
    """Before the hedge, or in the pond, from the first moment to the last."""
    y = 0.3 if nuisance is nuisances.leaves else 0.55
    visitor = Thing(walks(12, 15, frm=(-0.07, y), to=(0.24, y), size=(0.07, 0.4), stays_s=0))
    keyframes = watched((visitor,), rate, 20, nuisance)
    seen = within(keyframes, 12, 15)
    assert seen
    there = visitor.box_at(seen[0].pts_s)
    assert there is not None
    assert seen[0].boxes[0].intersection(there) is not None
    assert not within(keyframes, 3, 11.9)


@pytest.mark.parametrize("rate", [2.0, "varying"])
@pytest.mark.parametrize("nuisance", [nuisances.leaves, nuisances.water, nuisances.flag])
def test_a_minute_of_what_moves_by_itself_is_a_call_at_most(
    nuisance: Nuisance, rate: float | str
) -> None:
    assert len({k.started_pts_s for k in watched((), rate, 60, nuisance)}) <= 1
