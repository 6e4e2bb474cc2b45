"""`edge replay`: lines, folders, labels, comparison, the report, and what cannot be done."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import av
import pytest

from tests.support.clips import Walk, encode_clip, moving_scene
from tests.support.commands import run

CONFIG = """\
mqtt: {host: localhost}
store: {folder: ./s}
cameras:
  porch:
    input: demo:yard
    zones: {step: [[0.0, 0.5], [1.0, 0.5], [1.0, 1.0], [0.0, 1.0]]}
"""
BLIND = CONFIG.replace("input: demo:yard", "input: demo:yard\n    motion: {enabled: false}")
LABELS = {
    "events": [{"t_start": 2.0, "t_end": 5.0, "category": "enter", "label": "somebody"}],
    "quiet_intervals": [{"t_start": 0, "t_end": 1.5}],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two clips, labels for one of them, and files that are no clips."""
    folder = tmp_path_factory.mktemp("clips")
    for name, walks in (("a.mp4", [Walk(2.0, 5.0)]), ("b.mp4", [])):
        encode_clip(folder / name, moving_scene(7, walks, fps=10, size=(320, 180)), gop=10)
    (folder / "notes.txt").write_text("no clip")
    (folder / "a.json").write_text(json.dumps(LABELS))
    return folder


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "edge.yaml"
    path.write_text(CONFIG)
    return path


def lines_of(out: str) -> list[dict]:
    return [json.loads(line) for line in out.splitlines()]


