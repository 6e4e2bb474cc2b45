"""Filling in what the file only names: `${VARIABLE}`, `!secret NAME`, `!credential NAME`.

Turns a tree of nodes into plain values and remembers which of them came from outside, so that they
are never shown. `load.py` calls it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge.config.faults import Fault, FaultList, TreePath, nearest
from edge.config.yaml_text import parse_yaml, read_text
from edge.config.yaml_tree import Node, Tagged
from edge.errors import ConfigError
from edge.redact import MASK

SECRETS_FILE = "secrets.yaml"
MAX_CREDENTIAL_BYTES = 64 * 1024

_VARIABLE = re.compile(r"\$(\$\{)|\$\{(?:([A-Za-z_][A-Za-z0-9_]*)(?::-([^{}]*))?\})?")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", re.ASCII)


@dataclass(slots=True)
class FilledTree:
    """Plain values, and what is secret among them.

    `masked` maps the path of each value that came from outside to what may be shown of it.
    `secrets` are the texts behind tags; variables are not among them, because a host or a folder
    may come from one and then stands in every log line.
    """

    values: dict[str, Any]
    masked: dict[TreePath, str] = field(default_factory=dict)
    secrets: set[str] = field(default_factory=set)
    faults: FaultList = field(default_factory=FaultList)
    warnings: list[Fault] = field(default_factory=list)

    def is_secret(self, path: TreePath) -> bool:
        """Whether the value at `path`, or one that it is part of, came from outside."""
        return any(path[:length] in self.masked for length in range(len(path) + 1))

    def has_secret(self, path: TreePath) -> bool:
        """Whether something in the value at `path` came from outside."""
        return any(known[: len(path)] == path for known in self.masked)


def fill_tree(root: Node, folder: Path, environment: Mapping[str, str] | None = None) -> FilledTree:
    """Plain values for the tree; what cannot be filled in is a fault and becomes an empty text.

    `folder` holds the configuration and its `secrets.yaml`; `environment` is the process's if not
    given.
    """
    filler = _Filler(folder, os.environ if environment is None else environment)
    filler.tree.values = filler.fill(root, ())
    return filler.tree


class _Filler:
    """Walks the tree once; reads `secrets.yaml` when the first `!secret` is met."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.tree = FilledTree({})
        self._folder = folder
        self._environment = environment
        self._file_secrets: dict[str, str] | None = None
        self._is_file_unusable = False  # which was told once, at the first `!secret`

    def fill(self, node: Node, path: TreePath) -> Any:
        value = node.value
        if isinstance(value, dict):
            return {key: self.fill(child, (*path, key)) for key, child in value.items()}
        if isinstance(value, list):
            return [self.fill(child, (*path, number)) for number, child in enumerate(value)]
        if isinstance(value, Tagged):
            return self._tagged(value, path)
        if isinstance(value, str) and "${" in value:
            return self._expanded(value, path)
        return value

    def _tagged(self, tagged: Tagged, path: TreePath) -> str:
        self.tree.masked[path] = MASK
        if not _NAME.fullmatch(tagged.name):
            self.tree.faults.add(
                f"{tagged.tag} is not followed by a name.",
                f"Write {tagged.tag} NAME; a name has letters, digits, and _ . - only.",
                path,
            )
            return ""
        read = self._file_secret if tagged.tag == "!secret" else self._credential
        secret = read(tagged.name, path)
        if secret:
            self.tree.secrets.add(secret)
        return secret

    def _file_secret(self, name: str, path: TreePath) -> str:
        if self._file_secrets is None:
            self._file_secrets = self._read_secrets(path)
        if name in self._file_secrets:
            return self._file_secrets[name]
        if self._is_file_unusable:
            return ""
        file = self._folder / SECRETS_FILE
        if not os.path.lexists(file):
            self.tree.faults.add(
                f"!secret {name}: there is no {file}.",
                f"Create it with the line `{name}: VALUE`, and chmod 600.",
                path,
            )
        elif self._file_secrets:
            remedy = f"Add `{name}: VALUE` there."
            near = nearest(name, self._file_secrets)
            hint = f"Did you mean {near!r}? " if near else ""
            self.tree.faults.add(f"!secret {name} is not in {file}.", hint + remedy, path)
        else:
            self.tree.faults.add(
                f"!secret {name}: {file} has no secrets.", "Add `name: VALUE`.", path
            )
        return ""

    def _read_secrets(self, path: TreePath) -> dict[str, str]:
        file = self._folder / SECRETS_FILE
        if not os.path.lexists(file):  # a link to what cannot be seen is there, and unreadable
            return {}
        try:
            tree = parse_yaml(read_text(file), str(file))
        except ConfigError as error:
            self._is_file_unusable = True
            for problem in error.problems:
                where = f"{file}, line {problem.line}: " if problem.line else f"{file}: "
                if str(file) in problem.message:
                    where = ""
                self.tree.faults.add(f"{where}{problem.message}", problem.remedy, path)
            return {}
        self._check_mode(file)
        for fault in tree.faults:
            self.tree.faults.add(f"{file}: {fault.message}", fault.remedy, path)
        found: dict[str, str] = {}
        for name, node in tree.root.value.items():
            if isinstance(node.value, dict | list | Tagged):
                self.tree.faults.add(
                    f"{file}, line {node.line}: the value of {name!r} is not a text.",
                    "Write `name: VALUE` on one line.",
                    path,
                )
            else:
                found[name] = node.text
        return found

    def _check_mode(self, file: Path) -> None:
        """Its group may read it: a service's user reads what root owns through the group."""
        mode = file.stat().st_mode & 0o777
        can = [
            word
            for word, bits in (
                ("read by every user", 0o004),
                ("changed by its group", 0o020),
                ("changed by every user", 0o002),
            )
            if mode & bits
        ]
        if can:
            self.tree.warnings.append(
                Fault(
                    f"{file} can be {' and '.join(can)} (mode {mode:04o}).",
                    f"Run: chmod g-w,o= {file}",
                )
            )

    def _credential(self, name: str, path: TreePath) -> str:
        folder = self._environment.get("CREDENTIALS_DIRECTORY", "")
        if not folder:
            self.tree.faults.add(
                f"!credential {name}: CREDENTIALS_DIRECTORY is not set; systemd sets it.",
                f"Add `LoadCredential={name}:FILE` to the service, or set it for this command.",
                path,
            )
            return ""
        file = Path(folder) / name
        try:
            with file.open("rb") as stream:
                raw = stream.read(MAX_CREDENTIAL_BYTES + 1)
            if len(raw) > MAX_CREDENTIAL_BYTES:
                self.tree.faults.add(
                    f"!credential {name} is larger than 64 KiB.", "Check the file.", path
                )
                return ""
            return raw.decode().removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError:
            self.tree.faults.add(f"!credential {name} is not UTF-8 text.", "Check the file.", path)
        except OSError as error:
            self.tree.faults.add(
                f"!credential {name} cannot be read: {error.strerror}.",
                f"Add `LoadCredential={name}:FILE` to the service.",
                path,
            )
        return ""

    def _expanded(self, text: str, path: TreePath) -> str:
        """The text with its variables filled in; `$${` stands for `${`."""
        shown: list[str] = []
        filled: list[str] = []
        position = 0
        for match in _VARIABLE.finditer(text):
            between = text[position : match.start()]
            position = match.end()
            literal, name, default = match.groups()
            if literal:
                value, visible = literal, literal
            elif name is None:
                self.tree.faults.add(
                    "a `${` is not followed by a name and `}`.",
                    "Write ${NAME} or ${NAME:-default}; for the characters themselves write $${.",
                    path,
                )
                value, visible = "", ""
            else:
                value, visible = self._variable(name, default, path)
            filled += [between, value]
            shown += [between, visible]
        rest = text[position:]
        if "".join(filled) != "".join(shown):
            self.tree.masked[path] = "".join([*shown, rest])
        return "".join([*filled, rest])

    def _variable(self, name: str, default: str | None, path: TreePath) -> tuple[str, str]:
        """The value, and what may be shown of it: defaults stand in the file and are no secret."""
        value = self._environment.get(name)
        if default is not None and not value:
            return default, default
        if value is None and self.tree.faults.is_full:
            return "", ""
        if value is None:
            self.tree.faults.add(
                f"the environment variable {name} is not set.",
                f"Set {name}, or write ${{{name}:-DEFAULT}}."
                + _near_variable(name, self._environment),
                path,
            )
            self.tree.masked[path] = MASK
            return "", ""
        return value, MASK


def _near_variable(name: str, environment: Mapping[str, str]) -> str:
    """The name of a variable that is set and much like `name`, as one more question; or nothing."""
    near = nearest(name, environment)
    return f" Did you mean {near}?" if near else ""
