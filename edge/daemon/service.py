"""The daemon's main process: one inbox and one loop, from start to end.

    while running:
        take the messages from the inbox (cameras, analyzer, MQTT commands)
        every quarter of a second: check the children, the queue, the rules, the disk

It computes nothing itself and must never block: pictures are looked at in the cameras' processes
and the analyzer's, JPEGs are written by the disk thread, the broker is the publisher's threads',
HTTP has a thread that comes in by the door. The parts are joined in parts.py, messages find their
part in dispatch.py, what is checked is in upkeep.py; here is how all of it begins and ends.

| queue         | bound                    | when full                                             |
|---------------|--------------------------|-------------------------------------------------------|
| inbox         | 64 messages              | a child's reader waits; an MQTT command is dropped    |
| disk thread   | 16 snapshots             | the snapshot is not kept; counted                     |
| waiting slots | see scheduler.py         | see scheduler.py                                      |
| unwritten     | see reporter.py          | the oldest message is dropped; counted                |
| outbox        | age and size (store)     | the oldest rows are dropped; counted and published    |
"""

from __future__ import annotations

import logging
import queue
import signal
import time
from pathlib import Path
from types import FrameType

from edge.config.models import Config
from edge.daemon.child import Inbox, kill_all_children
from edge.daemon.commands import Commands
from edge.daemon.dispatch import Dispatch
from edge.daemon.notify import Notifier
from edge.daemon.overview import Overview
from edge.daemon.parts import build_parts
from edge.daemon.reload import Reloader
from edge.daemon.upkeep import Upkeep
from edge.errors import StoreError
from edge.findings import ConfigReport
from edge.store.database import Store

log = logging.getLogger(__name__)

INBOX_BOUND = 64
TICK_S = 0.25
CHILD_END_S = 3.0  # for all children together, after they were asked to end
DISK_END_S = 1.0  # for the findings that wait, and again for the snapshots
BROKER_END_S = 3.0  # for the last acknowledgements; closing the connection comes on top


class Daemon:
    """Everything that runs on the box. Made for one configuration; `run` until SIGTERM."""

    def __init__(
        self,
        config: Config,
        report: ConfigReport,
        path: Path,
        model_dir: Path | None,
        store: Store,
    ) -> None:
        """`report` says what became of the file at `path`, which `config` may not be."""
        self._inbox: Inbox = queue.Queue(INBOX_BOUND)
        self._notifier = Notifier()
        self._parts = build_parts(config, report, model_dir, store, self._inbox)
        self._overview = Overview(self._parts)
        self._reloader = Reloader(path, self._parts, self._overview, self._notifier)
        commands = Commands(self._parts, on_reload=self._reloader.request)
        self._dispatch = Dispatch(self._parts, self._overview, commands, self._reloader)
        self._upkeep = Upkeep(self._parts, self._overview, commands, self._reloader, self._notifier)
        self._stop_signal = ""

    def run(self) -> str:
        """Serve until SIGTERM or SIGINT; returns the signal's name. Children are gone after it."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        try:
            self._start()
            while not self._stop_signal:
                self._deliver_waiting()
                self._upkeep.tick(time.monotonic())
        finally:
            self._shut_down()
        return self._stop_signal

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            self._reloader.request()
        else:
            self._stop_signal = signal.Signals(number).name

    def _next_message(self, timeout_s: float) -> object | None:
        """What came in first, None if nothing has within `timeout_s`."""
        try:
            return self._inbox.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def _deliver_waiting(self) -> None:
        """Wait for a message, then take all that wait.

        All of them, because the checks that follow must not find a camera silent whose heartbeat
        waits here, after the disk or a reload has held this loop up.
        """
        message = self._next_message(TICK_S)
        for _ in range(INBOX_BOUND):
            if message is None or self._stop_signal:
                return
            self._dispatch.deliver(message, time.monotonic())
            message = None if self._inbox.empty() else self._next_message(0)

    def _start(self) -> None:
        parts = self._parts
        abandoned = parts.reporter.end_abandoned()
        if abandoned:
            log.warning("%d findings of the last run were not finished; they are ended", abandoned)
        parts.rules.restore()
        parts.cameras.apply(parts.config)
        parts.publisher.start()
        self._overview.announce()
        parts.http.apply(parts.config)
        self._upkeep.tick(time.monotonic())
        self._notifier.ready(self._overview.status_line())
        log.info("ready: %s", self._overview.status_line())

    def _shut_down(self) -> None:
        parts = self._parts
        log.info("stopping")
        self._notifier.stopping()
        try:
            parts.cameras.stop()
            parts.tuner.stop()
            parts.analyst.host.stop()
            parts.analyst.stop(list(parts.cameras.hosts))
        finally:
            self._end_children()
        parts.announcer.leave(parts.cameras.hosts)
        parts.http.stop()
        if lost := parts.reporter.flush_all(DISK_END_S):
            log.error("%d messages about findings could not be written and are lost", lost)
        parts.rules.save()
        if not parts.disk.stop(DISK_END_S):
            log.warning("the disk is slow; the last snapshots are not kept")
        if not parts.publisher.stop(BROKER_END_S):
            log.warning("the broker was not told of the end; unsent findings go out next time")
        try:
            parts.store.close()
        except StoreError as error:
            log.error("%s", error)
        log.info("stopped")

    def _end_children(self) -> None:
        """Wait for the children, take what they still say out of the way, kill the slow ones."""
        running = list(self._parts.lasting_children().values())
        until = time.monotonic() + CHILD_END_S
        while running and time.monotonic() < until:
            self._next_message(0.05)
            running = [child for child in running if not child.join(0)]
        for child in running:
            if child is self._parts.analyst.host.slot.child:  # inside the model it hears nothing
                log.info("%s: ended in the midst of its work, as it may be at a stop", child.name)
            else:
                log.warning("%s: process did not end by itself; killed", child.name)
        kill_all_children()
