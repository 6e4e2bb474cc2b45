"""A loaded configuration as it may be shown: complete, with every secret as ***.

Called by `edge check`; writes nothing itself.
"""

from __future__ import annotations

from typing import Any

import yaml

from edge.config.faults import TreePath
from edge.config.load import LoadedConfig
from edge.redact import MASK, redact_text

_INHERITED = {"capture", "motion", "snapshots"}


def build_printable(loaded: LoadedConfig) -> dict[str, Any]:
    """The resolved configuration as plain values, keys as in the file, secrets masked."""
    plain = loaded.config.model_dump(mode="json")
    if plain["mqtt"]["password"]:
        plain["mqtt"]["password"] = MASK
    shown: dict[str, Any] = _masked(plain, (), loaded)
    return shown


def format_yaml(loaded: LoadedConfig) -> str:
    """The same as YAML text, without what is not set."""
    return yaml.safe_dump(
        _without_nothing(build_printable(loaded)),
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=None,
        width=100,
    )


def _masked(value: Any, path: TreePath, loaded: LoadedConfig) -> Any:
    shown = _mask_at(path, loaded.masked)
    if shown is not None:
        return redact_text(shown, loaded.secrets)
    if isinstance(value, dict):
        return {key: _masked(below, (*path, key), loaded) for key, below in value.items()}
    if isinstance(value, list):
        return [_masked(below, (*path, number), loaded) for number, below in enumerate(value)]
    return redact_text(value, loaded.secrets) if isinstance(value, str) else value


def _mask_at(path: TreePath, masked: dict[TreePath, str]) -> str | None:
    """What may be shown at `path`, also where a camera took the value from the top level."""
    if path in masked:
        return masked[path]
    if len(path) > 3 and path[0] == "cameras" and path[2] in _INHERITED:
        return masked.get(path[2:])
    return None


def _without_nothing(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: _without_nothing(below) for key, below in value.items()}
        return {key: below for key, below in kept.items() if below not in (None, {}, [])}
    return value
