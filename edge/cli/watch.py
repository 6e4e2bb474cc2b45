"""Subscribe to a box's findings and show them as they come.

edge watch -c edge.yaml          the broker, user and node of a configuration
edge watch --host 192.168.1.5    any box's findings on that broker
edge watch --json                one finding a line, as received
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from edge.cli.arguments import positive, seconds
from edge.errors import DeliveryError

if TYPE_CHECKING:
    from rich.console import Console

    from edge.mqtt.settings import MqttSettings

NAME = "watch"
HELP = "show findings as they come"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "-c", "--config", type=Path, metavar="FILE", help="take broker and node from this file"
    )
    parser.add_argument("--host", default="127.0.0.1", help="broker (default: %(default)s)")
    parser.add_argument("--port", type=int, default=1883, help="its port (default: %(default)s)")
    parser.add_argument("--username", default="", help="user at the broker")
    parser.add_argument(
        "--password-file",
        type=Path,
        metavar="FILE",
        help="file that holds the password; on the command line everyone could read it",
    )
    parser.add_argument("--prefix", default="edge", help="topic prefix (default: %(default)s)")
    parser.add_argument("--node", default="", help="box to watch (default: all, or the file's)")
    parser.add_argument("--camera", default="+", help="camera to watch (default: all)")
    parser.add_argument("--count", type=positive, default=0, help="end after this many messages")
    parser.add_argument(
        "--duration", type=seconds, default=0.0, metavar="TIME", help="end after 60, 90s, 5m, ..."
    )
    parser.add_argument("--json", action="store_true", help="print messages as received")


def run(args: argparse.Namespace) -> int:
    """Connect and print until interrupted."""
    settings = _settings(args)
    node = args.node or (settings.node if args.config else "+")
    topic = f"{settings.prefix}/{node}/{args.camera}/finding"
    print(f"watching {topic} at {settings.address}; Ctrl-C ends", file=sys.stderr)
    follow(settings, topic, count=args.count, duration_s=args.duration, as_json=args.json)
    return 0


def _settings(args: argparse.Namespace) -> MqttSettings:
    from edge.mqtt.settings import MqttSettings

    if args.config is not None:
        from edge.config.load import load_config
        from edge.daemon.wiring import mqtt_settings

        return mqtt_settings(load_config(args.config, tolerant=True).config)
    password = ""
    if args.password_file is not None:
        try:
            password = args.password_file.read_text().strip()
        except OSError as error:
            raise DeliveryError(f"--password-file: {error}") from None
    return MqttSettings(
        host=args.host,
        node="watch",
        port=args.port,
        prefix=args.prefix,
        username=args.username,
        password=password,
    )


def follow(
    settings: MqttSettings,
    topic: str,
    *,
    count: int = 0,
    duration_s: float = 0.0,
    as_json: bool = False,
    alive: Callable[[], bool] = lambda: True,
) -> int:
    """Print the findings on `topic` while `alive`; `count` and `duration_s` bound it (0: not).

    Returns how many messages came.
    """
    from rich.console import Console

    from edge.mqtt.listener import Listener

    console = Console(highlight=False, soft_wrap=True)
    until = time.monotonic() + duration_s if duration_s else float("inf")
    shown = 0
    with Listener(settings, [topic]) as listener:
        for message in listener.messages(idle_s=0.2):
            if message is not None:
                if as_json:
                    print(message.payload.decode(errors="replace"), flush=True)
                else:
                    _show(console, message.payload)
                shown += 1
            if (count and shown >= count) or time.monotonic() > until or not alive():
                break
    return shown


def _show(console: Console, payload: bytes) -> None:
    from pydantic import ValidationError

    from edge.cli.finding_lines import show_finding
    from edge.findings import Finding

    try:
        show_finding(console, Finding.model_validate_json(payload))
    except ValidationError as error:
        fault = error.errors()[0]["msg"]
        print(f"unreadable message of {len(payload)} bytes: {fault}", file=sys.stderr)
