"""A passed self-test is remembered for exactly what was tested."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from edge.errors import ModelInvalid
from edge.vlm import trial
from edge.vlm.engine import Engine, open_tested_engine
from edge.vlm.settings import EngineSettings
from edge.vlm.trial import forget_passes, has_passed, remember_pass


@pytest.fixture
def settings(demo_dir, tmp_path) -> EngineSettings:
    model = Path(shutil.copytree(demo_dir, tmp_path / "model"))
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "1.blob").write_bytes(b"compiled")
    return EngineSettings(model, cache_dir=tmp_path / "cache")


def test_a_pass_is_remembered(settings):
    assert not has_passed(settings)
    remember_pass(settings)
    assert has_passed(settings)
    forget_passes(settings.cache_dir)
    assert not has_passed(settings)


def test_without_a_cache_nothing_is_remembered(settings):
    none = replace(settings, cache_dir=None)
    remember_pass(none)
    assert not has_passed(none)


def touch(path: Path) -> None:
    os.utime(path, ns=(1, 1))


@pytest.mark.parametrize(
    "change",
    [
        lambda s, _: touch(s.model_dir / "openvino_language_model.bin"),
        lambda s, _: (s.model_dir / "tokenizer.json").write_text("{}"),
        lambda s, _: (s.cache_dir / "1.blob").write_bytes(b"spoilt"),
        lambda s, _: (s.cache_dir / "2.blob").write_bytes(b"more"),
        lambda _, patch: patch.setattr(trial, "read_processor", lambda: ["another"]),
        lambda _, patch: patch.setattr(trial, "read_versions", lambda: ["9.9"]),
    ],
    ids=["weights", "tokenizer", "compiled", "more compiled", "processor", "version"],
)
def test_what_changes_is_tested_again(settings, monkeypatch, change):
    remember_pass(settings)
    change(settings, monkeypatch)
    assert not has_passed(settings)


@pytest.mark.parametrize(
    "other", [{"accuracy": True}, {"dynamic_quantization": False}, {"threads": 1}], ids=str
)
def test_other_ways_to_compute_are_tested(settings, other):
    remember_pass(settings)
    assert not has_passed(replace(settings, **other))
    assert has_passed(replace(settings, crop_margin=0.5))


def test_one_note_is_kept(settings):
    remember_pass(settings)
    touch(settings.model_dir / "config.json")
    remember_pass(settings)
    assert len(list(settings.cache_dir.glob("*.tested"))) == 1


def test_a_folder_that_cannot_be_written(settings, monkeypatch, caplog):
    def refuse(self, *args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", refuse)
    remember_pass(settings)
    assert "each start tests the model" in caplog.text


def test_the_second_start_only_warms_up(demo_dir, tmp_path, monkeypatch):
    settings = EngineSettings(demo_dir, cache_dir=tmp_path / "cache")
    done = []
    for name in ("self_test", "warm_up"):
        original = getattr(Engine, name)
        monkeypatch.setattr(
            Engine, name, lambda self, n=name, o=original: (done.append(n), o(self))[1]
        )
    for _ in range(3):
        open_tested_engine(settings).close()
    assert done == ["self_test", "warm_up", "warm_up"]


def test_a_failed_test_is_not_remembered(demo_dir, tmp_path, monkeypatch):
    monkeypatch.setattr("edge.vlm.self_test.MIN_AGREEMENT", 1.1)
    settings = EngineSettings(demo_dir, cache_dir=tmp_path / "cache")
    with pytest.raises(ModelInvalid, match="fails its self-test"):
        open_tested_engine(settings)
    assert not list((tmp_path / "cache").glob("*.tested"))


def test_a_warm_up_refuses_a_broken_model(demo_engine, monkeypatch):
    runner = demo_engine._loaded.runner
    forward = runner.forward
    with monkeypatch.context() as patch:
        patch.setattr(runner, "forward", lambda *given: forward(*given) * float("nan"))
        with pytest.raises(ModelInvalid, match="not finite"):
            demo_engine.warm_up()
    demo_engine.warm_up()
