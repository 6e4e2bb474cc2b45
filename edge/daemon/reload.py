"""Reload: the configuration's file is read again, and the running parts take it over.

What is unchanged goes on undisturbed; each part sees for itself what that is. Runs in the daemon's
main thread, between two messages.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from edge.config.last_good import save_last_good
from edge.config.load import LoadedConfig, load_config
from edge.daemon.config_report import report_loaded, report_refused
from edge.daemon.notify import Notifier
from edge.daemon.overview import Overview
from edge.daemon.parts import Parts, build_publisher
from edge.daemon.wiring import (
    analyzer_plan,
    effort_settings,
    find_needed_model,
    max_growth_bytes,
    mqtt_settings,
    recent_answers,
    small_pixels,
    store_settings,
)
from edge.errors import EdgeError
from edge.findings import ConfigReport
from edge.logs import hide_in_log, set_log_level

log = logging.getLogger(__name__)

BROKER_CHANGE_S = 1.0  # for the old broker's last acknowledgements, while the main loop waits


class Reloader:
    """Reloads when it was asked to, at the next step."""

    def __init__(self, path: Path, parts: Parts, overview: Overview, notifier: Notifier) -> None:
        self._path = path
        self._parts = parts
        self._overview = overview
        self._notifier = notifier
        self._is_wanted = False
        self._waiting: list[Callable[[ConfigReport], None]] = []

    def request(self, reply: Callable[[ConfigReport], None] | None = None) -> None:
        """Have the file read again soon; may be called in a signal's handler.

        `reply` is told afterwards what became of it.
        """
        if reply is not None:
            log.info("reload asked for over HTTP")
            self._waiting.append(reply)
        self._is_wanted = True

    def step(self) -> None:
        """Reload if it was asked for; a file with any error changes nothing, loudly."""
        if not self._is_wanted:
            return
        self._is_wanted = False
        self._notifier.reloading()
        try:
            self._apply(load_config(self._path))
        except EdgeError as error:
            log.error("%s", error)
            log.error("%s cannot be used; everything goes on as before", self._path)
            self._parts.report = report_refused(error)
            self._overview.announce_info()
        else:
            log.info("%s was read again: %s", self._path, self._overview.status_line())
            self._save_last_good()
        while self._waiting:
            self._waiting.pop()(self._parts.report)
        # Last: who asked over HTTP is answered by the server that may be replaced now.
        self._parts.http.apply(self._parts.config)
        self._notifier.ready(self._overview.status_line())

    def _apply(self, loaded: LoadedConfig) -> None:
        """Take a new configuration over; raises before anything is changed."""
        hide_in_log(loaded.secrets)
        parts = self._parts
        old, new = parts.config, loaded.config
        model_dir = find_needed_model(new)
        broker = mqtt_settings(new)
        if store_settings(new) != store_settings(old):
            log.warning("changes to the store take effect at the next start")
        parts.config = parts.intake.config = new
        parts.report = report_loaded(loaded)
        log_omissions(loaded)
        set_log_level(new.log.level.upper())
        if broker != mqtt_settings(old):
            self._change_broker()
        parts.publisher.set_cameras(new.cameras)
        parts.rules.replace(new)
        parts.analyst.host.replace_plan(analyzer_plan(new, model_dir))
        parts.analyst.host.max_growth_bytes = max_growth_bytes(new)
        parts.analyst.deadline_s = new.vlm.deadline_s
        parts.analyst.recent = recent_answers(new)
        parts.analyst.effort.small_pixels = small_pixels(new)
        parts.effort.set(effort_settings(new))
        parts.cameras.apply(new)
        self._overview.announce()

    def _change_broker(self) -> None:
        """Speak to another broker or with another name from now on; may block for seconds."""
        parts = self._parts
        parts.announcer.leave(parts.cameras.hosts)
        parts.publisher.stop(BROKER_CHANGE_S)
        parts.publisher = build_publisher(parts.config, parts.store, parts.inbox)
        parts.announcer.speak_through(parts.publisher)
        parts.reporter.speak_through(parts.publisher, parts.config.node)
        parts.publisher.start()

    def _save_last_good(self) -> None:
        try:
            save_last_good(self._path, self._parts.config.store.folder)
        except EdgeError as error:
            log.warning("%s", error)


def log_omissions(loaded: LoadedConfig) -> None:
    """Say which cameras and rules are left out because they are broken, and what else is odd."""
    for kind, broken in (("camera", loaded.broken_cameras), ("rule", loaded.broken_rules)):
        for name, problems in broken.items():
            for problem in problems:
                log.error("%s %s is left out: %s", kind, name, problem)
    for warning in loaded.warnings:
        log.warning("%s", warning)
