"""Whether the store's folder can be used by this user, said in a sentence that helps.

Looks only. Called when the store is opened, and by `edge check`.
"""

from __future__ import annotations

import os
import pwd
from pathlib import Path


def folder_obstacle(folder: Path) -> str:
    """Why nothing can be written in `folder`, or why it cannot be made; "" if nothing is seen.

    A look, not a promise: a full disk or a security module may still refuse.
    """
    is_there = os.path.lexists(folder)
    if is_there and not os.path.isdir(folder):  # noqa: PTH112 - Path.is_dir raises in closed places
        return f"the store's folder {folder} is not a folder; set another `store.folder`"
    existing = next(p for p in (folder, *folder.absolute().parents) if os.path.lexists(p))
    if os.path.isdir(existing) and os.access(existing, os.W_OK | os.X_OK):  # noqa: PTH112
        return ""
    if _is_read_only(existing):
        return (
            f"the store's folder {folder} lies on a disk that is mounted read-only; mount it "
            "writable, or set another `store.folder`"
        )
    if is_there:
        return (
            f"{_user()} cannot write in the store's folder {folder}; change its owner, "
            "or set another `store.folder`"
        )
    return (
        f"the store's folder {folder} does not exist, and {_user()} cannot make it in {existing}; "
        f"run `sudo install -d -m 700 -o {_user_name()} {folder}`, or set another `store.folder`"
    )


def _is_read_only(path: Path) -> bool:
    try:
        return bool(os.statvfs(path).f_flag & os.ST_RDONLY)
    except OSError:
        return False


def _user() -> str:
    return f"this user ({_user_name()})"


def _user_name() -> str:
    """The name of the process's user, or its number where the system has no name for it."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
