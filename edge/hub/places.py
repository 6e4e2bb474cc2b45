"""Where models live on this machine, and how a name in a configuration becomes a folder.

Knows folders and names only; fetches nothing. Used by every command that needs a model.
"""

from __future__ import annotations

import os
from pathlib import Path

from edge.config.model_names import DEFAULT_MODEL, DEMO_MODEL
from edge.errors import ModelMissing
from edge.hub.folder import require_complete

DEMO_DIR = Path(__file__).parents[1] / "demo" / "model"
SYSTEM_DIR = Path("/var/lib/edge/models")


def search_dirs() -> tuple[Path, ...]:
    """The folders in which models are looked for, in order.

    $EDGE_MODELS alone where it is set, else the system's folder and the user's own.
    """
    chosen = os.environ.get("EDGE_MODELS", "")
    if chosen:
        return (Path(chosen).expanduser(),)
    return SYSTEM_DIR, _user_dir()


def dir_for_pulling() -> Path:
    """The folder that new models are put into: the first of `search_dirs` that can be written.

    The system's folder is used only if it exists; it may not exist yet for the others.
    """
    first, *others = search_dirs()
    if not others or (first.is_dir() and os.access(first, os.W_OK | os.X_OK)):
        return first
    return others[0]


def find_model(name_or_path: str | Path) -> Path:
    """The folder of a complete model: `demo`, a folder, the hub's name of a pulled model, or ""
    for the default one.

    A text that begins with `/`, `.` or `~` is a folder; any other is looked up in `search_dirs`
    first and taken for a folder below the current one last. Raises ModelMissing, naming the
    command that fetches it, and ModelInvalid for a folder whose files are not complete.
    """
    folder = locate_model(name_or_path)
    require_complete(folder)
    return folder


def locate_model(name_or_path: str | Path) -> Path:
    """As `find_model`, but the folder need not be complete."""
    name = str(name_or_path).strip() or DEFAULT_MODEL
    if name == DEMO_MODEL:
        return DEMO_DIR
    path = Path(name).expanduser()
    if not is_path(name):
        path = next((d / name for d in search_dirs() if (d / name).is_dir()), path)
    if not path.is_dir():
        raise ModelMissing(_missing_text(name))
    return path


def _user_dir() -> Path:
    data = os.environ.get("XDG_DATA_HOME", "")
    base = Path(data) if data.startswith("/") else Path("~/.local/share").expanduser()
    return base / "edge" / "models"


def is_path(name: str) -> bool:
    """Whether a name can only be that of a folder."""
    return name.startswith(("/", ".", "~"))


def _missing_text(name: str) -> str:
    if is_path(name) or name.count("/") != 1:
        return (
            f"no model in {name}: there is no such folder. Fetch one with"
            f" `edge model pull --dest {name}`, or name the bundled small one, `{DEMO_MODEL}`"
        )
    looked = ", ".join(str(folder) for folder in search_dirs())
    pull = "edge model pull" if name == DEFAULT_MODEL else f"edge model pull {name}"
    return (
        f"no model {name} on this machine (looked in {looked}). Fetch it with `{pull}`,"
        f" or name the bundled small one, `{DEMO_MODEL}`"
    )
