"""The `edge` command: one file per subcommand, imported only when it is the one asked for.

Each subcommand's module has NAME, HELP, `add_arguments(parser)` and `run(args) -> exit status`.
Errors raised on purpose (EdgeError) become one message on stderr; 78 is a configuration error
(EX_CONFIG of sysexits.h, which the systemd unit does not restart), 2 is wrong usage, 1 any other.
"""

from __future__ import annotations

import argparse
import atexit
import gc
import importlib
import os
import sys
from collections.abc import Sequence

from edge.cli.arguments import UsageError
from edge.errors import ConfigError, EdgeError

COMMANDS = (
    "demo",
    "run",
    "check",
    "doctor",
    "service",
    "ask",
    "replay",
    "tune",
    "watch",
    "model",
    "eval",
    "bench",
    "energy",
    "schema",
)
EX_CONFIG = 78


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the return value is the process's exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    if argv is None:
        # The interpreter ends by looking for garbage among all that was ever imported: 30 ms of the
        # 250 that a short command takes. What is left then goes with the process.
        atexit.register(gc.freeze)
    try:
        return _run(words)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of our output has gone, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _run(words: Sequence[str]) -> int:
    if words[:1] == ["--version"]:  # needs no subcommand
        from edge.cli.version import describe_version

        print(describe_version())
        return 0
    parser = build_parser(words[0] if words else "")
    args, unknown = parser.parse_known_args(words)
    if unknown:
        args.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    try:
        return int(args.run(args))
    except EdgeError as error:
        return _tell(error, args)


def _tell(error: EdgeError, args: argparse.Namespace) -> int:
    """Say what went wrong; returns the exit status that stands for it."""
    if isinstance(error, ConfigError):  # its text is a list that names the file
        print(error, file=sys.stderr)
        return EX_CONFIG
    if isinstance(error, UsageError):
        args.parser.print_usage(sys.stderr)
    print(f"edge {args.command}: {error}", file=sys.stderr)
    return 2 if isinstance(error, UsageError) else 1


def build_parser(command: str = "") -> argparse.ArgumentParser:
    """The parser with all subcommands, or with only the one named if there is such a one."""
    parser = argparse.ArgumentParser(
        prog="edge",
        description="Reads cameras, picks keyframes, has Qwen3-VL look at them on the CPU, "
        "reports findings over MQTT.",
    )
    parser.add_argument(
        "--version", action="store_true", help="show this version, and those it runs on, and exit"
    )
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in [command] if command in COMMANDS else COMMANDS:
        module = importlib.import_module(f"edge.cli.{name}")
        subparser = subparsers.add_parser(
            module.NAME,
            help=module.HELP,
            description=module.__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(subparser)
        subparser.set_defaults(run=module.run, parser=subparser)
    return parser
