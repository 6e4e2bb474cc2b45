"""More sensitivity never sees less, and less of it gives no more calls in wind and rain."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from edge.frames import Frame
from edge.geometry import Box
from edge.sampler.sampler import Sampler
from edge.sampler.settings import SamplerSettings
from tests.sampler import nuisances
from tests.sampler.nuisances import Nuisance, Picture
from tests.support.synthetic_scene import Thing, frame_of, grid, textured, walks

Span = tuple[float, float]
HIGHER = (0.7, 0.9, 1.0)
AROUND = 0.12  # of the frame, how far a glow reaches


def film(
    things: tuple[Thing, ...], nuisance: Nuisance, end_s: float, *, glow: int = 0, fps: float = 5.0
) -> list[Frame]:
    """The things in a scene, each with a glow around it on the ground, under a nuisance.

    The glow, in grey levels, is less than what counts at medium sensitivity.
    """
    rng = np.random.default_rng(3)
    frames = []
    for seq, t in enumerate(grid(end_s, fps)):
        picture = textured().copy()
        if nuisance in nuisances.BEHIND:
            picture = nuisance(picture, t).copy()
        for thing in things:
            _shine(picture, thing.box_at(t), glow)
        for thing in things:
            thing.paint(picture, t)
        if nuisance not in nuisances.BEHIND:
            picture = nuisance(picture, t)
        picture = picture + rng.normal(0, 2.0, picture.shape)
        frames.append(frame_of(np.clip(picture, 0, 255).astype(np.uint8), t, seq))
    return frames


def _shine(picture: Picture, box: Box | None, glow: int) -> None:
    if box is None or not glow:
        return
    x1, y1, x2, y2 = box.expanded(AROUND).to_px(picture.shape[1], picture.shape[0])
    picture[y1:y2, x1:x2] += glow


def called(frames: list[Frame], sensitivity: float) -> list[float]:
    sampler = Sampler(SamplerSettings("yard", sensitivity=sensitivity))
    keyframes = [k for frame in frames for k in sampler.step(frame)] + sampler.flush()
    return [k.pts_s for k in keyframes]


def shown(events: list[Span], times: list[float]) -> set[Span]:
    return {(a, b) for a, b in events if any(a <= t <= b for t in times)}


def walker(begins_s: float, y: float = 0.4) -> Thing:
    return Thing(walks(begins_s, begins_s + 4, frm=(-0.08, y), to=(1.0, y), size=(0.08, 0.4)))


def walk_in(nuisance: Nuisance) -> tuple[list[Frame], list[Span]]:
    """Somebody crosses: seen soon after coming, and before leaving."""
    return film((walker(8), walker(16, 0.5)), nuisance, 23), [(8, 10), (8, 12.5), (16, 18)]


def cars_pass_each_other(
    fps: float, glow: int, later_s: float, lane: float
) -> tuple[list[Frame], list[Span]]:
    """Two cars, each in its own lane; the glow of the one reaches that of the other."""
    size, way_s, half_s = (0.18, 0.4), 3.5, 1.05
    down = Thing(walks(5, 5 + way_s, frm=(0.2, -0.4), to=(0.2, 1.0), size=size), luma=220)
    came_s, gone_s = 5 + later_s, 5 + later_s + way_s
    up = Thing(walks(came_s, gone_s, frm=(lane, 1.0), to=(lane, -0.4), size=size), luma=230)
    events = [
        (4.7, 5 + half_s),
        (came_s - 0.3, came_s + half_s),
        (5 + way_s - half_s, 5 + way_s + 0.3),
        (gone_s - half_s, gone_s + 0.3),
    ]
    return film((down, up), nuisances.nothing, gone_s + 3, glow=glow, fps=fps), events


def something_is_left() -> tuple[list[Frame], list[Span]]:
    """A parcel is put down, and the one who did it goes away, in the rain."""
    parcel = Box(0.7, 0.6, 0.78, 0.75)
    comes = walks(5, 7, frm=(-0.1, 0.3), to=(0.65, 0.3), size=(0.1, 0.5), stays_s=1)
    goes = walks(8, 10, frm=(0.65, 0.3), to=(-0.1, 0.3), size=(0.1, 0.5))
    person = Thing(lambda t: comes(t) or goes(t))
    thing = Thing(lambda t: parcel if t >= 7.5 else None, luma=220)
    return film((thing, person), nuisances.rain, 15), [(5, 7), (9.4, 12.5)]


CLIPS: dict[str, Callable[[], tuple[list[Frame], list[Span]]]] = {
    "clouds": lambda: walk_in(nuisances.clouds),
    "rain": lambda: walk_in(nuisances.rain),
    "leaves": lambda: walk_in(nuisances.leaves),
    "lamp": lambda: walk_in(nuisances.lamp),
    "shaken": lambda: walk_in(nuisances.shake),
    "parcel": something_is_left,
    "cars, 4 a second": lambda: cars_pass_each_other(4.0, 17, 0.8, 0.5),
    "cars, 5 a second": lambda: cars_pass_each_other(5.0, 14, 0.8, 0.45),
    "cars, far apart": lambda: cars_pass_each_other(5.0, 17, 1.4, 0.5),
}


@pytest.mark.parametrize("clip", CLIPS)
def test_recall_does_not_fall_as_sensitivity_rises(clip: str) -> None:
    frames, events = CLIPS[clip]()
    at_medium = shown(events, called(frames, 0.5))
    assert len(at_medium) >= len(events) - 1, "the clip shows what it should"
    for sensitivity in HIGHER:
        lost = at_medium - shown(events, called(frames, sensitivity))
        assert not lost, (sensitivity, lost)


@pytest.mark.parametrize("nuisance", [nuisances.leaves, nuisances.flag, nuisances.rain])
def test_less_sensitivity_gives_no_more_calls_in_wind_and_rain(nuisance: Nuisance) -> None:
    frames = film((walker(11),), nuisance, 18)
    num_medium = len(called(frames, 0.5))
    for sensitivity in (0.1, 0.3):
        times = called(frames, sensitivity)
        assert len(times) <= num_medium
        assert any(11 <= t <= 13 for t in times), "the walker is seen all the same"


def test_a_faint_thing_is_seen_at_high_sensitivity_only() -> None:
    """Nothing of it is clear, so that it is there for whoever asks for more."""
    base = textured()
    stripes = np.where(nuisances.X % 24 < 12, 16, -16)
    frames = []
    for seq, t in enumerate(grid(14)):
        picture = base.copy()
        box = walks(6, 10, frm=(-0.1, 0.3), to=(1.0, 0.3), size=(0.1, 0.5))(t)
        if box is not None:
            x1, y1, x2, y2 = box.to_px(nuisances.WIDTH_PX, nuisances.HEIGHT_PX)
            picture[y1:y2, x1:x2] += stripes[y1:y2, x1:x2]
        frames.append(frame_of(picture.astype(np.uint8), t, seq))
    assert called(frames, 0.5) == []
    assert any(6 <= t <= 10.5 for t in called(frames, 1.0))
