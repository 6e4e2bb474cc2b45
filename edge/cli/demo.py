"""Run the whole product on this machine with nothing to download, and watch its findings.

A drawn camera, the bundled small model, a local mosquitto and the daemon itself, as `edge run`
starts it; only the configuration differs. The bundled model is for demonstration: it knows the
drawn yard and nothing of the real world. Ends after --duration or with Ctrl-C, and leaves nothing
behind.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from edge.cli.arguments import seconds
from edge.demo.kin import end_with_parent

NAME = "demo"
HELP = "run everything on a drawn camera and the bundled model"
DAEMON_END_S = 15.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--duration",
        type=seconds,
        default=0.0,
        metavar="TIME",
        help="end after 60, 90s, 5m, ... (default: never)",
    )
    parser.add_argument("--json", action="store_true", help="print the findings as received")
    parser.add_argument("--log", action="store_true", help="show the daemon's log as well")


def run(args: argparse.Namespace) -> int:
    """Start broker and daemon, show findings, end both."""
    from edge import demo
    from edge.cli.watch import follow
    from edge.config.http import DEFAULT_PORT
    from edge.demo.broker import LocalBroker
    from edge.mqtt.settings import MqttSettings

    for number in (signal.SIGTERM, signal.SIGHUP):  # a closed terminal ends it like Ctrl-C
        signal.signal(number, signal.default_int_handler)
    shown = 0
    http_port = free_port(DEFAULT_PORT)
    with tempfile.TemporaryDirectory(prefix="edge-demo-") as folder, LocalBroker() as broker:
        environment = {
            "EDGE_DEMO_PORT": str(broker.port),
            "EDGE_DEMO_HTTP_PORT": str(http_port),
            "EDGE_DEMO_FOLDER": f"{folder}/store",
            "EDGE_DEMO_CACHE": f"{folder}/compiled",
        }
        log_path = Path(folder, "daemon.log")
        daemon = start_daemon(demo.CONFIG, environment, None if args.log else log_path)
        settings = MqttSettings(host=broker.host, port=broker.port, node="demo")
        try:
            print(_WELCOME.format(port=broker.port, http_port=http_port), file=sys.stderr)
            shown = follow(
                settings,
                "edge/demo/+/finding",
                duration_s=args.duration,
                as_json=args.json,
                alive=lambda: daemon.poll() is None,
            )
        except KeyboardInterrupt:
            pass
        finally:
            failed = daemon.poll() is not None
            end_daemon(daemon)
            if failed:
                print(log_path.read_text() if log_path.exists() else "", file=sys.stderr)
    if failed:
        print(f"edge demo: the daemon ended with status {daemon.returncode}", file=sys.stderr)
        return 1
    print(_GOODBYE.format(shown=shown), file=sys.stderr)
    return 0


def free_port(preferred: int) -> int:
    """This port of this machine, or any other if somebody else has it."""
    for port in (preferred, 0):
        try:
            with socket.create_server(("127.0.0.1", port)) as listener:
                return int(listener.getsockname()[1])
        except OSError:
            continue
    raise OSError("no port of 127.0.0.1 is free")


def start_daemon(
    config: Path, environment: dict[str, str], log_path: Path | None
) -> subprocess.Popen[bytes]:
    """`edge run` as a process; its log goes to `log_path`, or to our stderr."""
    log = log_path.open("wb") if log_path else None
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "edge", "run", "-c", str(config)],
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for us: we end it in good order
            preexec_fn=end_with_parent,  # noqa: PLW1509 - no thread runs yet
        )
    finally:
        if log:
            log.close()


def end_daemon(daemon: subprocess.Popen[bytes]) -> None:
    """SIGTERM, and SIGKILL if that does not help."""
    daemon.terminate()
    try:
        daemon.wait(DAEMON_END_S)
    except subprocess.TimeoutExpired:
        daemon.kill()
        daemon.wait()


_WELCOME = """\
The daemon runs: a drawn yard, the bundled small model, and a broker on 127.0.0.1:{port}.
The model is for demonstration: it knows this yard and nothing of the real world.
Somebody comes after 4 s; something happens every 40 s. Ctrl-C ends.
Look at it, and ask it about pictures, in a browser: http://127.0.0.1:{http_port}
"""
_GOODBYE = """
{shown} messages came over MQTT. To go on with your own camera and the real model:
  edge model pull                          fetch Qwen3-VL-2B (about 2.5 GB)
  cp configs/minimal.yaml my.yaml          then put in your camera and broker
  edge check my.yaml
  edge run -c my.yaml
"""
