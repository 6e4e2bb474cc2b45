"""Run the daemon: read the cameras, have the keyframes analysed, publish the findings.

    edge run -c /etc/edge/edge.yaml

Runs until SIGTERM or Ctrl-C. SIGHUP reads the configuration again: unchanged cameras go on, the
model is loaded again only if its own settings changed. If the file is broken at start, the last one
that worked is used and every error is logged. The exit status is 78 for a configuration that cannot
be used, which the systemd unit does not restart, and 1 for any other failure to start.
"""

from __future__ import annotations

import argparse
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

from edge.errors import EdgeError, ModelError
from edge.threads import take_one_thread

if TYPE_CHECKING:
    from edge.config.models import Config

NAME = "run"
HELP = "run the daemon"

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "-c", "--config", type=Path, required=True, metavar="FILE", help="the configuration, YAML"
    )


def run(args: argparse.Namespace) -> int:
    """Start everything; returns when the daemon was told to end."""
    return serve(args.config)


def serve(path: Path) -> int:
    """Run the daemon on one configuration file until a signal ends it."""
    # Imported here, because `edge --help` needs none of it.
    from edge.cli import EX_CONFIG
    from edge.config.last_good import find_state_folders, load_with_fallback, save_last_good
    from edge.daemon.config_report import report_loaded, report_refused
    from edge.daemon.reload import log_omissions
    from edge.daemon.service import Daemon
    from edge.daemon.wiring import find_needed_model, store_settings
    from edge.logs import start_logging
    from edge.store.database import open_store

    loaded, broken = load_with_fallback(path, find_state_folders(path))
    config = loaded.config
    start_logging(config.log.level.upper(), loaded.secrets)
    if broken is not None:
        log.error("%s", broken)
        log.error("%s cannot be used; going on with the last one that worked", path)
    log_omissions(loaded)
    try:
        model_dir = find_needed_model(config)
    except ModelError as error:
        log.critical("vlm.model: %s", error)
        return EX_CONFIG
    # Many small processes on four cores: libraries must not start a thread a core in each.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    take_one_thread()
    if config.worker:
        return _work(config, model_dir)
    store = open_store(store_settings(config))
    if broken is None and not (loaded.broken_cameras or loaded.broken_rules):
        try:
            save_last_good(path, config.store.folder)
        except EdgeError as error:
            log.warning("%s", error)
    try:
        report = report_loaded(loaded) if broken is None else report_refused(broken)
        Daemon(config, report, path, model_dir, store).run()
    except EdgeError:
        raise
    except Exception:  # a fault of ours: into the log, where secrets are masked
        log.exception("the daemon failed")
        return 1
    return 0


def _work(config: Config, model_dir: Path | None) -> int:
    """Run a worker of the pool until a signal ends it."""
    from edge.daemon.wiring import analyzer_plan, mqtt_settings
    from edge.daemon.worker import Worker

    try:
        Worker(mqtt_settings(config), analyzer_plan(config, model_dir)).run()
    except EdgeError:
        raise
    except Exception:  # a fault of ours: into the log, where secrets are masked
        log.exception("the worker failed")
        return 1
    return 0
