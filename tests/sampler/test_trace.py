"""What the sampler tells an observer: the same keyframes, a step for each picture, reasons."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from edge.frames import Frame, Keyframe
from edge.geometry import Box, Polygon
from edge.sampler.sampler import Sampler
from edge.sampler.settings import SamplerSettings
from edge.sampler.trace import Drop, Step
from tests.support.synthetic_scene import Scene, Thing, frame_of, grid, textured, walks


@dataclass
class Notes:
    """An observer that keeps everything."""

    steps: list[Step] = field(default_factory=list)
    drops: list[Drop] = field(default_factory=list)

    def stepped(self, step: Step) -> None:
        self.steps.append(step)

    def dropped(self, drop: Drop) -> None:
        self.drops.append(drop)

    def reasons(self, from_s: float = 0.0) -> set[str]:
        return {drop.reason for drop in self.drops if drop.pts_s >= from_s}


def watched(frames: list[Frame], **settings: Any) -> tuple[list[Keyframe], Notes]:
    notes = Notes()
    sampler = Sampler(SamplerSettings("yard", **settings), notes)
    keyframes = [keyframe for frame in frames for keyframe in sampler.step(frame)]
    return keyframes + sampler.flush(), notes


WALKER = Thing(walks(5.0, 15.0, frm=(-0.1, 0.3), to=(1.0, 0.3), size=(0.1, 0.4)))


def test_an_observer_changes_nothing() -> None:
    frames = Scene((WALKER,)).frames(grid(20))
    keyframes, _ = watched(frames)
    plain = Sampler(SamplerSettings("yard"))
    alone = [keyframe for frame in frames for keyframe in plain.step(frame)] + plain.flush()
    assert [k.pts_s for k in keyframes] == [k.pts_s for k in alone]
    assert [k.boxes for k in keyframes] == [k.boxes for k in alone]
    assert keyframes


def test_each_picture_gives_a_step_with_score_and_threshold() -> None:
    _, notes = watched(Scene((WALKER,)).frames(grid(20)))
    assert [step.pts_s for step in notes.steps] == pytest.approx(grid(20)[1:])
    quiet = [step for step in notes.steps if 1 < step.pts_s < 4.8]
    walking = [step for step in notes.steps if 7 <= step.pts_s <= 14]
    assert {step.state for step in quiet} == {"quiet"}
    assert {step.state for step in walking} == {"moving"}
    assert all(step.score == 0 for step in quiet)
    assert all(step.score > step.least_score > 0 for step in walking)
    assert max(step.strength for step in quiet) < 1 < min(step.strength for step in walking)
    for step in walking:
        height, width = step.changed.shape
        x1, y1, x2, y2 = step.things[0].to_px(width, height)
        inside = np.count_nonzero(step.changed[y1:y2, x1:x2])
        assert inside > 0.3 * np.count_nonzero(step.changed), "it changed where the thing is"
    assert not any(step.things for step in quiet)


@pytest.mark.parametrize("sensitivity", [0.0, 0.5, 1.0])
def test_a_stricter_sampler_tells_a_higher_threshold(sensitivity: float) -> None:
    _, notes = watched(Scene().frames(grid(3)), sensitivity=sensitivity)
    _, usual = watched(Scene().frames(grid(3)))
    expected = SamplerSettings("yard", sensitivity=sensitivity).strictness
    ratio = notes.steps[-1].least_score / usual.steps[-1].least_score
    assert ratio == pytest.approx(expected**0.5, rel=0.15)


def flicker(t: float) -> Box | None:
    return Box(0.4, 0.4, 0.44, 0.46) if abs(t - 6.0) < 0.05 else None


def lingering(t: float) -> Box | None:
    """Comes, and then only shifts from one foot to the other."""
    if t < 5:
        return None
    x = min(0.4, (t - 5) * 0.1) + (0.02 if t > 9 and int(t * 2) % 2 else 0)
    return Box(x, 0.3, x + 0.1, 0.7)


@pytest.mark.parametrize(
    ("scene", "reason"),
    [
        pytest.param(Scene((Thing(flicker),)), "flicker", id="gone at once"),
        pytest.param(Scene((WALKER,)), "paced", id="a long walk"),
        pytest.param(Scene((Thing(lingering),)), "repeat", id="the same again"),
    ],
)
def test_what_is_dropped_is_told_with_its_reason(scene: Scene, reason: str) -> None:
    _, notes = watched(scene.frames(grid(20)))
    assert reason in notes.reasons()
    drop = next(drop for drop in notes.drops if drop.reason == reason)
    assert drop.boxes


def test_nothing_is_told_of_what_is_masked() -> None:
    left = Polygon(((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)))
    scene = Scene((WALKER,), light=lambda t: (1.0 + 0.3 * np.sin(t), 0.0))
    _, notes = watched(scene.frames(grid(12)), mask=(left,))
    assert not any(step.changed[:, :78].any() for step in notes.steps)
    assert any(step.changed[:, 82:].any() for step in notes.steps)


def lit(lamp: np.ndarray) -> list[Frame]:
    """12 s of a dim scene; from 6 s on a lamp makes it brighter by these factors, by column."""
    rng = np.random.default_rng(3)
    frames = []
    for seq, t in enumerate(grid(12)):
        picture = textured() * 0.5 * (1 + lamp * (t >= 6)) + rng.normal(0, 2, (180, 320))
        frames.append(frame_of(np.clip(picture, 0, 255).astype(np.uint8), t, seq))
    return frames


def test_a_light_that_jumps_blinds() -> None:
    half = (np.arange(320) > 190).astype(np.float32)
    keyframes, notes = watched(lit(half), lightning_threshold=0.3)
    blind = [step.pts_s for step in notes.steps if step.state == "blind"]
    assert blind
    assert all(6 <= t <= 7.5 for t in blind)
    assert keyframes == []


def test_a_lamp_is_told_as_light() -> None:
    keyframes, notes = watched(lit(1.5 * np.exp(-(((np.arange(320) - 250) / 40) ** 2))))
    assert "light" in notes.reasons(6.0)
    assert keyframes == []