def test_a_folder_is_replayed_by_name(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    status, out, _ = run(capsys, "replay", folder, "--no-model", "--json")
    assert status == 0
    lines = lines_of(out)
    assert [line["clip"] for line in lines if line["kind"] == "end"] == ["a.mp4", "b.mp4"]
    assert {line["clip"] for line in lines if line["kind"] == "keyframe"} == {"a.mp4"}


def test_people_read_names_times_and_cost(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    status, out, err = run(capsys, "replay", folder)
    assert status == 0
    assert out.splitlines()[0] == "a.mp4"
    assert "keyframe  motion peak, 1 region" in out
    assert "an hour" in err
    assert "processor time" in err


def test_a_name_that_is_no_text_is_shown_all_the_same(
    capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path
) -> None:
    clips = tmp_path / "clips"
    clips.mkdir()
    for raw in (b"\xff\x1b[31m.mp4", b"plain.mp4"):
        os.link(folder / "b.mp4", os.path.join(os.fsencode(clips), raw))  # noqa: PTH118 - bytes
    Path(os.fsdecode(os.fsencode(clips) + b"/\xfe.mp4")).write_text("no clip\n" * 99)
    report = tmp_path / "out.html"
    status, out, _ = run(capsys, "replay", clips, "--json", "--report", report)
    assert status == 1
    assert {line["clip"] for line in lines_of(out)} == {"??[31m.mp4", "plain.mp4", "?.mp4"}
    assert "??[31m.mp4" in report.read_text()


def test_a_broken_clip_of_a_folder_is_passed_over(
    capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "a.mp4").write_bytes(b"not a clip at all" * 100)
    (tmp_path / "b.mp4").symlink_to(folder / "b.mp4")
    status, out, _ = run(capsys, "replay", tmp_path, "--json")
    assert status == 1
    lines = lines_of(out)
    assert [(line["kind"], line["clip"]) for line in lines] == [
        ("error", "a.mp4"),
        ("end", "b.mp4"),
    ]
    assert "a.mp4" in lines[0]["what"]


@pytest.mark.parametrize(("video", "warned"), [("a.mp4", False), ("x/b.mp4", True), ("", False)])
def test_labels_of_another_clip_are_warned_of(
    capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path, video: str, warned: bool
) -> None:
    labels = tmp_path / "labels.json"
    labels.write_text(json.dumps({"video": video, "events": []}))
    clip = folder / "a.mp4"
    status, out, err = run(capsys, "replay", clip, "--json", "--truth", labels, "--seconds", "1")
    assert status == 0
    assert ("labels.json is about x/b.mp4" in err) == warned
    assert "is about" not in out


def test_times_are_those_that_the_clip_has(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    clip = tmp_path / "late.ts"
    scene = moving_scene(7, [Walk(2.0, 5.0)], fps=10, size=(320, 180))
    encode_clip(clip, ((t + 1.5, image) for t, image in scene), gop=10)
    with av.open(str(clip)) as container:
        first_s = next(container.decode(video=0)).time
    assert first_s == pytest.approx(1.5), "the clip begins later than 0"
    labels = tmp_path / "late.json"
    events = [{"t_start": 2.0 + first_s, "t_end": 5.0 + first_s, "category": "enter"}]
    labels.write_text(json.dumps({"events": events}))
    status, out, _ = run(capsys, "replay", clip, "--json", "--truth", labels)
    assert status == 0
    lines = lines_of(out)
    assert 2.0 <= lines[0]["t"] - first_s <= 4.0
    assert lines[0]["started"] <= lines[0]["t"]
    assert 6.5 <= lines[-2]["t"] - first_s <= 7.0
    assert lines[-1]["recall"]["activity"] == {"covered": 1, "events": 1, "recall": 1.0}


def test_labels_score_what_they_are_about(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    status, out, _ = run(capsys, "replay", folder, "--json", "--truth", folder)
    assert status == 0
    summary = lines_of(out)[-1]
    assert summary["kind"] == "summary"
    assert summary["recall"]["all"]["covered"] == 1
    assert summary["quiet_false_per_hour"] == 0
    assert 0 <= summary["enter_leave_latency_s"]["median"] <= 2
    status, out, _ = run(capsys, "replay", folder / "a.mp4", "--truth", folder / "a.json")
    assert "100 % (1/1)" in out


def test_two_configurations_stand_side_by_side(
    capsys: pytest.CaptureFixture[str], folder: Path, config: Path
) -> None:
    other = config.with_name("other.yaml")
    other.write_text(BLIND)
    report = config.with_name("out.html")
    words = ["replay", folder / "a.mp4", "-c", config, "--compare", other, "--no-model"]
    words += ["--truth", folder / "a.json"]
    status, out, _ = run(capsys, *words, "--report", report)
    assert status == 0
    head, *rows = out.splitlines()
    assert head.split() == ["edge.yaml,", "porch", "other.yaml,", "porch"]
    cells = {row[2:32].strip(): row[32:].split() for row in rows}
    shown = next(row for row in rows if row.strip().startswith("activity shown"))
    assert "100 % (1/1)" in shown
    assert "0 % (0/1)" in shown
    assert any("only edge.yaml, porch:" in row for row in rows), cells
    page = report.read_text()
    assert page.count('class="plot"') == 6
    assert "other.yaml, porch" in page
    status, out, _ = run(capsys, *words, "--json")
    kinds = [(line["kind"], line.get("config", "")) for line in lines_of(out)]
    assert ("end", "other.yaml, porch") in kinds
    assert kinds[-1][0] == "difference"


def test_what_is_decoded_is_the_cameras_or_as_asked(
    capsys: pytest.CaptureFixture[str], folder: Path, config: Path
) -> None:
    config.write_text(
        CONFIG.replace("input: demo:yard", "input: x.mp4\n    capture: {decode: iframes}")
    )
    words = ["replay", folder / "a.mp4", "-c", config, "--no-model", "--truth", folder / "a.json"]
    left_out = []
    for more in ([], ["--decode", "all"]):
        status, out, _ = run(capsys, *words, "--json", *more)
        assert status == 0
        left_out.append(lines_of(out)[-1]["left_out"])
    assert left_out[0] > 0.8
    assert left_out[1] == 0


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        pytest.param(["{folder}/none.mp4"], 1, "none.mp4: no such file", id="no file"),
        pytest.param(["{empty}"], 1, "there is no clip in this folder", id="empty folder"),
        pytest.param(["{folder}/notes.txt"], 1, "notes.txt", id="no clip"),
        pytest.param(
            ["{clip}", "--truth", "{folder}/x.json"], 1, "x.json: there is no", id="truth"
        ),
        pytest.param(["{clip}", "--truth", "{bad}"], 1, "events.0.t_end: Field", id="bad labels"),
        pytest.param(["{folder}", "--truth", "{bad}"], 1, "give a folder", id="one for two"),
        pytest.param(["{clip}", "-c", "{bad}"], 78, "bad.json", id="bad configuration"),
        pytest.param(["{clip}", "--compare", "{bad}"], 78, "bad.json", id="bad comparison"),
        pytest.param(["{clip}", "--report", "/nowhere/x.html"], 1, "no folder", id="report"),
        pytest.param(["{clip}", "--report", "{empty}"], 1, "is a folder; give", id="folder"),
        pytest.param(["{clip}", "--decode", "some"], 2, "invalid choice", id="decode"),
        pytest.param(["{clip}", "--camera", "x"], 2, "needs -c", id="camera"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_run(
    capsys: pytest.CaptureFixture[str],
    folder: Path,
    tmp_path: Path,
    words: list[str],
    status: int,
    said: str,
) -> None:
    (tmp_path / "empty").mkdir()
    bad = tmp_path / "bad.json"
    bad.write_text('{"events": [{"t_start": 1, "category": "enter"}]}')
    places = {"folder": folder, "empty": tmp_path / "empty", "clip": folder / "a.mp4", "bad": bad}
    found, out, err = run(capsys, "replay", *(word.format(**places) for word in words))
    assert found == status
    assert said in err
    assert out == ""


def test_a_plain_replay_is_light_and_has_one_thread(folder: Path) -> None:
    """What it imports decides how soon it starts."""
    watch = (
        "import sys, threading\n"
        "from pathlib import Path\n"
        "from edge.cli import main\n"
        "main(['replay', sys.argv[1], '--no-model', '--json'])\n"
        "threads = len(list(Path('/proc/self/task').iterdir()))\n"
        "print(threads, *sorted(sys.modules), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", watch, str(folder / "b.mp4")],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
    )
    threads, *modules = done.stderr.split()
    assert threads == "1"
    heavy = {"pydantic", "yaml", "jinja2", "openvino", "PIL", "fastapi", "edge.replay.truth"}
    assert not heavy & set(modules)
    assert lines_of(done.stdout)[-1]["kind"] == "end"


def test_a_drawn_camera_is_replayed_for_as_long_as_is_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    drawn = "demo:yard?seed=7&fps=5&size=320x180"
    status, out, _ = run(capsys, "replay", drawn, "--seconds", "12", "--json")
    assert status == 0
    *keyframes, end = lines_of(out)
    assert end["kind"] == "end"
    assert end["t"] == pytest.approx(12, abs=0.2)
    assert any(keyframe["trigger"] == "motion" for keyframe in keyframes), "somebody comes at 3 s"


def test_only_the_beginning_of_a_clip(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    status, out, _ = run(capsys, "replay", folder / "a.mp4", "--seconds", "1.5", "--json")
    assert status == 0
    assert lines_of(out)[-1]["t"] == pytest.approx(1.5, abs=0.3)


def test_a_drawn_camera_that_there_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = run(capsys, "replay", "demo:street")
    assert status != 0
    assert "no scene 'street', only `yard`" in err
