"""`edge tune`: a clip and a camera, for people and as JSON, and what cannot be done."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from edge.config.load import load_text
from edge.geometry import Box
from edge.tuning import TuneReport
from tests.support.clips import encode_clip
from tests.support.commands import run
from tests.support.synthetic_scene import Scene, Thing, grid

CONFIG = """\
mqtt: {host: localhost}
store: {folder: ./s}
cameras:
  porch:
    input: demo:yard?fps=5&size=320x180&events=calm
    motion: {sensitivity: 0.375}
"""


def branch(t: float) -> Box:
    x = max(0.0, 0.14 + 0.12 * math.sin(2 * math.pi * t / 4))
    return Box(x, 0.1, x + 0.1, 0.45)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(1)
    scene = Scene((Thing(branch),))
    frames = ((t, np.repeat(scene.luma(t, rng)[:, :, None], 3, axis=2)) for t in grid(10))
    return encode_clip(tmp_path_factory.mktemp("tune") / "windy.mp4", frames, rate_fps=5)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "edge.yaml"
    path.write_text(CONFIG)
    return path


def test_a_clip_is_tuned_in_a_cameras_place_and_nothing_is_changed(
    capsys: pytest.CaptureFixture[str], clip: Path, config: Path, tmp_path: Path
) -> None:
    status, out, _ = run(capsys, "tune", clip, "-c", config, "--json")
    assert status == 0
    report = TuneReport.model_validate_json(out)
    assert report.source.name == "windy.mp4"
    assert report.settings.sensitivity == 0.375
    one = next(s for s in report.suggestions if s.changes.mask)
    assert one.calls_after < one.calls_before
    assert config.read_text() == CONFIG
    pasted = CONFIG + "\n".join(one.yaml.splitlines()[2:]) + "\n"
    camera = load_text(pasted, "edge.yaml", tmp_path).config.camera("porch")
    assert len(camera.mask) == len(one.changes.mask)


def test_people_read_what_to_paste(capsys: pytest.CaptureFixture[str], clip: Path) -> None:
    status, out, err = run(capsys, "tune", clip, "--seconds", "8")
    assert status == 0
    assert out.startswith("windy.mp4: 8 s, 320x180, sensitivity 0.5, 0 masks:")
    assert " before, " in out
    assert "   cameras:\n     CAMERA:\n" in out
    assert "trying sensitivity" in err


def test_a_camera_is_looked_at_live(capsys: pytest.CaptureFixture[str], config: Path) -> None:
    status, out, err = run(capsys, "tune", "porch", "-c", config, "--seconds", "2", "--json")
    assert status == 0
    report = TuneReport.model_validate_json(out)
    assert report.source.name == "porch"
    assert report.source.truncated, "a camera goes on"
    assert report.source.pictures >= 1
    assert report.source.seconds <= 2.0
    assert "looking at porch for 2 s" in err


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        pytest.param(["porch"], 1, "a camera's name needs -c FILE", id="camera of nowhere"),
        pytest.param(["garden", "-c", "{config}"], 1, "there are: porch", id="no such camera"),
        pytest.param(["{clip}", "-c", "{config}", "--camera", "x"], 78, "porch", id="settings of"),
        pytest.param(["{clip}", "--camera", "porch"], 2, "needs -c FILE", id="camera without file"),
        pytest.param(["porch", "-c", "{config}", "--start", "3"], 2, "with a clip", id="start"),
        pytest.param(["{text}"], 1, "words.txt", id="no clip"),
        pytest.param(["{clip}", "--start", "60"], 1, "no picture after 60 s", id="behind its end"),
        pytest.param(["{clip}", "--truth", "{text}"], 1, "not JSON", id="bad labels"),
        pytest.param(["{clip}", "--seconds", "0"], 2, "no time above 0", id="no time"),
    ],
)
def test_what_cannot_be_done_is_said(
    capsys: pytest.CaptureFixture[str],
    clip: Path,
    config: Path,
    words: list[str],
    status: int,
    said: str,
) -> None:
    text = config.with_name("words.txt")
    text.write_text("no clip at all\n" * 20)
    places = {"clip": clip, "config": config, "text": text}
    found, out, err = run(capsys, "tune", *(word.format(**places) for word in words))
    assert found == status
    assert said in err
    assert out == ""
