"""`edge check` warns of what would keep `edge run` from starting here."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from edge.cli import check
from edge.hub.places import DEMO_DIR

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
