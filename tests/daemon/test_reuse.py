"""When an earlier answer still holds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge.daemon.jobs import Job
from edge.daemon.reuse import GRID, Recent, grid_of
from edge.frames import Image
from edge.geometry import FULL, Box
from edge.questions import AnalysisResult, Answer, Timing, View
from tests.support.clips import textured_background
from tests.support.keyframes import make_job, make_keyframe

VIEW = Box(0.1, 0.1, 0.6, 0.9)
MOVED = Box(0.2, 0.2, 0.5, 0.8)


def noisy(image: Image, seed: int, sigma: float = 6.0) -> Image:
    noise = np.random.default_rng(seed).normal(0, sigma, image.shape)
    return np.asarray((image + noise).clip(0, 255), np.uint8)


SCENE = textured_background(320, 240)


def job_of(
    image: Image, at: float, *, boxes: tuple[Box, ...] = (MOVED,), asks: tuple[str, ...] = ("q",)
) -> Job:
    keyframe = replace(make_keyframe(boxes=boxes, pts_s=at), image=image)
    return make_job(f"job-{at}", keyframe, at=at, questions=asks)


@pytest.fixture
def recent() -> Recent:
    recent = Recent(for_s=20)
    answer = Answer("q", "yes_no", "yes", 0.9, {"yes": 0.9, "no": 0.1})
    views = (View(VIEW, 160, 192),)
    result = AnalysisResult("first", (answer,), None, views, Timing(total_ms=900))
    recent.keep(job_of(noisy(SCENE, 1), 100.0), result)
    return recent


def test_the_same_scene_is_reused_as_its_own_at_no_cost(recent: Recent) -> None:
    found = recent.find(job_of(noisy(SCENE, 2), 110.0))
    assert found is not None
    assert found.id == "job-110.0"
    assert found.answers[0].value == "yes"
    assert found.timing.total_ms == 0


def changed(x: int, y: int, side: int, by: int) -> Image:
    image = SCENE.astype(int)
    image[y : y + side, x : x + side] += by
    return np.asarray(image.clip(0, 255), np.uint8)


@pytest.mark.parametrize(
    "job",
    [
        pytest.param(job_of(changed(100, 100, 10, 40), 110), id="a small thing appeared"),
        pytest.param(job_of(changed(0, 0, 320, 12), 110), id="the light changed"),
        pytest.param(job_of(SCENE, 121), id="too old"),
        pytest.param(job_of(SCENE, 99), id="from before"),
        pytest.param(job_of(SCENE, 110, asks=("q", "r")), id="another question too"),
        pytest.param(job_of(SCENE, 110, boxes=(Box(0.5, 0.2, 0.9, 0.8),)), id="elsewhere"),
        pytest.param(job_of(SCENE, 110, boxes=()), id="the whole picture"),
        pytest.param(job_of(SCENE[:120, :160], 110), id="another size of picture"),
    ],
)
def test_not_reused(recent: Recent, job: Job) -> None:
    assert recent.find(job) is None


def test_a_change_outside_the_view_does_not_matter(recent: Recent) -> None:
    assert recent.find(job_of(changed(250, 200, 30, 80), 110)) is not None


def test_forgotten_and_switched_off(recent: Recent) -> None:
    recent.forget("porch")
    assert recent.find(job_of(SCENE, 110)) is None
    off = Recent(for_s=0)
    off.keep(job_of(SCENE, 100), AnalysisResult("x", (), None, (View(FULL, 1, 1),), Timing()))
    assert off.find(job_of(SCENE, 100)) is None


@pytest.mark.parametrize(("pairs", "is_reused"), [(False, True), (True, False)])
def test_a_pair_must_be_the_same_in_both_pictures(pairs: bool, is_reused: bool) -> None:
    """ "Did the car just come?": the same picture after another one is another answer."""
    recent = Recent(for_s=20, pairs=pairs)

    def job(at: float, before: Image | None) -> Job:
        job = job_of(SCENE, at)
        return replace(job, keyframe=replace(job.keyframe, before=before))

    result = AnalysisResult("first", (), None, (View(VIEW, 160, 192),), Timing())
    recent.keep(job(100, SCENE), result)
    assert recent.find(job(110, noisy(SCENE, 3))) is not None
    assert (recent.find(job(110, changed(100, 100, 40, 60))) is not None) == is_reused
    assert (recent.find(job(110, None)) is not None) == is_reused


@pytest.mark.parametrize("size", [(1, 1), (5, 300), (240, 320), (1080, 1920)])
def test_the_grid_holds_mean_colours_of_any_size(size: tuple[int, int]) -> None:
    image = np.full((*size, 3), 77, np.uint8)
    grid = grid_of(image, FULL)
    assert grid.shape == (GRID, GRID, 3)
    assert grid == pytest.approx(77)


def test_with_an_overview_the_whole_picture_must_be_the_same() -> None:
    recent = Recent(for_s=20)
    views = (View(FULL, 192, 128, is_overview=True), View(VIEW, 160, 192))
    result = AnalysisResult("first", (), None, views, Timing())
    recent.keep(job_of(SCENE, 100.0), result)
    assert recent.find(job_of(noisy(SCENE, 2), 101.0)) is not None
    elsewhere = changed(280, 200, 30, 60)
    assert recent.find(job_of(elsewhere, 101.0)) is None
    far = Box(0.7, 0.2, 0.9, 0.8)
    assert recent.find(job_of(SCENE, 101.0, boxes=(far,))) is None, "the crop shows no more of it"
