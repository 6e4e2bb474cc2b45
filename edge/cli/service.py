"""The systemd service of this machine, or in the tree of an image.

    sudo edge service install                   user, folders, a configuration to start with, unit
    sudo edge service install -c my.yaml        with this configuration, if there is none yet
    edge service install --dry-run              only say what would be done
    edge service install --root DIR --no-start  into the tree of an image
    edge service status                         whether it runs, and what failed last
    sudo edge service uninstall                 stop it and remove the unit; the rest is kept
    edge service unit                           print the unit

Each step is said in a line: + done, = nothing to do, ? would be done. It may be given again at any
time: what is there stays, and a configuration or unit that a person has changed is never touched.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from edge.errors import ServiceError
from edge.service.install import Wish, install_steps
from edge.service.places import PROGRAM, Places
from edge.service.state import is_systemd_running, read_last_errors, read_state, read_unit
from edge.service.steps import Step, take
from edge.service.uninstall import uninstall_steps
from edge.service.unit import build_unit

NAME = "service"
HELP = "install, remove or look at the systemd service"
NOT_RUNNING = 3  # as systemctl status


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's own subcommands and their arguments."""
    commands = parser.add_subparsers(dest="service_command", required=True, metavar="COMMAND")
    install = commands.add_parser("install", help="install and start the service")
    install.add_argument(
        "-c", "--config", type=Path, metavar="FILE", help="begin with this configuration"
    )
    install.add_argument(
        "--no-start",
        action="store_true",
        help="neither start it nor have it start with the machine",
    )
    install.add_argument(
        "--program", type=Path, metavar="FILE", help="the `edge` that the service runs (this one)"
    )
    uninstall = commands.add_parser("uninstall", help="stop the service and remove its unit")
    for changing in (install, uninstall):
        changing.add_argument("--dry-run", action="store_true", help="only say what would be done")
    status = commands.add_parser("status", help="whether it is installed and runs")
    for one in (install, uninstall, status):
        one.add_argument(
            "--root", type=Path, default=Path("/"), metavar="DIR", help="the tree of an image"
        )
    commands.add_parser("unit", help="print the unit").add_argument(
        "--program", type=Path, metavar="FILE", help="the `edge` that it runs"
    )


def run(args: argparse.Namespace) -> int:
    """Run the subcommand; the return value is the exit status."""
    match args.service_command:
        case "install":
            return _install(args)
        case "uninstall":
            return _take(uninstall_steps(_places(args)), args)
        case "status":
            return _status(_places(args))
        case _:
            print(build_unit(args.program or PROGRAM), end="")
            return 0


def _install(args: argparse.Namespace) -> int:
    places = _places(args)
    program = args.program
    if program is None:
        program = Path(sys.executable).with_name("edge") if places.is_this_machine else PROGRAM
    if args.config is not None and not args.config.is_file():
        raise ServiceError(f"{args.config}: no such file")
    wish = Wish(places, program, args.config, start=not args.no_start)
    return _take(install_steps(wish), args)


def _take(steps: Iterable[Step], args: argparse.Namespace) -> int:
    if _places(args).is_this_machine and os.geteuid() and not args.dry_run:
        raise ServiceError("this changes the system; run it with sudo")
    for line in take(steps, dry_run=args.dry_run):
        print(line)
    return 0


def _status(places: Places) -> int:
    if not read_unit(places):
        print("not installed")
        return NOT_RUNNING
    starts = "starts" if places.enabled.is_symlink() else "does not start"
    print(f"installed, {starts} with the machine")
    if not places.is_this_machine or not is_systemd_running():
        print("systemd does not run here")
        return NOT_RUNNING
    state = read_state()
    since = f" since {state.since}" if state.is_active and state.since else ""
    print(f"{state.active}{since}, restarts: {state.restarts}")
    if not state.is_active:
        if state.has_failed:
            print(f"failed: {state.result}, exit status {state.exit_status}")
        for line in read_last_errors():
            print(f"  {line}")
        return NOT_RUNNING
    return 0


def _places(args: argparse.Namespace) -> Places:
    root: Path = args.root
    if not root.is_dir():
        raise ServiceError(f"{root}: no such folder")
    return Places(root)
