"""Account: a user of the system, and what its files' modes let it do. Reads the file system only.

For the process's own user the kernel is asked; for another one the modes are read, which know
nothing of access control lists.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

Wanted = Literal["read", "write", "enter"]

_BITS: Final[dict[Wanted, int]] = {"read": os.R_OK, "write": os.W_OK, "enter": os.X_OK}


@dataclass(frozen=True, slots=True)
class Account:
    """A user with the groups it is in. `is_self`: the one this process runs as."""

    name: str
    uid: int
    groups: frozenset[int]
    is_self: bool

    def obstacle(self, path: Path, wanted: Wanted) -> str:
        """Why it may not read or write a file, or enter and write a folder; "" if it may."""
        for folder in reversed(path.absolute().parents):
            if not os.path.lexists(folder):
                return f"{folder} does not exist"
            if not self._may(folder, "enter"):
                return f"user {self.name} may not enter {folder} ({_mode_of(folder)})"
        if not os.path.lexists(path):
            return f"{path} does not exist"
        if not self._may(path, wanted):
            return f"user {self.name} may not {wanted} {path} ({_mode_of(path)})"
        return ""

    def _may(self, path: Path, wanted: Wanted) -> bool:
        bit = _BITS[wanted]
        if self.is_self:
            return os.access(path, bit, effective_ids=True)
        try:
            found = path.stat()
        except OSError:
            return False
        if self.uid == 0:
            return True
        in_group = found.st_gid in self.groups
        shift = 6 if found.st_uid == self.uid else 3 if in_group else 0
        return bool(stat.S_IMODE(found.st_mode) >> shift & bit)


def this_account() -> Account:
    """The user this process runs as."""
    uid = os.geteuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = str(uid)
    return Account(name, uid, frozenset({*os.getgroups(), os.getegid()}), is_self=True)


def account_of(name: str, extra_groups: tuple[str, ...] = ()) -> Account:
    """The user of that name, in `extra_groups` as well; KeyError if there is none.

    Groups that do not exist are left out.
    """
    entry = pwd.getpwnam(name)
    if entry.pw_uid == os.geteuid():
        return this_account()
    groups = set(os.getgrouplist(name, entry.pw_gid))
    for group in extra_groups:
        try:
            groups.add(grp.getgrnam(group).gr_gid)
        except KeyError:
            continue
    return Account(name, entry.pw_uid, frozenset(groups), is_self=False)


def _mode_of(path: Path) -> str:
    """Owner, group and mode, as `ls -l` shows them."""
    try:
        found = path.stat()
    except OSError as error:
        return error.strerror or "cannot be seen"
    try:
        owner = pwd.getpwuid(found.st_uid).pw_name
    except KeyError:
        owner = str(found.st_uid)
    try:
        group = grp.getgrgid(found.st_gid).gr_name
    except KeyError:
        group = str(found.st_gid)
    return f"{stat.filemode(found.st_mode)} {owner}:{group}"
