"""The present state of the whole daemon, gathered from its parts and told to those who ask.

Looks and tells; changes nothing and keeps nothing but the time of the start. The documents are
built by stats.py, present.py and introduction.py. Runs in the daemon's main thread.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable

from edge.daemon.given_up import hold
from edge.daemon.introduction import announce_discovery, build_info
from edge.daemon.needs import estimate_needs
from edge.daemon.parts import Parts
from edge.daemon.present import build_present
from edge.daemon.reporter import model_report
from edge.daemon.stats import build_stats, outbox_stats, processor_c, resident_mb
from edge.daemon.wiring import mqtt_settings
from edge.errors import StoreError
from edge.findings import Stats
from edge.pace import Needs
from edge.present import Present

log = logging.getLogger(__name__)


class Overview:
    """Sees all parts; its uptime counts from when it was made."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._started_mono_s = time.monotonic()

    def stats(self) -> Stats:
        """How the box is doing now; raises StoreError if the outbox cannot be counted."""
        parts = self._parts
        pids = {name: child.pid for name, child in parts.lasting_children().items()}
        now = time.monotonic()
        return build_stats(
            node=parts.config.node,
            uptime_s=now - self._started_mono_s,
            now_mono_s=now,
            scheduler=parts.analyst.scheduler,
            cameras=parts.cameras.hosts.values(),
            analyzer=parts.analyst.host,
            outbox=outbox_stats(parts.store.outbox_stats(), parts.publisher.stats()),
            needs=self._needs(),
            effort=parts.effort.facts(),
            rss_mb=resident_mb({"main": os.getpid(), **pids}),
            temperature_c=processor_c(),
            disk=parts.watch.disk(),
            strain=parts.watch.strain,
        )

    def status_line(self) -> str:
        """The same in a few words, for the log and systemd."""
        parts = self._parts
        online = sum(h.status.state == "online" for h in parts.cameras.hosts.values())
        broker = "broker connected" if parts.publisher.connected else "no broker"
        return (
            f"{online} of {len(parts.cameras.hosts)} cameras online, "
            f"model {parts.analyst.host.state}, {broker}"
        )

    def tell_present(self, reply: Callable[[Present], None]) -> None:
        """Tell someone on HTTP everything of this moment; nothing while the store refuses."""
        parts = self._parts
        try:
            stats = self.stats()
        except StoreError as error:
            log.error("what the box is doing cannot be told: %s", error)
            return
        costs = parts.analyst.costs.last_hour(parts.config.rules, time.monotonic())
        reply(
            build_present(
                parts.config,
                stats,
                parts.cameras.hosts,
                parts.rules,
                parts.analyst.host.info,
                costs=costs,
                report=parts.report,
                needs=self._needs(),
            )
        )

    def _needs(self) -> Needs | None:
        """What the configuration needs of the box; None while its pace is not known."""
        pace = self._parts.analyst.host.pace
        return None if pace is None else estimate_needs(self._parts.config, pace)

    def announce(self) -> None:
        """Publish what this box is, its entities in Home Assistant, and every rule's state."""
        parts = self._parts
        self.announce_info()
        announce_discovery(parts.announcer, parts.config, parts.publisher.topics, parts.store)
        parts.rules.announce()

    def announce_info(self) -> None:
        """Publish what this box is, with the model as far as it is known."""
        parts = self._parts
        model = model_report(parts.analyst.host.info)
        info = build_info(parts.config, model, parts.report, parts.watch.troubles)
        parts.announcer.info(info)
        hold(parts.config, mqtt_settings(parts.config), parts.publisher, parts.store, info)

    def announce_stats(self) -> None:
        """Publish the statistics; left out while the store refuses."""
        try:
            self._parts.announcer.stats(self.stats())
        except StoreError as error:
            log.error("no statistics this time: %s", error)
