"""The last good configuration: saved whole, used when the file is broken."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge.config.last_good import find_state_folder, load_with_fallback, save_last_good
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
    loaded, error = load_with_fallback(file, tmp_path)
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
    loaded, error = load_with_fallback(file, tmp_path)
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
        load_with_fallback(file, tmp_path)
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
    assert find_state_folder(file) == Path(expected.replace("FILE", str(file.parent)))


def test_state_folder_without_systemd(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    file.unlink()
    assert find_state_folder(file) == Path("/var/lib/edge")
