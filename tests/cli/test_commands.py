"""The command line: versions, help, mistakes, and what replay and ask print."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from edge import __version__
from edge.cli import COMMANDS, main
from edge.config.describe_as import read_schema_file
from edge.geometry import Box
from edge.heatmap import AttentionMap, draw_overlay
from tests.support.clips import Walk, encode_clip, moving_scene


@pytest.fixture
def picture(tmp_path: Path) -> str:
    path = tmp_path / "noise.png"
    pixels = np.random.default_rng(1).integers(0, 255, (120, 160, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return str(path)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("clip") / "walk.mp4"
    encode_clip(path, moving_scene(9, [Walk(2.0, 5.0)], fps=10), gop=10)
    return str(path)


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    try:
        status = main(words)
    except SystemExit as end:
        status = int(end.code or 0)
    return status, *capsys.readouterr()


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "--version")
    assert status == 0
    ours, others = out.splitlines()
    assert ours == f"edge {__version__}"
    assert f"OpenCV {cv2.__version__}" in others
    assert f"FFmpeg {av.ffmpeg_version_info} (PyAV {av.__version__})" in others


def test_version_of_a_library_that_does_not_load(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    monkeypatch.delitem(sys.modules, "edge.capture.library", raising=False)
    status, out, _ = run(capsys, "--version")
    assert status == 0
    assert f"edge {__version__}\n" in out
    assert "FFmpeg does not load (import of av halted" in out
    assert "OpenCV" in out


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_complete(capsys: pytest.CaptureFixture[str], command: str) -> None:
    status, out, _ = run(capsys, command, "--help")
    assert status == 0
    assert f"usage: edge {command}" in out
    assert len(out.splitlines()) > 8
    assert command in run(capsys, "--help")[1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(["demo", "extra"], "usage: edge demo", id="unknown word"),
        pytest.param(["demo", "--duration", "-5"], "such as 60, 90s or 5m", id="negative time"),
        pytest.param(["watch", "--count", "0"], "at least 1", id="count of nothing"),
        pytest.param(["ask", "a.png"], "a question is needed", id="no question"),
        pytest.param(
            ["ask", "a.png", "--describe", "--heatmap", "b.png"],
            "does not go with --describe",
            id="heatmap of a description",
        ),
        pytest.param(
            ["ask", "a.png", "--schema", "s", "--heatmap", "b.png"],
            "does not go with --schema",
            id="heatmap of a schema",
        ),
        pytest.param(
            ["ask", "a.png", "x", "--heatmap", "b.jpg"], "a .png file", id="heatmap as JPEG"
        ),
        pytest.param(
            ["ask", "a.png", "x", "--heatmap", "/nowhere/b.png"],
            "there is no folder /nowhere",
            id="heatmap to nowhere",
        ),
        pytest.param(["ask", "a.png", "x", "--describe"], "takes no question", id="both"),
        pytest.param(["ask", "a.png", "x", "--schema", "s"], "takes no question", id="schema too"),
        pytest.param(["ask", "a.png", "--describe", "--schema", "s"], "not allowed", id="twice"),
        pytest.param(["ask", "a.png", "x", "--choices", "a"], "two or more", id="one choice"),
        pytest.param(["ask", "a.png", "--describe", "--chat"], "--chat takes", id="no chat"),
        pytest.param(["ask", "a.png", "x", "--threads", "0"], "at least 1", id="no thread"),
        pytest.param(["ask", "a.png", "x", "--region", "1,0,0,1"], "--region", id="bad region"),
        pytest.param(["replay", "a.mp4", "--camera", "x"], "needs -c", id="camera without file"),
        pytest.param([], "usage: edge", id="nothing"),
    ],
)
def test_mistakes_are_usage_errors(
    capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    status, _, err = run(capsys, *words)
    assert status == 2
    assert said in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(["ask", "{folder}/none.png", "x"], "none.png", id="no picture"),
        pytest.param(["ask", "{text}", "x"], "words.txt", id="no picture but text"),
        pytest.param(["ask", "{picture}", "x", "--model", "a/b"], "edge model pull", id="no model"),
        pytest.param(["replay", "{folder}/none.mp4"], "none.mp4: no such file", id="no video"),
        pytest.param(["replay", "{text}"], "words.txt", id="no video but text"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, picture: str, words: list[str], said: str
) -> None:
    text = tmp_path / "words.txt"
    text.write_text("no picture at all\n" * 10)
    filled = [w.format(folder=tmp_path, text=text, picture=picture) for w in words]
    status, _, err = run(capsys, *filled)
    assert status == 1
    assert said in err
    assert len(err.splitlines()) == 1


def test_ask_gives_every_option_a_probability(
    capsys: pytest.CaptureFixture[str], picture: str
) -> None:
    words = ["ask", picture, "What colour is it?", "--choices", "red,dark red,blue"]
    status, out, _ = run(capsys, *words, "--model", "demo", "--json")
    assert status == 0
    document = json.loads(out)
    assert set(document["probabilities"]) == {"red", "dark red", "blue"}
    assert sum(document["probabilities"].values()) == pytest.approx(1, abs=1e-3)
    assert document["model"]["demonstration"] is True


def test_ask_draws_what_was_looked_at(
    capsys: pytest.CaptureFixture[str], picture: str, tmp_path: Path
) -> None:
    drawn = tmp_path / "looked.png"
    words = ["ask", picture, "Is it red?", "--yes-no", "--region", "0.5,0,1,1", "--model", "demo"]
    status, out, _ = run(capsys, *words, "--json", "--heatmap", str(drawn))
    assert status == 0
    document = json.loads(out)
    heatmap, (view,) = document["heatmap"], document["views"]
    assert heatmap["box"] == list(view["box"].values())
    cells = np.array(heatmap["cells"])
    assert cells.shape == (view["height_px"] // 32, view["width_px"] // 32)
    assert cells.sum() == pytest.approx(1, abs=1e-2)
    assert 0 < heatmap["picture_frac"] < 1
    overlay, before = np.array(Image.open(drawn)), np.array(Image.open(picture))
    assert overlay.shape == before.shape
    normed = (cells / cells.sum()).astype(np.float32)
    expected = draw_overlay(before, AttentionMap("ask", Box(*heatmap["box"]), normed, 1.0))
    assert np.abs(overlay.astype(int) - expected).max() <= 2
    assert np.abs(overlay.astype(int) - before).mean() > 5
    assert "heatmap" not in json.loads(run(capsys, *words, "--json")[1])


def test_ask_describes(capsys: pytest.CaptureFixture[str], picture: str) -> None:
    status, out, _ = run(capsys, "ask", picture, "--describe", "--model", "demo", "--json")
    assert status == 0
    assert set(json.loads(out)["description"]) >= {"summary", "objects", "texts"}


SHELF = """\
people: {type: integer, minimum: 0, maximum: 20}
queue: [short, long]
shelf_empty: boolean
"""


def test_ask_describes_by_a_schema(
    capsys: pytest.CaptureFixture[str], picture: str, tmp_path: Path
) -> None:
    short, full = tmp_path / "shelf.yaml", tmp_path / "shelf.json"
    short.write_text(SHELF)
    full.write_text(json.dumps(read_schema_file(short), indent="\t"))
    printed = []
    for file in (short, full):
        words = ["ask", picture, "--schema", str(file), "--model", "demo", "--deadline", "60s"]
        status, out, err = run(capsys, *words)
        assert status == 0
        assert "FOR DEMONSTRATION" in err
        details = json.loads(out)
        assert set(details) <= {"people", "queue", "shelf_empty"}  # it may end early
        assert 0 <= details.get("people", 0) <= 20
        assert details.get("queue", "short") in {"short", "long"}
        printed.append(details)
    assert printed[0] == printed[1]
    status, out, _ = run(capsys, *words, "--json")
    assert json.loads(out)["description"]["details"] == printed[0]


def test_ask_refuses_a_schema_before_the_model_is_loaded(
    capsys: pytest.CaptureFixture[str], picture: str, tmp_path: Path
) -> None:
    file = tmp_path / "shelf.yaml"
    file.write_text("people: integer\nqueue: {type: string, pattern: '^a{9}$', maxLength: 8}\n")
    status, _, err = run(capsys, "ask", picture, "--schema", str(file), "--model", "no/model")
    assert status == 78
    assert "queue (line 2): no document can fulfil this" in err
    status, _, err = run(capsys, "ask", picture, "--schema", str(tmp_path / "none.yaml"))
    assert status == 78
    assert "none.yaml" in err


def test_replay_prints_keyframes_as_json_lines(
    capsys: pytest.CaptureFixture[str], clip: str
) -> None:
    status, out, _ = run(capsys, "replay", clip, "--no-model", "--json")
    assert status == 0
    lines = [json.loads(line) for line in out.splitlines()]
    keyframes = [line for line in lines if line["kind"] == "keyframe"]
    assert any(2.0 <= k["t"] <= 5.5 and k["trigger"] == "motion" for k in keyframes)
    assert all(len(box) == 4 for k in keyframes for box in k["boxes"])
    assert lines[-1]["kind"] == "end"
    assert lines[-1]["keyframes"] == len(keyframes)


def test_replay_judges_by_the_files_own_time(
    capsys: pytest.CaptureFixture[str], clip: str, tmp_path: Path
) -> None:
    config = tmp_path / "edge.yaml"
    config.write_text(
        "mqtt: {host: localhost}\nvlm: {model: demo}\nstore: {folder: ./s}\n"
        "cameras: {porch: {input: demo:yard}}\n"
        "rules: {people: {count: 'How many people?', min_confidence: 0.5}}\n"
    )
    status, out, _ = run(capsys, "replay", clip, "-c", str(config), "--json")
    assert status == 0
    lines = [json.loads(line) for line in out.splitlines()]
    verdicts = [line for line in lines if line["kind"] == "verdict"]
    assert verdicts
    assert {v["rule"] for v in verdicts} == {"people"}
    status, _, err = run(capsys, "replay", clip, "-c", str(config), "--camera", "proch")
    assert status == 78
    assert "There are: porch" in err


def test_ask_reads_follow_ups(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, picture: str
) -> None:
    lines = f"Is it wet?\n\n{'x' * 3000}\n还有别的吗\n"
    monkeypatch.setattr("sys.stdin", io.StringIO(lines))
    words = ["ask", picture, "Is it red?", "--model", "demo", "--chat", "--yes-no"]
    status, out, err = run(capsys, *words)
    assert status == 1, "one line could not be asked"
    assert "3000 characters" in err
    assert "FOR DEMONSTRATION: knows drawn yards alone" in err
    answers = out.splitlines()
    assert len(answers) == 3
    assert all(answer.split()[0] in {"yes", "no"} for answer in answers)


def test_ask_writes_follow_ups(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, picture: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("And now?\n"))
    words = ["ask", picture, "What is it?", "--model", "demo", "--chat", "--deadline", "1s"]
    status, out, _ = run(capsys, *words)
    assert status == 0
    assert len(out.splitlines()) >= 2
