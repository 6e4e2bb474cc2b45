"""Tuning: masks for what moves by itself, sensitivity, what they save and what they cost."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from edge.errors import SourceBroken
from edge.frames import Frame
from edge.geometry import Box, Polygon
from edge.replay.masks import (
    MAX_MASKED,
    convex_hull,
    covered_cells,
    covered_frac,
    covering_polygons,
    restless_cells,
)
from edge.replay.stretch import Stretch, load_stretch
from edge.replay.trials import Call, Idea, Trial, is_worth, look
from edge.replay.truth import Event, Truth
from edge.replay.tune import TunePlan, tune_stretch
from edge.replay.tune_report import build_yaml
from edge.sampler.settings import SamplerSettings
from edge.tuning import TuneReport, TuneSuggestion
from tests.support.synthetic_scene import Scene, Thing, grid, walks

WALK_S = (9.0, 14.0)
SETTINGS = SamplerSettings("porch")


def branch(t: float) -> Box:
    """Foliage at the left that sways far and without end."""
    x = max(0.0, 0.14 + 0.12 * math.sin(2 * math.pi * t / 4))
    y = 0.1 + 0.03 * math.sin(2 * math.pi * t / 3)
    return Box(x, y, x + 0.1, y + 0.35)


def stretch_of(*things: Thing, length_s: float = 20.0) -> Stretch:
    frames = Scene(things).frames(grid(length_s))
    return Stretch("yard.mp4", tuple(frames), (320, 180), b"\xff\xd8scene")


FOLIAGE = Thing(branch)
WALKER = Thing(walks(*WALK_S, frm=(0.35, 0.5), to=(1.0, 0.5), size=(0.08, 0.4)), luma=30)


def tuned(stretch: Stretch, truth: Truth | None = None, **settings: float) -> TuneReport:
    return tune_stretch(stretch, TunePlan("porch", replace(SETTINGS, **settings), truth))


def settings_with(one: TuneSuggestion) -> SamplerSettings:
    """What the suggestion says, as pasted into a configuration."""
    camera = yaml.safe_load(one.yaml)["cameras"]["porch"]
    mask = tuple(Polygon(tuple(map(tuple, area))) for area in camera.get("mask", ()))
    sensitivity = camera.get("motion", {}).get("sensitivity", SETTINGS.sensitivity)
    return replace(SETTINGS, mask=mask, sensitivity=sensitivity)


@pytest.fixture(scope="module")
def windy() -> TuneReport:
    return tuned(stretch_of(FOLIAGE, WALKER))


def masked(report: TuneReport) -> TuneSuggestion:
    return next(one for one in report.suggestions if one.title == "mask what moves by itself")


def test_foliage_gets_a_mask_that_saves_its_calls_and_keeps_the_walkers(
    windy: TuneReport,
) -> None:
    one = masked(windy)
    assert one.calls_before > one.calls_after
    assert one.masked_frac < MAX_MASKED
    settings = settings_with(one)
    for moment in grid(4):
        x, y = branch(moment).center
        rows, columns = 90, 160
        assert covered_cells(settings.mask, rows, columns)[int(y * rows), int(x * columns)]
    stretch = stretch_of(FOLIAGE, WALKER)
    times = [keyframe.pts_s for keyframe in look(stretch.frames, settings)]
    assert len(times) == one.calls_after, "what is said was tried"
    assert any(WALK_S[0] <= t <= WALK_S[0] + 2 for t in times), "the walker is still seen coming"
    assert all(WALK_S[0] - 0.5 <= t <= WALK_S[1] + 2 for t in times), "and nothing else"


def test_the_report_tells_what_was_seen(windy: TuneReport) -> None:
    assert windy.source.pictures == 100
    assert windy.source.seconds == pytest.approx(19.8)
    assert len(windy.keyframes) == masked(windy).calls_before
    assert all(one.picture is not None for one in windy.keyframes)
    assert windy.picture.startswith("data:image/jpeg;base64,")
    columns = windy.series.model_dump()
    assert {len(column) for column in columns.values()} == {99}
    share = np.array(windy.activity.share)
    assert share.shape == (windy.activity.rows, windy.activity.columns)
    assert share[:, : windy.activity.columns // 3].max() > 0.3
    assert windy.cost.keyframes_per_hour == pytest.approx(
        3600 * len(windy.keyframes) / windy.source.seconds, rel=0.01
    )
    assert windy.cost.cpu_ms_per_s > 0
    assert any("taken for false" in sentence for sentence in windy.advice)
    again = TuneReport.model_validate_json(windy.model_dump_json(by_alias=True))
    assert again == windy


def test_labels_say_what_a_suggestion_costs() -> None:
    truth = Truth(
        "t.json",
        "",
        (
            Event(*WALK_S, "enter", "somebody walks"),
            Event(3.0, 6.0, "wildlife", "a bird in the tree"),
        ),
        quiet=((0.0, 8.0), (16.0, 20.0)),
    )
    report = tuned(stretch_of(FOLIAGE, WALKER), truth)
    one = masked(report)
    assert one.calls_after == 0, "the walker's calls are no false ones"
    assert one.lost == ["0:03.0 wildlife: a bird in the tree"]
    assert "Costs 1 labelled event." in one.why
    assert not any("taken for false" in sentence for sentence in report.advice)
    assert [len(s.lost) for s in report.suggestions] == sorted(
        len(s.lost) for s in report.suggestions
    ), "what costs less comes first"


def test_what_is_too_weak_goes_with_the_sensitivity() -> None:
    """Something small crosses now and then, never in the same place: no mask helps."""
    rng = np.random.default_rng(5)
    birds = [
        Thing(walks(s, s + 2, frm=(0.0, y), to=(0.9, y), size=(0.03, 0.045)), luma=140)
        for s, y in zip(range(3, 18, 3), rng.uniform(0.05, 0.9, 5), strict=True)
    ]
    report = tuned(stretch_of(*birds), sensitivity=0.75)
    assert report.keyframes
    best = report.suggestions[0]
    assert best.changes.mask is None
    assert best.changes.sensitivity is not None
    assert best.changes.sensitivity < 0.75
    assert best.calls_after < best.calls_before
    assert "times as much" in best.why


def test_a_silent_stretch_may_do_with_more_sensitivity() -> None:
    report = tuned(stretch_of(), sensitivity=0.3)
    assert report.keyframes == []
    assert report.advice == ["Not one call in this stretch: there is nothing to save."]
    (one,) = report.suggestions
    assert one.changes.sensitivity is not None
    assert one.changes.sensitivity > 0.3
    assert one.calls_after == 0


def test_calls_outside_of_the_labels_are_called_false() -> None:
    quiet = Truth("t.json", "", (Event(*WALK_S, "enter", "somebody"),), quiet=((0.0, 8.0),))
    report = tuned(stretch_of(WALKER), quiet)
    assert report.keyframes
    assert report.advice[0] == "Not one false call in this stretch: there is nothing to save."


def test_more_sensitivity_must_win_something_where_that_is_known() -> None:
    empty = Truth("t.json", "", (), quiet=((0.0, 20.0),))
    assert tuned(stretch_of(length_s=12), empty, sensitivity=0.3).suggestions == []


def trial(*calls: Call) -> Trial:
    return Trial(SETTINGS, calls, tuple(call.t_s for call in calls), frozenset())


LEAVES = tuple(Call(10.0 * n, is_restless=True) for n in range(1, 7))
PASSED = tuple(Call(10.0 * n + 5, is_restless=False) for n in range(1, 7))


@pytest.mark.parametrize(
    ("before", "after", "mask", "expected"),
    [
        pytest.param(LEAVES, (), True, True, id="a mask saves all"),
        pytest.param(LEAVES, LEAVES[:5], True, False, id="a mask saves little"),
        pytest.param(LEAVES + PASSED[:3], PASSED[:1], True, True, id="and few others"),
        pytest.param(LEAVES[:2] + PASSED, (), True, False, id="a mask hides who passes"),
        pytest.param(PASSED, PASSED[:1], False, True, id="sensitivity, in a quiet stretch"),
        pytest.param(LEAVES[:1], (), True, True, id="the only call"),
        pytest.param(LEAVES, LEAVES + PASSED, False, False, id="more calls"),
    ],
)
def test_what_is_worth_suggesting(
    before: tuple[Call, ...], after: tuple[Call, ...], mask: bool, expected: bool
) -> None:
    base, tried = trial(*before), trial(*after)
    area = Polygon(((0.0, 0.0), (0.1, 0.0), (0.1, 0.1)))
    idea = Idea(tried, (area,) if mask else (), (), (), base.passing_lost(tried))
    assert is_worth(base, idea) == expected


def test_a_picture_that_moves_everywhere_is_not_masked() -> None:
    def waves(number: int) -> Thing:
        def box_at(t: float) -> Box:
            x = 0.02 + 0.1 * (number % 8) + 0.05 * math.sin(2 * t + number)
            y = 0.05 + 0.3 * (number // 8)
            return Box(max(0.0, x), y, x + 0.09, y + 0.22)

        return Thing(box_at, luma=220)

    report = tuned(stretch_of(*(waves(n) for n in range(24))))
    assert all(one.changes.mask is None for one in report.suggestions)
    assert any("no mask is suggested" in sentence for sentence in report.advice)


def test_old_masks_stay_in_what_is_suggested() -> None:
    old = Polygon(((0.9, 0.0), (1.0, 0.0), (1.0, 0.1)))
    plan = TunePlan("porch", replace(SETTINGS, mask=(old,)))
    report = tune_stretch(stretch_of(FOLIAGE, length_s=12), plan)
    settings = settings_with(masked(report))
    assert settings.mask[0] == old
    assert len(settings.mask) > 1


def test_without_suggestions_it_is_one_quick_look() -> None:
    plan = TunePlan("porch", SETTINGS, suggest=False)
    report = tune_stretch(stretch_of(FOLIAGE, length_s=10), plan)
    assert report.suggestions == []
    assert report.keyframes


# Stretches


def test_a_kept_stretch_is_the_same(tmp_path: Path) -> None:
    stretch = stretch_of(FOLIAGE, length_s=10)
    stretch.save(tmp_path / "kept")
    again = load_stretch(tmp_path / "kept")
    assert again.name == "yard.mp4"
    assert again.size_px == (320, 180)
    assert again.scene == stretch.scene

    def seen(frames: tuple[Frame, ...]) -> list[tuple]:
        return [(k.pts_s, k.phase, k.boxes) for k in look(frames, SETTINGS)]

    assert seen(again.frames) == seen(stretch.frames)


@pytest.mark.parametrize("data", [b"", b"no such thing", b"PK\x03\x04" + b"x" * 100])
def test_a_damaged_stretch_is_an_error(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "kept").write_bytes(data)
    with pytest.raises(SourceBroken):
        load_stretch(tmp_path / "kept")
    with pytest.raises(SourceBroken):
        load_stretch(tmp_path / "none")


# Masks


def test_cells_that_change_again_and_again_are_restless() -> None:
    changed = np.zeros((100, 6, 8), np.bool_)
    changed[::4, 1, 1] = True  # sways
    changed[40:50, 3, 3] = True  # passed once
    changed[::50, 5, 5] = True  # a flicker
    learned = np.zeros_like(changed)
    learned[30:, 4, 7] = True  # the sampler holds it for water
    cells = restless_cells(changed, learned)
    assert np.argwhere(cells).tolist() == [[1, 1], [4, 7]]
    assert not restless_cells(changed[:15], learned[:15]).any(), "too short to tell"


def blot(*parts: tuple[slice, slice]) -> np.ndarray:
    cells = np.zeros((22, 40), np.bool_)
    for part in parts:
        cells[part] = True
    return cells


@pytest.mark.parametrize(
    ("cells", "most_polygons"),
    [
        pytest.param(blot(np.s_[3:9, 4:15]), 1, id="a block"),
        pytest.param(blot(np.s_[0:5, 0:6], np.s_[15:22, 30:40]), 2, id="two corners"),
        pytest.param(blot(np.s_[0:20, 0:4], np.s_[16:20, 0:30]), 8, id="an angle"),
        pytest.param(blot(np.s_[10:12, 0:40]), 1, id="a stripe"),
    ],
)
def test_polygons_cover_the_cells_and_little_more(cells: np.ndarray, most_polygons: int) -> None:
    polygons = covering_polygons(cells)
    assert 1 <= len(polygons) <= most_polygons
    covered = covered_cells(polygons, *cells.shape)
    assert covered[cells].all()
    margin = cells.copy()
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            margin |= np.roll(cells, (dy, dx), (0, 1))
    assert covered.sum() <= 1.6 * margin.sum()
    assert covered_frac(polygons) == pytest.approx(covered.mean(), abs=0.03)
    assert all(0 <= x <= 1 and 0 <= y <= 1 for area in polygons for x, y in area.points)


def test_single_cells_are_not_worth_a_mask() -> None:
    assert covering_polygons(blot(np.s_[3:4, 3:5])) == ()
    assert covering_polygons(blot()) == ()


def test_hull_has_corners_only() -> None:
    points = [(x, y) for x in range(4) for y in range(3)]
    assert sorted(convex_hull(points)) == [(0, 0), (0, 2), (3, 0), (3, 2)]


def test_yaml_says_only_what_changes() -> None:
    assert yaml.safe_load(build_yaml("porch", 0.4, None)) == {
        "cameras": {"porch": {"motion": {"sensitivity": 0.4}}}
    }
    area = Polygon(((0.0, 0.125), (0.5, 0.0), (1.0, 1.0)))
    assert yaml.safe_load(build_yaml("porch", None, (area,))) == {
        "cameras": {"porch": {"mask": [[[0, 0.125], [0.5, 0], [1, 1]]]}}
    }
