"""A glance from I-frame to I-frame: what is new is seen, noise and light are not."""

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.geometry import Polygon
from edge.sampler.glance import Glance
from edge.sampler.settings import SamplerSettings

Luma = NDArray[np.uint8]


def scene(number: int, *, noise: float = 3.0, light: float = 0.0) -> Luma:
    base = np.random.default_rng(1).integers(40, 200, (45, 80)).repeat(4, 0).repeat(4, 1)
    grain = np.random.default_rng(100 + number).normal(0.0, noise, base.shape)
    return (base + grain + light).clip(0, 255).astype(np.uint8)


def with_thing(picture: Luma, x: int = 200, y: int = 90, contrast: int = 40) -> Luma:
    """3 % of the width, twice as high."""
    changed = picture.astype(int)
    changed[y : y + 20, x : x + 10] += contrast
    return changed.clip(0, 255).astype(np.uint8)


def settled(**settings: object) -> Glance:
    glance = Glance(SamplerSettings("porch", **settings))  # type: ignore[arg-type]
    assert not any(glance.is_changed(scene(i)) for i in range(20))
    return glance


@pytest.mark.parametrize("x", [0, 3, 157, 200, 310])
def test_a_small_thing_is_seen_as_it_comes_and_as_it_goes(x: int) -> None:
    glance = settled()
    assert glance.is_changed(with_thing(scene(30), x))
    assert not glance.is_changed(with_thing(scene(31), x))
    assert glance.is_changed(scene(32))


@pytest.mark.parametrize("noise", [0.0, 2.0, 8.0, 14.0])
def test_noise_alone_is_nothing(noise: float) -> None:
    glance = Glance(SamplerSettings("porch"))
    changed = [glance.is_changed(scene(i, noise=noise)) for i in range(40)]
    assert not any(changed[10:])


def test_light_alone_is_nothing() -> None:
    glance = settled()
    assert not any(glance.is_changed(scene(30 + i, light=2.0 * i)) for i in range(10))


def test_what_is_masked_is_nothing() -> None:
    mask = (Polygon(((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0))),)
    glance = settled(mask=mask)
    assert not glance.is_changed(with_thing(scene(30), 200))
    assert glance.is_changed(with_thing(scene(31), 60))


def test_a_place_that_keeps_changing_is_learned_and_the_others_are_not() -> None:
    glance = settled()
    changed = [
        glance.is_changed(with_thing(scene(i), contrast=15 * (i % 2))) for i in range(30, 90)
    ]
    assert changed[1]
    assert not any(changed[40:])
    assert glance.is_changed(with_thing(scene(99), x=40))


def test_another_size_is_another_picture() -> None:
    glance = settled()
    assert glance.is_changed(scene(30)[:100])
