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
from edge.daemon.effort import REMEDY
from edge.daemon.needs import BUSY_FRAC, estimate_needs
from edge.daemon.pace_known import describe_unmeasured, find_pace
from edge.daemon.wiring import find_needed_model
from edge.errors import ConfigError, ModelError, Problem
from edge.pace import HOUR_MS, Needs, Pace
from edge.store.place import folder_obstacle
from edge.vlm.pace_file import Unmeasured

NAME = "check"
HELP = "check a configuration file and print what it comes to"
DESCRIPTION = """\
Read a configuration as the daemon would, and list every error with the place, the value found and
what to write instead. If there is none, print the resolved configuration, defaults included, on
standard output, with secrets as ***. A model that is not on this machine and a store's folder that
this user cannot use are warnings, and so is more work than this machine can do, once it has
measured itself; what it can take and what each rule costs is then told too. Errors, warnings and
these figures go to standard error. The exit status is 0 without errors and 78 with errors.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.description = DESCRIPTION
    parser.add_argument("file", type=Path, metavar="FILE", help="the configuration, YAML")
    parser.add_argument(
        "--json",
        action="store_true",
        help="print one JSON object on standard output: ok, errors, warnings, config, budget",
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
    pace = find_pace(loaded.config)
    needs = estimate_needs(loaded.config, pace) if isinstance(pace, Pace) else None
    warnings = [*loaded.warnings, *_obstacles(loaded), *_excess(needs)]
    if args.json:
        print(_report(warnings=warnings, config=build_printable(loaded), budget=needs))
        return 0
    print(format_yaml(loaded), end="")
    for line in _budget_lines(loaded, pace, needs, args.file):
        print(line, file=sys.stderr)
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


def _excess(needs: Needs | None) -> Iterator[Problem]:
    """A box that cannot keep up with what comes by the clock alone."""
    if needs is None or needs.clock_frac <= BUSY_FRAC:
        return
    dearest = needs.rules[0].rule
    message = (
        f"{needs.clocked:.0f} keyframes an hour come by the clock and take {needs.clock_frac:.0%} "
        f"of this box's time"
    )
    more = ": it cannot keep up." if needs.clock_frac > 1 else ": little is left for what moves."
    remedy = (
        f"Longer `every` and `periodic` times help the most, the rule {dearest} first. {REMEDY}."
    )
    yield Problem("rules", message + more, remedy)


def _budget_lines(
    loaded: LoadedConfig, pace: Pace | Unmeasured, needs: Needs | None, path: Path
) -> Iterator[str]:
    """What this box can take and what each rule costs, as far as that is known."""
    if isinstance(pace, Unmeasured) and loaded.config.rules:
        why = describe_unmeasured(pace, loaded.config, path)
        yield f"budget: what this box can take is not measured yet: {why}"
    if needs is None:
        return
    yield (
        f"budget: about {needs.keyframes_per_hour} keyframes an hour "
        f"({needs.keyframe_ms / 1000:.2f} s each, whole pictures and all rules of a camera); "
        f"{needs.clocked:.0f} come by the clock and take {needs.clock_frac:.1%} of the time"
    )
    for one in needs.rules:
        yield (
            f"  {one.rule}: {one.each_ms / 1000:.2f} s of each keyframe, "
            f"{one.clock_ms / HOUR_MS:.1%} of the time by the clock"
        )


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _report(
    *,
    errors: Iterable[Problem] = (),
    warnings: Iterable[Problem] = (),
    config: dict[str, object] | None = None,
    budget: Needs | None = None,
) -> str:
    listed = [asdict(problem) for problem in errors]
    return json.dumps(
        {
            "ok": not listed,
            "errors": listed,
            "warnings": [asdict(problem) for problem in warnings],
            "config": config,
            "budget": None if budget is None else _as_json(budget),
        },
        indent=2,
        ensure_ascii=False,
    )


def _as_json(needs: Needs) -> dict[str, object]:
    return {**asdict(needs), "keyframes_per_hour": needs.keyframes_per_hour}
