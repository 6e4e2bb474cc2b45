"""`edge check FILE`: reads a configuration as the daemon would and says everything about it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

from edge.cli import EX_CONFIG
from edge.config.load import LoadedConfig, load_config
from edge.config.printed import build_printable, format_yaml
from edge.daemon.wiring import find_needed_model
from edge.errors import ConfigError, ModelError, Problem
from edge.store.place import folder_obstacle

NAME = "check"
HELP = "check a configuration file and print what it comes to"
DESCRIPTION = """\
Read a configuration as the daemon would, and list every error with the place, the value found and
what to write instead. If there is none, print the resolved configuration, defaults included, on
standard output, with secrets as ***. A model that is not on this machine and a store's folder that
this user cannot use are warnings. Errors and warnings go to standard error. The exit status is
0 without errors and 78 with errors.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.description = DESCRIPTION
    parser.add_argument("file", type=Path, metavar="FILE", help="the configuration, YAML")
    parser.add_argument(
        "--json",
        action="store_true",
        help="print one JSON object on standard output: ok, errors, warnings, config",
    )


def run(args: argparse.Namespace) -> int:
    """Check the file; returns the exit status."""
    try:
        loaded = load_config(args.file)
    except ConfigError as error:
        if args.json:
            print(_report(errors=error.problems))
        else:
            print(error, file=sys.stderr)
        return EX_CONFIG
    warnings = [*loaded.warnings, *_obstacles(loaded)]
    if args.json:
        print(_report(warnings=warnings, config=build_printable(loaded)))
        return 0
    print(format_yaml(loaded), end="")
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
    cameras, rules = len(loaded.config.cameras), len(loaded.config.rules)
    summary = f"OK: {_number(cameras, 'camera')}, {_number(rules, 'rule')}"
    if warnings:
        summary += f", {_number(len(warnings), 'warning')}"
    print(summary, file=sys.stderr)
    return 0


def _obstacles(loaded: LoadedConfig) -> Iterator[Problem]:
    """What would keep `edge run`, run by this user on this machine, from starting."""
    try:
        find_needed_model(loaded.config)
    except ModelError as error:
        yield Problem("vlm.model", f"{error}.")
    obstacle = folder_obstacle(loaded.config.store.folder)
    if obstacle:
        yield Problem(
            "store.folder", f"{obstacle}.", "Another user, such as the service's, may be able to."
        )


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _report(
    *,
    errors: Iterable[Problem] = (),
    warnings: Iterable[Problem] = (),
    config: dict[str, object] | None = None,
) -> str:
    listed = [asdict(problem) for problem in errors]
    return json.dumps(
        {
            "ok": not listed,
            "errors": listed,
            "warnings": [asdict(problem) for problem in warnings],
            "config": config,
        },
        indent=2,
        ensure_ascii=False,
    )
