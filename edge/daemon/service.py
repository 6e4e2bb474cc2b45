"""The daemon's main process: one inbox, one loop, and the parts it wires together.

    while running:
        take the messages from the inbox (cameras, analyzer, MQTT commands)
        every quarter of a second: check the children, the queue, the rules, the disk

It computes nothing itself and must never block: pictures are looked at in the cameras' processes
and the analyzer's, JPEGs are written by the disk thread, the broker is the publisher's threads',
HTTP has a thread that comes in by the door.

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
import os
import queue
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType

from edge.config.last_good import save_last_good
from edge.config.load import LoadedConfig, load_config
from edge.daemon.analyst import Analyst
from edge.daemon.analyzer_host import AnalyzerHost
from edge.daemon.announcer import Announcer
from edge.daemon.cameras import Cameras
from edge.daemon.child import Child, ChildGone, FromChild, Inbox, kill_all_children
from edge.daemon.commands import Commands
from edge.daemon.conversations import (
    CancelOrder,
    CloseOrder,
    Door,
    LookOrder,
    TakeOrder,
    TurnOrder,
)
from edge.daemon.disk import DiskThread
from edge.daemon.http_host import HttpHost
from edge.daemon.introduction import announce_discovery, announce_info
from edge.daemon.messages import EngineReady
from edge.daemon.notify import Notifier, watchdog_interval_s
from edge.daemon.plans import AnalyzerPlan, TuneJob, analyzer_body, tuner_body
from edge.daemon.present import build_present
from edge.daemon.reporter import Reporter, model_report
from edge.daemon.rule_keeper import RuleKeeper
from edge.daemon.stats import build_stats, outbox_stats, resident_mb
from edge.daemon.tuner import NAME as TUNER_NAME
from edge.daemon.tuner import CancelTuneOrder, TuneOrder, Tuner
from edge.daemon.wiring import (
    analyzer_plan,
    mqtt_settings,
    recent_answers,
    store_settings,
)
from edge.errors import EdgeError, StoreError
from edge.findings import Stats
from edge.frames import Keyframe
from edge.hub.places import find_model
from edge.logs import hide_in_log, set_log_level
from edge.mqtt.commands import Command
from edge.mqtt.publisher import Publisher
from edge.present import Present
from edge.store.database import Store

log = logging.getLogger(__name__)

INBOX_BOUND = 64
TICK_S = 0.25
SLOW_TICK_S = 1.0
STATS_S = 60.0
CHILD_END_S = 3.0  # for all children together, after they were asked to end
DISK_END_S = 1.0  # for the findings that wait, and again for the snapshots
BROKER_END_S = 3.0  # for the last acknowledgements; closing the connection comes on top
BROKER_CHANGE_S = 1.0  # the same at a reload, when the main loop waits for it


class Daemon:
    """Everything that runs on the box. Made for one configuration; `run` until SIGTERM."""

    def __init__(self, loaded: LoadedConfig, path: Path, model_dir: Path, store: Store) -> None:
        self._path = path
        self._config = loaded.config
        self._store = store
        self._started_mono_s = time.monotonic()
        self._inbox: Inbox = queue.Queue(INBOX_BOUND)
        self.door = Door(self._inbox)  # for whoever talks to people, in other threads
        self._notifier = Notifier()
        self._stop_signal = ""
        self._reload_wanted = False
        self._slow_mono_s = self._stats_mono_s = self._fed_mono_s = float("-inf")
        self.publisher = self._build_publisher()
        self._http = HttpHost(self.door, store)
        self._announcer = Announcer(self.publisher, self._http.tell)
        self._reporter = Reporter(self._config.node, store, self.publisher)
        self._reporter.on_written = partial(self._http.tell, "finding")
        self._disk = DiskThread(store)
        self._rules = RuleKeeper(self._config, store, self._announcer)
        self._analyst = Analyst(
            host=AnalyzerHost(analyzer_plan(self._config, model_dir), self._spawn_analyzer),
            reporter=self._reporter,
            rules=self._rules.book,
            on_settled=self._rules.settled,
            deadline_s=self._config.vlm.deadline_s,
            recent=recent_answers(self._config),
        )
        self._cameras = Cameras(
            self._inbox,
            store,
            self._announcer,
            on_keyframe=self._on_keyframe,
            on_lost=self._analyst.forget_camera,
        )
        self._tuner = Tuner(self._spawn_tuner, self._cameras.plan_of)
        self._commands = Commands(
            cameras=self._cameras,
            analyst=self._analyst,
            publisher=self.publisher,
            on_keyframe=self._on_keyframe,
            on_reload=self.request_reload,
        )

    def run(self) -> str:
        """Serve until SIGTERM or SIGINT; returns the signal's name. Children are gone after it."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        try:
            self._start()
            while not self._stop_signal:
                self._handle_waiting()
                self._tick(time.monotonic())
        finally:
            self._shut_down()
        return self._stop_signal

    def request_reload(self) -> None:
        """Read the configuration again at the next tick."""
        self._reload_wanted = True

    # Start and end

    def _start(self) -> None:
        abandoned = self._reporter.end_abandoned()
        if abandoned:
            log.warning("%d findings of the last run were not finished; they are ended", abandoned)
        self._rules.restore()
        self._cameras.apply(self._config)
        self.publisher.start()
        self._announce_all()
        self._http.apply(self._config)
        self._tick(time.monotonic())
        self._notifier.ready(self._status())
        log.info("ready: %s", self._status())

    def _shut_down(self) -> None:
        log.info("stopping")
        self._notifier.stopping()
        try:
            self._cameras.stop()
            self._tuner.stop()
            self._analyst.host.stop()
            self._analyst.stop(list(self._cameras.hosts))
        finally:
            self._end_children()
        self._http.stop()
        if lost := self._reporter.flush_all(DISK_END_S):
            log.error("%d messages about findings could not be written and are lost", lost)
        self._rules.save()
        if not self._disk.stop(DISK_END_S):
            log.warning("the disk is slow; the last snapshots are not kept")
        if not self.publisher.stop(BROKER_END_S):
            log.warning("the broker was not told of the end; unsent findings go out next time")
        try:
            self._store.close()
        except StoreError as error:
            log.error("%s", error)
        log.info("stopped")

    def _end_children(self) -> None:
        """Wait for the children, take what they still say out of the way, kill the slow ones."""
        slots = [host.slot for host in self._cameras.hosts.values()] + [self._analyst.host.slot]
        running = [slot.child for slot in slots if slot.child is not None]
        until = time.monotonic() + CHILD_END_S
        while running and time.monotonic() < until:
            self._next_message(0.05)
            running = [child for child in running if not child.join(0)]
        for child in running:
            log.warning("%s: process did not end by itself; killed", child.name)
        kill_all_children()

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            self._reload_wanted = True
        else:
            self._stop_signal = signal.Signals(number).name

    # The loop

    def _next_message(self, timeout_s: float) -> object | None:
        """What came in first, None if nothing has within `timeout_s`."""
        try:
            return self._inbox.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def _handle_waiting(self) -> None:
        """Wait for a message, then take all that wait.

        All of them, because the checks that follow must not find a camera silent whose heartbeat
        waits here, after the disk or a reload has held this loop up.
        """
        message = self._next_message(TICK_S)
        for _ in range(INBOX_BOUND):
            if message is None or self._stop_signal:
                return
            self._handle(message, time.monotonic())
            message = None if self._inbox.empty() else self._next_message(0)

    def _handle(self, message: object, now: float) -> None:
        is_analyzer = self._analyst.host.slot.is_current
        match message:
            case FromChild(generation=generation, message=words) if is_analyzer(generation):
                self._analyst.heard(words)
                if isinstance(words, EngineReady):
                    self._announce_info()
            case ChildGone(generation=generation, exitcode=exitcode) if is_analyzer(generation):
                self._analyst.analyzer_gone(exitcode)
            case FromChild() | ChildGone() if self._tuner.is_current(message.generation):
                self._tuner.heard(message, now)
            case FromChild(name, generation, words):
                self._cameras.heard(name, generation, words, now)
            case ChildGone(name, generation, exitcode):
                self._cameras.gone(name, generation, exitcode, now)
            case TurnOrder() | CancelOrder() | CloseOrder():
                self._analyst.obey(message)
            case TuneOrder() | CancelTuneOrder():
                self._tuner.obey(message, now)
            case LookOrder(reply):
                self._tell_present(reply)
            case TakeOrder(camera, give):
                self._cameras.take(
                    camera, now, lambda taken: give(None if taken is None else taken.image)
                )
            case _:
                self._commands.carry_out(message, now)

    def _tick(self, now: float) -> None:
        self._cameras.check(now)
        self._analyst.host.check(now)
        self._analyst.step()
        if now - self._slow_mono_s < SLOW_TICK_S:
            return
        self._slow_mono_s = now
        self._tuner.check(now)
        self._reporter.flush()
        for camera in self._rules.tick():  # have a keyframe show what it looks like now
            self._commands.analyze(camera, now)
        self._rules.save()
        if self._reload_wanted:
            self._reload_wanted = False
            self._reload()
        if now - self._stats_mono_s >= STATS_S:
            self._stats_mono_s = now
            self._announce_stats()
            self._disk.clear_old()
            self._http.check()
        self._feed_watchdog(now)

    def _feed_watchdog(self, now: float) -> None:
        """Alive means: this loop turns, and the threads of publisher and disk run."""
        interval_s = watchdog_interval_s() or STATS_S
        if now - self._fed_mono_s < min(interval_s, 10.0):
            return
        self._fed_mono_s = now
        for part, is_alive in (
            ("publisher", self.publisher.is_alive),
            ("disk", self._disk.is_alive),
        ):
            if not is_alive():
                log.critical("a %s thread has died; the watchdog is not fed any more", part)
                return
        self._notifier.alive(self._status())

    def _reload(self) -> None:
        """Read the file again; one with any error changes nothing, loudly."""
        self._notifier.reloading()
        try:
            self._apply(load_config(self._path))
        except EdgeError as error:
            log.error("%s", error)
            log.error("%s cannot be used; everything goes on as before", self._path)
        else:
            log.info("%s was read again: %s", self._path, self._status())
            self._save_last_good()
        self._notifier.ready(self._status())

    def _apply(self, loaded: LoadedConfig) -> None:
        """Take a new configuration over; raises before anything is changed."""
        hide_in_log(loaded.secrets)
        old, new = self._config, loaded.config
        model_dir = find_model(new.vlm.model)
        broker = mqtt_settings(new)
        if store_settings(new) != store_settings(old):
            log.warning("changes to the store take effect at the next start")
        self._config = new
        log_omissions(loaded)
        set_log_level(new.log.level.upper())
        if broker != mqtt_settings(old):
            self._change_broker()
        self.publisher.set_cameras(new.cameras)
        self._rules.replace(new)
        self._analyst.host.replace_plan(analyzer_plan(new, model_dir))
        self._analyst.deadline_s = new.vlm.deadline_s
        self._analyst.recent = recent_answers(new)
        self._cameras.apply(new)
        self._announce_all()
        self._http.apply(new)

    def _save_last_good(self) -> None:
        try:
            save_last_good(self._path, self._config.store.folder)
        except EdgeError as error:
            log.warning("%s", error)

    def _change_broker(self) -> None:
        """Speak to another broker or with another name from now on; may block for seconds."""
        self.publisher.stop(BROKER_CHANGE_S)
        self.publisher = self._build_publisher()
        self._announcer = Announcer(self.publisher, self._http.tell)
        self._cameras.announcer = self._rules.announcer = self._announcer
        self._commands.publisher = self.publisher
        self._reporter.speak_through(self.publisher, self._config.node)
        self.publisher.start()

    # What the parts report

    def _on_keyframe(self, keyframe: Keyframe) -> None:
        camera = self._config.cameras[keyframe.camera]
        is_for_rules = keyframe.trigger == "periodic" and camera.periodic_s is None
        if is_for_rules and not self._analyst.is_asked_about(keyframe):
            return  # came for a rule's `every`, and no rule is due
        wanted = camera.snapshots.enabled and self._disk.has_room
        finding = self._analyst.take_keyframe(keyframe, snapshot=wanted)
        if wanted:
            then = partial(self._on_snapshot, keyframe.camera, finding.id)
            self._disk.offer_snapshot(finding.id, keyframe.image, then)

    def _on_snapshot(self, camera: str, finding_id: str, jpeg: bytes) -> None:
        """Called in the disk thread."""
        self._http.tell("snapshot", {"camera": camera, "id": finding_id})
        if self._config.mqtt.snapshots:
            self._announcer.snapshot(camera, jpeg)

    def _on_command(self, command: Command) -> None:
        """Called in the publisher's thread."""
        try:
            self._inbox.put_nowait(command)
        except queue.Full:
            log.warning("the daemon is too busy; an MQTT command was dropped: %s", command)

    # States

    def stats(self) -> Stats:
        """How the box is doing now."""
        hosts = self._cameras.hosts
        pids = {"main": os.getpid()}
        pids |= {
            f"camera {h.name}": h.slot.child.pid for h in hosts.values() if h.slot.child is not None
        }
        if self._analyst.host.slot.child is not None:
            pids["analyzer"] = self._analyst.host.slot.child.pid
        now = time.monotonic()
        return build_stats(
            node=self._config.node,
            uptime_s=now - self._started_mono_s,
            now_mono_s=now,
            scheduler=self._analyst.scheduler,
            cameras=hosts.values(),
            analyzer=self._analyst.host,
            outbox=outbox_stats(self._store.outbox_stats(), self.publisher.stats()),
            rss_mb=resident_mb(pids),
        )

    def _tell_present(self, reply: Callable[[Present], None]) -> None:
        try:
            stats = self.stats()
        except StoreError as error:
            log.error("what the box is doing cannot be told: %s", error)
            return
        analyst = self._analyst
        costs = analyst.costs.last_hour(self._config.rules, time.monotonic())
        hosts, book = self._cameras.hosts, self._rules.book
        reply(build_present(self._config, stats, hosts, book, analyst.host.info, costs))

    def _status(self) -> str:
        online = sum(h.status.state == "online" for h in self._cameras.hosts.values())
        broker = "broker connected" if self.publisher.connected else "no broker"
        return (
            f"{online} of {len(self._cameras.hosts)} cameras online, "
            f"model {self._analyst.host.state}, {broker}"
        )

    def _announce_all(self) -> None:
        self._announce_info()
        announce_discovery(self._announcer, self._config, self.publisher.topics, self._store)
        self._rules.announce()

    def _announce_info(self) -> None:
        announce_info(self._announcer, self._config, model_report(self._analyst.host.info))

    def _announce_stats(self) -> None:
        try:
            self._announcer.stats(self.stats())
        except StoreError as error:
            log.error("no statistics this time: %s", error)

    def _build_publisher(self) -> Publisher:
        return Publisher(
            mqtt_settings(self._config), self._store, self._on_command, self._config.cameras
        )

    def _spawn_tuner(self, job: TuneJob, generation: int) -> Child:
        return Child(TUNER_NAME, generation, tuner_body, (job,), self._inbox)

    def _spawn_analyzer(self, plan: AnalyzerPlan, generation: int) -> Child:
        return Child("analyzer", generation, analyzer_body, (plan,), self._inbox)


def log_omissions(loaded: LoadedConfig) -> None:
    """Say which cameras and rules are left out because they are broken, and what else is odd."""
    for kind, broken in (("camera", loaded.broken_cameras), ("rule", loaded.broken_rules)):
        for name, problems in broken.items():
            for problem in problems:
                log.error("%s %s is left out: %s", kind, name, problem)
    for warning in loaded.warnings:
        log.warning("%s", warning)
