"""Loading the configuration: the one way from a file to a Config.

`edge check` wants every fault; the daemon (`tolerant`) goes on without the cameras and rules that
are broken and says so. Called by `cli`, `daemon` and `last_good.py`.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from edge.config.advice import advise
from edge.config.faults import MAX_FAULTS, Fault, TreePath
from edge.config.models import Config
from edge.config.problems import block_at, faults_of
from edge.config.references import names, reference_faults, size_faults
from edge.config.secret_values import FilledTree, fill_tree
from edge.config.yaml_text import parse_yaml, read_text
from edge.config.yaml_tree import YamlTree
from edge.errors import ConfigError, Problem
from edge.redact import redact_text, url_secrets

MIN_SECRET_CHARS = 4  # shorter ones are hidden where they stand, not wherever they occur

_PARTS = ("cameras", "rules")  # what a tolerant load can do without


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """A usable configuration and what is to be said about it.

    `broken_cameras` and `broken_rules` were left out (only when loaded tolerantly). `masked` maps
    the path of every value that came from outside the file to what may be shown of it; `secrets`
    are texts that no log line may hold.
    """

    config: Config
    source: str
    warnings: tuple[Problem, ...] = ()
    broken_cameras: dict[str, list[Problem]] = field(default_factory=dict)
    broken_rules: dict[str, list[Problem]] = field(default_factory=dict)
    masked: dict[TreePath, str] = field(default_factory=dict, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)


def load_config(path: Path, *, tolerant: bool = False) -> LoadedConfig:
    """Read the file; raises ConfigError with every fault found.

    With `tolerant`, cameras and rules with faults are left out, and it raises only if something
    else is wrong or no camera is left. Reads the file, `secrets.yaml` beside it and systemd's
    credentials; blocks for no longer than the disk does.
    """
    return load_text(read_text(path), str(path), path.absolute().parent, tolerant=tolerant)


def load_text(text: str, source: str, folder: Path, *, tolerant: bool = False) -> LoadedConfig:
    """The same for a text; `folder` is where relative paths and `secrets.yaml` belong."""
    tree = parse_yaml(text, source)
    filled = fill_tree(tree.root, folder)
    private = _private_texts(filled)
    unread = [*tree.faults, *filled.faults]  # these hold no value that came from outside
    left_out: dict[tuple[str, str], list[Problem]] = {}
    values = filled.values
    while True:
        config, found = _validate(values, folder)
        told = {fault.at for fault in unread}
        faults = [*unread, *(_discreet(f, filled) for f in found if f.at not in told)]
        broken = _by_part([(fault.at, _problem(fault, tree, private)) for fault in faults])
        if config is not None and not broken:
            break
        everything = [p for part in (left_out, broken) for listed in part.values() for p in listed]
        if not tolerant or None in broken:
            raise ConfigError(source, sorted(everything, key=lambda p: p.line or 0))
        unread = []
        left_out |= {part: problems for part, problems in broken.items() if part is not None}
        left_out |= _without_camera(values, left_out, tree)
        values = _without(values, left_out)
        if not values["cameras"]:
            raise ConfigError(source, sorted(everything, key=lambda p: p.line or 0))
    return LoadedConfig(
        config=config,
        source=source,
        warnings=tuple(_problem(w, tree, private) for w in [*filled.warnings, *advise(config)]),
        broken_cameras={
            name: listed for (kind, name), listed in left_out.items() if kind == "cameras"
        },
        broken_rules={name: listed for (kind, name), listed in left_out.items() if kind == "rules"},
        masked=filled.masked,
        secrets=private,
    )


def _validate(values: dict[str, Any], folder: Path) -> tuple[Config | None, list[Fault]]:
    """The configuration if the values have the right shape, and every fault in either case."""
    too_many = list(size_faults(values))
    if too_many:
        return None, too_many
    faults = list(islice(reference_faults(values), MAX_FAULTS))
    try:
        config = Config.model_validate(values, context={"folder": folder}).resolved()
    except ValidationError as error:
        return None, [*faults_of(error, Config, MAX_FAULTS), *faults]
    return config, faults


def _discreet(fault: Fault, filled: FilledTree) -> Fault:
    """The fault without what it says about a value that came from outside the file."""
    is_value = block_at(fault.at, Config) is None  # a block's own faults name keys, not values
    if not filled.is_secret(fault.at) and not (is_value and filled.has_secret(fault.at)):
        return fault
    return replace(fault, message="the value that is filled in here is not accepted.")


def _problem(fault: Fault, tree: YamlTree, private: tuple[str, ...]) -> Problem:
    return Problem(
        ".".join(str(step) for step in fault.at),
        redact_text(fault.message, private),
        redact_text(fault.remedy, private),
        tree.find_line(fault.at),
    )


def _by_part(
    problems: list[tuple[TreePath, Problem]],
) -> dict[tuple[str, str] | None, list[Problem]]:
    """Problems by the camera or rule they lie in; None for those that lie elsewhere."""
    parts: dict[tuple[str, str] | None, list[Problem]] = {}
    for path, problem in problems:
        is_inside = len(path) > 1 and path[0] in _PARTS
        part = (str(path[0]), str(path[1])) if is_inside else None
        parts.setdefault(part, []).append(problem)
    return parts


def _without_camera(
    values: dict[str, Any], left_out: Container[tuple[str, str]], tree: YamlTree
) -> dict[tuple[str, str], list[Problem]]:
    """The rules all of whose cameras are left out; they go with them."""
    gone: dict[tuple[str, str], list[Problem]] = {}
    for name, rule in values.get("rules", {}).items():
        wanted = names(rule.get("cameras")) if isinstance(rule, dict) else []
        is_orphan = bool(wanted) and all(("cameras", camera) in left_out for camera in wanted)
        if is_orphan and ("rules", name) not in left_out:
            at = ("rules", name, "cameras")
            one = len(wanted) == 1
            said = (
                f"its {'camera' if one else 'cameras'} {', '.join(wanted)} "
                f"{'is' if one else 'are'} left out because of errors."
            )
            gone["rules", name] = [
                Problem(".".join(at), said, "Repair the camera.", tree.find_line(at))
            ]
    return gone


def _without(values: dict[str, Any], parts: Container[tuple[str, str]]) -> dict[str, Any]:
    """The values without the broken cameras and rules, and no rule that names such a camera."""
    kept = dict(values)
    for kind in _PARTS:
        if isinstance(kept.get(kind), dict):
            kept[kind] = {n: v for n, v in kept[kind].items() if (kind, n) not in parts}
    for name, rule in kept.get("rules", {}).items():
        wanted = rule.get("cameras")
        if wanted is not None:
            wanted = [wanted] if isinstance(wanted, str) else wanted
            usable = [camera for camera in wanted if ("cameras", camera) not in parts]
            kept["rules"][name] = rule | {"cameras": usable}
    return kept


def _private_texts(filled: FilledTree) -> tuple[str, ...]:
    """Texts that may appear nowhere: secrets, and passwords that stand in the file itself."""
    texts = set(filled.secrets)
    mqtt = filled.values.get("mqtt")
    if isinstance(mqtt, dict):
        texts.add(str(mqtt.get("password") or ""))
    texts |= _http_tokens(filled.values.get("http")) | _server_key(filled.values.get("vlm"))
    pending: list[Any] = [filled.values.get("cameras")]
    while pending:
        value = pending.pop()
        if isinstance(value, str):
            texts |= set(url_secrets(value))
        elif isinstance(value, dict | list):
            pending += value.values() if isinstance(value, dict) else value
    return tuple(sorted(text for text in texts if len(text) >= MIN_SECRET_CHARS))


def _server_key(vlm: object) -> set[str]:
    server = vlm.get("openai") if isinstance(vlm, dict) else None
    return {str(server.get("key") or "")} if isinstance(server, dict) else set()


def _http_tokens(http: object) -> set[str]:
    if not isinstance(http, dict):
        return set()
    tokens = http.get("tokens")
    named = tokens.values() if isinstance(tokens, dict) else ()
    return {str(http.get("token") or "")} | {
        str(one.get("token") or "") for one in named if isinstance(one, dict)
    }
