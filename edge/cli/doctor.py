"""Look at everything that keeps a box from doing its work, and say what to do about it.

    edge doctor                      the configuration of the service, /etc/edge/edge.yaml
    edge doctor -c my.yaml
    edge doctor -c my.yaml --deep    also every byte of the model, and a computation with it
    edge doctor -c my.yaml --json    one JSON object, for those who look after many boxes

Looks at the configuration, every camera (address, account, codec, I-frames, frame rate, clock), the
broker (address, account, TLS, rights), disk, permissions, processor, memory, clock, model, HTTP
port, budget and service. It may run beside the daemon; files are looked at with the eyes of the
service's user where one is installed. Passwords are never shown. The exit status is 1 if there is a
fault, else 0.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from edge import __version__
from edge.threads import take_one_thread

if TYPE_CHECKING:
    from rich.console import Console

    from edge.doctor.diagnosis import Diagnosis

NAME = "doctor"
HELP = "find what is wrong with this box, with a remedy for each fault"
CONFIGURATION = Path("/etc/edge/edge.yaml")
_COLOURS = {"ok": "green", "warning": "yellow", "fault": "bold red"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "-c",
        "--config",
        type=Path,
        default=CONFIGURATION,
        metavar="FILE",
        help="the configuration, YAML (default: %(default)s)",
    )
    parser.add_argument(
        "--deep",
        action="store_true",
        help="check every byte of the model and compute with it; takes a minute, and the memory "
        "of a second model where the daemon runs",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Check up and print; returns the exit status."""
    take_one_thread()
    logging.getLogger("edge").addHandler(logging.NullHandler())  # what matters is in the diagnoses
    from edge.doctor.checkup import check_up

    diagnoses = []
    if args.json:
        diagnoses = list(check_up(args.config, deep=args.deep))
        print(_report(args.config, diagnoses))
    else:
        from rich.console import Console

        console = Console(highlight=False, soft_wrap=True, markup=False)
        print(f"looking at {args.config}; cameras take some seconds", file=sys.stderr)
        for diagnosis in check_up(args.config, deep=args.deep):
            diagnoses.append(diagnosis)
            _show(console, diagnosis)
        console.print(_summary(diagnoses))
    return 1 if any(one.level == "fault" for one in diagnoses) else 0


def _show(console: Console, one: Diagnosis) -> None:
    what = f"{one.check} {one.subject}".rstrip()
    console.print(f"{one.level:<8}", style=_COLOURS[one.level], end="")
    console.print(f"{what}: {one.found}")
    for word, text in (("means", one.meaning), ("do", one.remedy)):
        if text:
            console.print(f"{'':8}{word:<6} {text}", style="dim" if word == "means" else None)


def _summary(diagnoses: Sequence[Diagnosis]) -> str:
    counts = Counter(one.level for one in diagnoses)
    words = [
        f"{number} {word}{'' if number == 1 else 's'}"
        for word in ("fault", "warning")
        if (number := counts[word]) or word == "fault"
    ]
    return f"{', '.join(words)}, {counts['ok']} ok"


def _report(path: Path, diagnoses: Sequence[Diagnosis]) -> str:
    counts = Counter(one.level for one in diagnoses)
    return json.dumps(
        {
            "ok": not counts["fault"],
            "version": __version__,
            "config": str(path),
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "faults": counts["fault"],
            "warnings": counts["warning"],
            "checks": [asdict(one) for one in diagnoses],
        },
        indent=2,
        ensure_ascii=False,
    )
