"""The last good configuration: saved whole, used when the file is broken."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge.config.last_good import find_state_folders, load_with_fallback, save_last_good
from edge.errors import ConfigError, StoreError

GOOD = (
    "mqtt: {host: h, username: u, password: !secret mqtt, tls: {ca: ca.pem}}\n"
    "cameras: {c: {input: rtsp://u:plain-pass@h/x}}\n"
)
BROKEN = GOOD.replace("host", "hots")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    folder = tmp_path / "etc"
    folder.mkdir()
    (folder / "secrets.yaml").write_text("mqtt: hush-hush\n")
    (folder / "edge.yaml").write_text(GOOD)
    return folder / "edge.yaml"


def test_copy_holds_names_and_not_secrets_and_is_private(file: Path, tmp_path: Path) -> None:
    copy = save_last_good(file, tmp_path / "state" / "deep")
    assert copy.read_text() == GOOD
    assert copy.stat().st_mode & 0o777 == 0o600
    assert [other.name for other in copy.parent.iterdir()] == [copy.name]


def test_the_same_file_is_not_written_again(file: Path, tmp_path: Path) -> None:
    copy = save_last_good(file, tmp_path)
    before = copy.stat().st_ino
    assert save_last_good(file, tmp_path) == copy
    assert copy.stat().st_ino == before
    file.write_text(GOOD + "node: n\n")
    save_last_good(file, tmp_path)
    assert copy.read_text() == GOOD + "node: n\n"


def test_good_file_is_used(file: Path, tmp_path: Path) -> None:
    loaded, error = load_with_fallback(file, [tmp_path / "none", tmp_path])
    assert error is None
    assert loaded.source == str(file)


@pytest.mark.parametrize("broken", [BROKEN, "mqtt: [", "", None], ids=["key", "yaml", "", "gone"])
def test_broken_file_falls_back_and_says_why(
    broken: str | None, file: Path, tmp_path: Path
) -> None:
    save_last_good(file, tmp_path)
    if broken is None:
        file.unlink()
    else:
        file.write_text(broken)
    loaded, error = load_with_fallback(file, [tmp_path / "none", tmp_path])
    assert error is not None
    assert error.source == str(file)
    assert loaded.source == str(tmp_path / "last_good.yaml")
    assert loaded.config.mqtt.password.get_secret_value() == "hush-hush"  # of the file's folder
    assert loaded.config.mqtt.tls is not None
    assert loaded.config.mqtt.tls.ca == file.parent / "ca.pem"


@pytest.mark.parametrize("copy", [None, BROKEN, "mqtt: ["], ids=["no copy", "broken", "not yaml"])
def test_without_a_usable_copy_the_file_is_complained_about(
    copy: str | None, file: Path, tmp_path: Path
) -> None:
    file.write_text(BROKEN)
    if copy is not None:
        (tmp_path / "last_good.yaml").write_text(copy)
    with pytest.raises(ConfigError) as caught:
        load_with_fallback(file, [tmp_path / "none", tmp_path])
    assert caught.value.source == str(file)


def test_a_folder_that_cannot_be_written(file: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(StoreError, match="cannot save a copy"):
        save_last_good(file, tmp_path / "taken")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("store: {folder: /srv/edge}\nmqtt: [\n", "/srv/edge"),
        ("mqtt: [\nstore:\n  # here\n  folder: state\n\nnode: {\n", "FILE/state"),
        ("store: [\n", "/default"),
        ("store: {folder: '${X}'}\n", "/default"),
        ("store: {folder: [a]}\n", "/default"),
        ("store: x\n", "/default"),
        ("storefront: {folder: /x}\n", "/default"),
        ("", "/default"),
    ],
)
def test_state_folder_of_a_broken_file(
    text: str, expected: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", f"/default{os.pathsep}/other")
    file.write_text(text)
    assert find_state_folders(file) == (Path(expected.replace("FILE", str(file.parent))),)


def test_state_folder_without_systemd(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    file.unlink()
    assert find_state_folders(file) == (Path("/var/lib/edge"),)


@pytest.mark.parametrize("has_systemd", [True, False], ids=["service", "by hand"])
@pytest.mark.parametrize("broken", ["", "mqtt: {host: h", "mqtt: [\nstore: {folder: sta", None])
def test_a_file_that_lost_its_store_folder_still_falls_back(
    broken: str | None,
    has_systemd: bool,
    file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    if has_systemd:
        monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "systemd"))
    good = GOOD + "store: {folder: state}\n"
    file.write_text(good)
    save_last_good(file, file.parent / "state")
    file.unlink() if broken is None else file.write_text(broken)
    loaded, error = load_with_fallback(file, find_state_folders(file))
    assert error is not None
    assert loaded.source == str(file.parent / "state" / "last_good.yaml")
    note = (tmp_path / "systemd" if has_systemd else file.parent) / ".edge.yaml.store"
    assert note.stat().st_mode & 0o777 == 0o600


def test_the_note_goes_when_the_store_is_the_default_one(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "default"))
    save_last_good(file, tmp_path / "own")
    assert find_state_folders(file) == (tmp_path / "own",)
    save_last_good(file, tmp_path / "default")
    assert find_state_folders(file) == (tmp_path / "default",)
    assert [one.name for one in (tmp_path / "default").iterdir()] == ["last_good.yaml"]


def test_a_note_that_cannot_be_kept_costs_no_copy(
    file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    (tmp_path / "taken").write_text("")
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "taken"))
    caplog.set_level("INFO")
    assert save_last_good(file, tmp_path / "own").read_text() == GOOD
    assert "cannot note in" in caplog.text
