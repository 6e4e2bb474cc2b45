"""From a model's name to its folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.config.model_names import DEFAULT_MODEL
from edge.errors import ModelInvalid, ModelMissing
from edge.hub import places
from edge.hub.folder import PARTIAL_DIR, REQUIRED
from edge.hub.places import DEMO_DIR, dir_for_pulling, find_model, search_dirs

REPO = "Some/model"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without models: no system folder, an empty home."""
    monkeypatch.delenv("EDGE_MODELS", raising=False)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(places, "SYSTEM_DIR", tmp_path / "var")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def make_model(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name in REQUIRED:
        (folder / name).write_text("x")
    return folder


def test_demo_is_bundled():
    assert find_model("demo") == DEMO_DIR
    assert (DEMO_DIR / "openvino_language_model.bin").stat().st_size > 0


def test_pulled_into_the_users_folder(home):
    assert dir_for_pulling() == home / "home/.local/share/edge/models"
    model = make_model(dir_for_pulling() / REPO)
    assert find_model(REPO) == model


def test_system_folder_comes_first_if_it_exists(home):
    (home / "var").mkdir()
    assert dir_for_pulling() == home / "var"
    model = make_model(home / "var" / REPO)
    make_model(home / "home/.local/share/edge/models" / REPO)
    assert find_model(REPO) == model


def test_system_folder_that_cannot_be_written_is_still_searched(home, monkeypatch):
    model = make_model(home / "var" / REPO)
    monkeypatch.setattr(places.os, "access", lambda *_: False)
    assert dir_for_pulling() == home / "home/.local/share/edge/models"
    assert find_model(REPO) == model


def test_the_environment_overrides_both(home, monkeypatch):
    make_model(home / "var" / REPO)
    monkeypatch.setenv("EDGE_MODELS", str(home / "own"))
    assert search_dirs() == (home / "own",)
    assert dir_for_pulling() == home / "own"
    with pytest.raises(ModelMissing):
        find_model(REPO)
    assert find_model(make_model(home / "own" / REPO)) == home / "own" / REPO


def test_xdg_data_home(home, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "data"))
    assert dir_for_pulling() == home / "data/edge/models"
    monkeypatch.setenv("XDG_DATA_HOME", "relative")  # to be ignored, says the XDG specification
    assert dir_for_pulling() == home / "home/.local/share/edge/models"


def test_nothing_named_is_the_default(home):
    model = make_model(dir_for_pulling() / DEFAULT_MODEL)
    assert find_model("") == model


@pytest.mark.parametrize("name", ["/abs", "./here", "~/mine", "here"])
def test_folders(name, home):
    path = Path(name).expanduser() if name != "/abs" else home / "abs"
    make_model(path)
    assert find_model(path if name == "/abs" else name) == path


MISSING = {
    "default": (
        "",
        r"no model OpenVINO/Qwen3.*looked in .*var, .*home.*Fetch it with `edge model pull`,",
    ),
    "hub name": (REPO, r"Fetch it with `edge model pull Some/model`"),
    "folder": ("/no/such", r"no model in /no/such: .*`edge model pull --dest /no/such`"),
    "word": ("nonsense", r"`edge model pull --dest nonsense`"),
}


@pytest.mark.parametrize(("name", "text"), MISSING.values(), ids=MISSING.keys())
def test_missing_names_the_command(name, text, home):
    with pytest.raises(ModelMissing, match=text) as caught:
        find_model(name)
    assert "`demo`" in str(caught.value)


def test_incomplete_folder(home):
    folder = make_model(home / "m")
    (folder / "tokenizer.json").unlink()
    (folder / "config.json").write_text("")
    with pytest.raises(
        ModelInvalid, match=r"config.json is missing or empty; tokenizer.json is missing.*pull"
    ):
        find_model(folder)


def test_empty_folder_lists_only_some_of_what_is_missing(home):
    (home / "m").mkdir()
    with pytest.raises(ModelInvalid, match=r"and 10 more. Fetch one with `edge model pull`"):
        find_model(home / "m")


def test_unfinished_download(home):
    folder = make_model(home / "m")
    (folder / PARTIAL_DIR).mkdir()
    with pytest.raises(ModelMissing, match="was not finished"):
        find_model(folder)
