"""`edge check` warns of what would keep `edge run` from starting here."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from edge.cli import check
from edge.config.load import load_config
from edge.daemon.wiring import engine_settings
from edge.hub.places import DEMO_DIR
from edge.pace import Pace, PacePoint
from edge.vlm.pace_file import save_pace

BASE = """\
mqtt: {host: localhost}
cameras: {c: {input: rtsp://h/x}}
rules: {r: {ask: x}}
"""
MODEL = f"vlm: {{model: {DEMO_DIR}}}\n"  # complete, and not called demo


def warnings_of(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    file = tmp_path / "edge.yaml"
    file.write_text(BASE + text)
    parser = argparse.ArgumentParser()
    check.add_arguments(parser)
    assert check.run(parser.parse_args([str(file), "--json"])) == 0
    told = json.loads(capsys.readouterr().out)["warnings"]
    assert check.run(parser.parse_args([str(file)])) == 0
    shown = capsys.readouterr().err
    assert all(f"warning: {one['path']}" in shown for one in told)
    assert (f"{len(told)} warning" in shown) == bool(told)
    return {one["path"]: one["message"] for one in told}


@pytest.fixture(autouse=True)
def no_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGE_MODELS", str(tmp_path / "models"))


def test_a_model_that_was_not_pulled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = warnings_of("store: {folder: ./store}\n", tmp_path, capsys)
    assert list(told) == ["vlm.model"]
    assert "Fetch it with `edge model pull`" in told["vlm.model"]


def test_a_models_folder_that_is_absent_or_not_complete(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "store: {folder: ./store}\nvlm: {model: ./model}\n"
    told = warnings_of(text, tmp_path, capsys)
    assert f"no model in {tmp_path}/model" in told["vlm.model"]
    (tmp_path / "model").mkdir()
    assert "not a complete" in warnings_of(text, tmp_path, capsys)["vlm.model"]


def test_a_store_that_cannot_be_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    told = warnings_of(f"store: {{folder: ./file/store}}\n{MODEL}", tmp_path, capsys)
    assert list(told) == ["store.folder"]
    assert f"the store's folder {tmp_path}/file/store does not exist" in told["store.folder"]


def test_silence_where_nothing_is_in_the_way(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert warnings_of(f"store: {{folder: ./store}}\n{MODEL}", tmp_path, capsys) == {}
    assert not (tmp_path / "store").exists()


def run_check(file: str, capsys: pytest.CaptureFixture[str]) -> tuple[dict[str, Any], str]:
    parser = argparse.ArgumentParser()
    check.add_arguments(parser)
    assert check.run(parser.parse_args([file, "--json"])) == 0
    told = json.loads(capsys.readouterr().out)
    assert check.run(parser.parse_args([file])) == 0
    return told, capsys.readouterr().err


def test_a_box_that_has_not_measured_itself_says_how(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "edge.yaml"
    file.write_text(BASE + f"store: {{folder: ./store}}\n{MODEL}")
    told, shown = run_check(str(file), capsys)
    assert told["budget"] is None
    assert "budget: what this box can take is not measured yet: the daemon measures it" in shown
    assert f"`edge bench --calibrate {file}` at once" in shown
    file.write_text(BASE + f"store: {{folder: ./store}}\nbudget: {{measure: false}}\n{MODEL}")
    assert f"yet: `edge bench --calibrate {file}` measures it" in run_check(str(file), capsys)[1]


def test_a_model_elsewhere_is_not_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "edge.yaml"
    server = "{engine: openai, openai: {url: http://127.0.0.1:9/v1, model: m}}"
    file.write_text(BASE + f"store: {{folder: ./store}}\nvlm: {server}\n")
    shown = run_check(str(file), capsys)[1]
    assert "the model is not on this box: what it can take is seen once the daemon runs" in shown


@pytest.mark.parametrize(
    ("ms", "warned"),
    [(1000.0, ""), (8000.0, "little is left"), (15_000.0, "it cannot keep up")],
)
def test_a_measured_box_says_what_it_can_take(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], ms: float, warned: str
) -> None:
    file = tmp_path / "edge.yaml"
    rule = "rules: {r: {ask: x, when: {every: 10s}}}\n"
    text = BASE.replace("rules: {r: {ask: x}}\n", rule) + f"store: {{folder: ./store}}\n{MODEL}"
    file.write_text(text)
    settings = engine_settings(load_config(file).config, DEMO_DIR)
    save_pace(settings, Pace((PacePoint(65_536, 1, ms),)))
    told, shown = run_check(str(file), capsys)
    assert f"budget: about {3_600_000 / ms:.0f} keyframes an hour" in shown
    assert f"  r: {ms / 1000:.2f} s of each keyframe, {ms / 10_000:.1%} of the time" in shown
    assert told["budget"]["clocked"] == 360
    warnings = {one["path"]: one["message"] for one in told["warnings"]}
    assert (list(warnings) == ["rules"]) == bool(warned)
    assert warned in warnings.get("rules", "")
