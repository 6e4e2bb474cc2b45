"""The last configuration that worked, kept so that a broken edit does not stop the box.

The copy is the file's own text: secrets are still names in it, and are filled in when it is used.
It lies in the store's folder. Where that is not the default one, a note of it is kept beside the
file, or in systemd's folder for us: a file that is empty or cut off does not say it any more.
The daemon saves after a good start or reload and falls back, loudly, at start.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from edge.config.load import LoadedConfig, load_config, load_text
from edge.config.services import StoreConfig
from edge.config.yaml_text import parse_yaml, read_text
from edge.errors import ConfigError, StoreError

log = logging.getLogger(__name__)

LAST_GOOD_NAME = "last_good.yaml"


def save_last_good(source: Path, state_folder: Path) -> Path:
    """Copy the file into the state folder, readable by this user only; returns the copy's path.

    The copy appears whole or not at all, also through a power cut. Raises StoreError if the folder
    cannot be written, ConfigError if the file can no longer be read. The note is kept if it can be.
    """
    text = read_text(source)
    copy = state_folder / LAST_GOOD_NAME
    try:
        _write_private(copy, text)
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"cannot save a copy of {source} as {copy}: {error}") from None
    note = _note_of(source)
    try:
        if state_folder.absolute() == _default_folder().absolute():
            note.unlink(missing_ok=True)
        else:
            _write_private(note, f"{state_folder.absolute()}\n")
    except (OSError, UnicodeDecodeError) as error:
        log.info("cannot note in %s where the copy of %s is: %s", note, source, error)
    return copy


def load_with_fallback(
    path: Path, state_folders: Sequence[Path]
) -> tuple[LoadedConfig, ConfigError | None]:
    """The configuration, tolerantly; or the last good one together with what is wrong with `path`.

    The first of the folders that has a usable copy counts. Relative paths and secrets are those of
    `path` in both cases. Raises the ConfigError about `path` if there is no usable copy.
    """
    try:
        return load_config(path, tolerant=True), None
    except ConfigError as error:
        for folder in state_folders:
            copy = folder / LAST_GOOD_NAME
            try:
                text = read_text(copy)
                return load_text(text, str(copy), path.absolute().parent, tolerant=True), error
            except ConfigError:
                continue
        raise


def find_state_folders(path: Path) -> tuple[Path, ...]:
    """Where the last good copy of a configuration may be, likeliest first. Never raises.

    `store.folder` as the file has it, which may be broken everywhere else; then the noted one.
    Where neither says anything, systemd's $STATE_DIRECTORY or the default.
    """
    folders = [*_written_folder(path), *_noted_folder(path)]
    return tuple(dict.fromkeys(folders)) or (_default_folder(),)


def _written_folder(path: Path) -> list[Path]:
    try:
        text = read_text(path)
        store = parse_yaml(_block_text(text, "store"), str(path)).root.value["store"].value
        folder = store["folder"].value
    except (ConfigError, KeyError, TypeError):
        return []
    if not isinstance(folder, str) or "${" in folder or not folder.strip():
        return []
    try:
        return [path.absolute().parent / Path(folder).expanduser()]
    except RuntimeError:
        return []


def _noted_folder(path: Path) -> list[Path]:
    try:
        noted = Path(_note_of(path).read_text(encoding="utf-8").strip())
    except (OSError, UnicodeDecodeError):
        return []
    return [noted] if noted.is_absolute() else []


def _note_of(path: Path) -> Path:
    """Beside the file; a service, which may not write there, has a folder of its own."""
    folder = _systemd_folder() or path.absolute().parent
    return folder / f".{path.name}.store"


def _default_folder() -> Path:
    return _systemd_folder() or _DEFAULT_FOLDER


def _systemd_folder() -> Path | None:
    first = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    return Path(first) if first else None


_DEFAULT_FOLDER = StoreConfig().folder


def _block_text(text: str, key: str) -> str:
    """The lines of one top-level block, so that it can be read when the others are not YAML."""
    kept: list[str] = []
    inside = False
    for line in text.splitlines(keepends=True):
        if line[:1] not in {" ", "\t", "#", "\n", "\r", ""}:
            inside = line.startswith(f"{key}:")
        if inside:
            kept.append(line)
    return "".join(kept)


def _write_private(file: Path, text: str) -> None:
    """Write a file of this user alone, whole or not at all; not if it holds the text already."""
    if file.exists() and file.read_text(encoding="utf-8") == text:
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".last_good-", dir=file.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).replace(file)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
    _sync_folder(file.parent)


def _sync_folder(folder: Path) -> None:
    """Make the rename itself survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
