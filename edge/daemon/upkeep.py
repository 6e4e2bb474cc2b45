"""What is done again and again: children, queue, rules, disk, statistics and watchdog looked after.

Called in the daemon's main thread after each batch of messages, four times a second or more often;
decides by the times it is given what is due.
"""

from __future__ import annotations

import logging

from edge.daemon.commands import Commands
from edge.daemon.notify import Notifier, watchdog_interval_s
from edge.daemon.overview import Overview
from edge.daemon.parts import Parts
from edge.daemon.reload import Reloader
from edge.logs import tell_repeats

log = logging.getLogger(__name__)

SLOW_TICK_S = 1.0
STATS_S = 60.0
MAX_FEED_S = 10.0  # the longest between two feedings of the watchdog, however patient it is


class Upkeep:
    """Remembers when each kind of work was last done; at first all of it is due."""

    def __init__(
        self,
        parts: Parts,
        overview: Overview,
        commands: Commands,
        reloader: Reloader,
        notifier: Notifier,
    ) -> None:
        self._parts = parts
        self._overview = overview
        self._commands = commands
        self._reloader = reloader
        self._notifier = notifier
        self._slow_mono_s = self._stats_mono_s = self._fed_mono_s = float("-inf")

    def tick(self, now_mono_s: float) -> None:
        """Do what is due."""
        self._parts.cameras.check(now_mono_s)
        self._parts.analyst.host.check(now_mono_s)
        self._parts.analyst.step()
        self._reloader.step()
        if now_mono_s - self._slow_mono_s < SLOW_TICK_S:
            return
        self._slow_mono_s = now_mono_s
        self._tick_slowly(now_mono_s)
        is_effort_changed = self._parts.effort.step(now_mono_s)
        if is_effort_changed or now_mono_s - self._stats_mono_s >= STATS_S:
            self._stats_mono_s = now_mono_s
            self._overview.announce_stats()
            self._parts.http.check()
        self._feed_watchdog(now_mono_s)

    def _tick_slowly(self, now_mono_s: float) -> None:
        parts = self._parts
        parts.tuner.check(now_mono_s)
        tell_repeats()
        parts.reporter.flush()
        if parts.watch.look(now_mono_s):
            self._overview.announce_info()
            self._overview.announce_stats()
        for camera in parts.rules.tick():  # have a keyframe show what it looks like now
            self._commands.analyze(camera, now_mono_s)
        parts.rules.save()

    def _feed_watchdog(self, now_mono_s: float) -> None:
        """Alive means: the main loop turns, and the threads of publisher and disk run."""
        interval_s = min(watchdog_interval_s() or MAX_FEED_S, MAX_FEED_S)
        if now_mono_s - self._fed_mono_s < interval_s:
            return
        self._fed_mono_s = now_mono_s
        for name, part in (("publisher", self._parts.publisher), ("disk", self._parts.disk)):
            if not part.is_alive():
                log.critical("a %s thread has died; the watchdog is not fed any more", name)
                return
        self._notifier.alive(self._overview.status_line())
