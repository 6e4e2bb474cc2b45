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
    if (plain["vlm"]["openai"] or {}).get("key"):
        plain["vlm"]["openai"]["key"] = MASK
    shown: dict[str, Any] = _masked(plain, (), plain, loaded)
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


def _masked(value: Any, path: TreePath, plain: Any, loaded: LoadedConfig) -> Any:
    """`value`, which stands at `path` of `plain`, without what came from outside the file."""
    if path in loaded.masked:
        return redact_text(loaded.masked[path], loaded.secrets)
    if len(path) > 3 and path[0] == "cameras" and path[2] in _INHERITED:
        above = path[2:]  # where a camera's value comes from if it has none of its own
        if above in loaded.masked and _at(plain, above) == value:
            return redact_text(loaded.masked[above], loaded.secrets)
    if isinstance(value, dict):
        return {key: _masked(one, (*path, key), plain, loaded) for key, one in value.items()}
    if isinstance(value, list):
        return [_masked(one, (*path, n), plain, loaded) for n, one in enumerate(value)]
    return redact_text(value, loaded.secrets) if isinstance(value, str) else value


def _at(plain: Any, path: TreePath) -> Any:
    for step in path:
        plain = plain[step]
    return plain


def _without_nothing(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: _without_nothing(below) for key, below in value.items()}
        return {key: below for key, below in kept.items() if below not in (None, {}, [])}
    return value
