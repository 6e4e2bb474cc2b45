"""The last configuration that worked, kept so that a broken edit does not stop the box.

The copy is the file's own text: secrets are still names in it, and are filled in when it is used.
The daemon saves after a good start or reload and falls back, loudly, at start.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from edge.config.load import LoadedConfig, load_config, load_text
from edge.config.services import StoreConfig
from edge.config.yaml_text import parse_yaml, read_text
from edge.errors import ConfigError, StoreError

LAST_GOOD_NAME = "last_good.yaml"


def save_last_good(source: Path, state_folder: Path) -> Path:
    """Copy the file into the state folder, readable by this user only; returns the copy's path.

    The copy appears whole or not at all, also through a power cut. Raises StoreError if the folder
    cannot be written, ConfigError if the file can no longer be read.
    """
    text = read_text(source)
    copy = state_folder / LAST_GOOD_NAME
    try:
        if copy.exists() and copy.read_text(encoding="utf-8") == text:
            return copy
        state_folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".last_good-", dir=state_folder)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            Path(name).replace(copy)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
        _sync_folder(state_folder)
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"cannot save a copy of {source} as {copy}: {error}") from None
    return copy


def load_with_fallback(path: Path, state_folder: Path) -> tuple[LoadedConfig, ConfigError | None]:
    """The configuration, tolerantly; or the last good one together with what is wrong with `path`.

    Relative paths and secrets are those of `path` in both cases. Raises the ConfigError about
    `path` if there is no usable copy.
    """
    try:
        return load_config(path, tolerant=True), None
    except ConfigError as error:
        copy = state_folder / LAST_GOOD_NAME
        try:
            text = read_text(copy)
            loaded = load_text(text, str(copy), path.absolute().parent, tolerant=True)
        except ConfigError:
            raise error from None
        return loaded, error


def find_state_folder(path: Path) -> Path:
    """`store.folder` of a configuration that may be broken everywhere else.

    Falls back to systemd's $STATE_DIRECTORY, then to the default. Never raises.
    """
    default = Path(os.environ.get("STATE_DIRECTORY", "").partition(":")[0] or _DEFAULT_FOLDER)
    try:
        text = read_text(path)
        store = parse_yaml(_block_text(text, "store"), str(path)).root.value["store"].value
        folder = store["folder"].value
    except (ConfigError, KeyError, TypeError):
        return default
    if not isinstance(folder, str) or "${" in folder or not folder.strip():
        return default
    try:
        return path.absolute().parent / Path(folder).expanduser()
    except RuntimeError:
        return default


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


def _sync_folder(folder: Path) -> None:
    """Make the rename itself survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
