"""The box measures itself, and keeps what it found for exactly that state of things."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from edge.errors import AnalysisFailed, ReportError
from edge.pace import Pace, PacePoint
from edge.vlm import pace_file
from edge.vlm.pace_file import FILE_NAME, Unmeasured, load_pace, save_pace
from edge.vlm.self_measure import LIMIT_S, SelfMeasure
from edge.vlm.settings import DEFAULT_MAX_PIXELS, EngineSettings
from tests.support.measured_engine import MeasuredEngine

# Of a schema's version, and milliseconds.
POINT = (
    b'{"schema": "edge.pace/%s", "holds_for": {}, "measured": "", '
    b'"points": [{"pixels": 1, "questions": 1, "ms": %s}]}'
)
PACE = Pace((PacePoint(65_536, 1, 512.5), PacePoint(65_536, 4, 700.0)))


def measure(engine: MeasuredEngine, max_pixels: int = DEFAULT_MAX_PIXELS) -> Pace:
    one = SelfMeasure(engine, max_pixels, engine.clock)
    while not one.is_done:
        one.step()
    return one.pace()


def test_the_faster_of_two_runs_counts() -> None:
    engine = MeasuredEngine()
    found = measure(engine)
    assert found.points[0].ms == pytest.approx(75.536)
    assert [(p.pixels, p.questions) for p in found.points] == [
        (pixels, questions) for pixels in (256 * 256, 512 * 256, 640 * 352) for questions in (1, 4)
    ]
    assert len(engine.requests) == 12
    pictures = {request.image.tobytes() for request in engine.requests}
    assert len(pictures) == 12, "no picture is seen twice"


def test_what_is_never_fed_is_not_measured() -> None:
    assert {p.pixels for p in measure(MeasuredEngine(), 65_536).points} == {65_536}
    assert {p.pixels for p in measure(MeasuredEngine(), 1024).points} == {65_536}


@pytest.mark.parametrize(("slower", "num_points"), [(20, 4), (60, 2), (500, 1)])
def test_a_slow_box_measures_fewer_sizes_and_those_whole(slower: float, num_points: int) -> None:
    engine = MeasuredEngine(slower=slower)
    found = measure(engine)
    assert len(found.points) == num_points
    longest_s = max(2 * point.ms for point in found.points) / 1000
    assert engine.now_s <= LIMIT_S + 6 * longest_s


def test_other_work_at_the_wrong_moment_does_not_count() -> None:
    engine = MeasuredEngine()
    one = SelfMeasure(engine, 65_536, engine.clock)
    one.step()
    engine.delay_s = 5.0
    one.step()
    engine.delay_s = 0.0
    while not one.is_done:
        one.step()
    assert one.pace().points[0].ms == pytest.approx(2 * 75.536), "as in the first run"


def test_a_failure_is_told() -> None:
    engine = MeasuredEngine()
    engine.fails = True
    with pytest.raises(AnalysisFailed):
        measure(engine)


@pytest.fixture
def settings(demo_dir: Path, tmp_path: Path) -> EngineSettings:
    model = Path(shutil.copytree(demo_dir, tmp_path / "model"))
    return EngineSettings(model, cache_dir=tmp_path / "cache")


def test_a_pace_is_kept(settings: EngineSettings) -> None:
    assert load_pace(settings) == Unmeasured()
    path = save_pace(settings, PACE)
    assert load_pace(settings) == PACE
    assert [one.name for one in path.parent.iterdir()] == [FILE_NAME]


def test_without_a_folder_nothing_is_kept(settings: EngineSettings) -> None:
    none = replace(settings, cache_dir=None)
    with pytest.raises(ReportError, match="no folder"):
        save_pace(none, PACE)
    assert load_pace(none) == Unmeasured()


def test_a_folder_that_cannot_be_written(settings: EngineSettings, tmp_path: Path) -> None:
    (tmp_path / "cache").touch()
    with pytest.raises(ReportError, match="cannot be written"):
        save_pace(settings, PACE)
    assert isinstance(load_pace(settings), Unmeasured)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe\x00",
        b"[]",
        b'{"schema": "edge.pace/1", "holds_for": {}, "measured": "", "points": []}',
        POINT % (b"1", b"-3"),
        POINT % (b"2", b"3"),
        POINT % (b"1", b"NaN"),
    ],
)
def test_a_damaged_file(settings: EngineSettings, content: bytes) -> None:
    save_pace(settings, PACE).write_bytes(content)
    found = load_pace(settings)
    assert isinstance(found, Unmeasured)
    assert f"{FILE_NAME} is damaged" in found.trouble


@pytest.mark.parametrize(
    ("change", "of_another"),
    [
        (lambda s, _: _touch(s.model_dir / "openvino_language_model.bin"), "model"),
        (lambda _, m: m.setattr(pace_file, "read_versions", lambda: ["9.9"]), "program version"),
        (lambda _, m: m.setattr(pace_file, "read_processor", lambda: ["other"]), "processor"),
        (lambda _, m: m.setattr(os, "sched_getaffinity", lambda _: set(range(99))), "processor"),
        (lambda s, _: replace(s, threads=3), "number of threads"),
        (lambda s, _: replace(s, max_pixels=65_536), "picture settings"),
        (lambda s, _: replace(s, dynamic_quantization=False), "picture settings"),
    ],
    ids=["weights", "version", "processor", "cores", "threads", "pixels", "int8"],
)
def test_an_outdated_file(settings, monkeypatch, change, of_another) -> None:
    save_pace(settings, PACE)
    found = load_pace(change(settings, monkeypatch) or settings)
    assert isinstance(found, Unmeasured)
    assert found.trouble.endswith(f"is of another {of_another}")


def _touch(path: Path) -> None:
    os.utime(path, ns=(1, 1))
