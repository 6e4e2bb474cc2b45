"""The daemon's main process: one inbox, one loop, and the parts it wires together.

    while running:
        take the next message from the inbox (cameras, analyzer, MQTT commands)
        every quarter of a second: check the children, the queue, the rules, the disk

It computes nothing itself and must never block: pictures are looked at in the cameras' processes
and the analyzer's, JPEGs are written by the disk thread, the broker is the publisher's threads'.

| queue         | bound                    | when full                                             |
|---------------|--------------------------|-------------------------------------------------------|
| inbox         | 64 messages              | a child's reader waits; an MQTT command is dropped    |
| disk thread   | 16 snapshots             | the snapshot is not kept; counted                     |
| waiting slots | see scheduler.py         | see scheduler.py                                      |
| unwritten     | see reporter.py          | the oldest message is dropped; counted                |
| outbox        | age and size (store)     | the oldest rows are dropped; counted and published    |
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import signal
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import FrameType

from edge import __version__
from edge.config.last_good import save_last_good
from edge.config.load import LoadedConfig, load_config
from edge.config.models import Config
from edge.daemon.analyst import Analyst, model_report
from edge.daemon.analyzer_host import AnalyzerHost
from edge.daemon.announcer import Announcer
from edge.daemon.cameras import Cameras
from edge.daemon.child import Child, ChildGone, FromChild, Inbox
from edge.daemon.commands import Commands
from edge.daemon.disk import DiskThread
from edge.daemon.messages import EngineReady
from edge.daemon.notify import Notifier, watchdog_interval_s
from edge.daemon.plans import AnalyzerPlan, analyzer_body
from edge.daemon.reporter import Reporter
from edge.daemon.stats import build_stats, outbox_stats, resident_mb
from edge.daemon.wiring import (
    analyzer_plan,
    build_rules,
    camera_zones,
    discovery_documents,
    mqtt_settings,
    store_settings,
)
from edge.errors import EdgeError, StoreError
from edge.findings import Info, Stats
from edge.frames import Keyframe
from edge.hub.places import find_model
from edge.logs import hide_in_log
from edge.mqtt.commands import Command
from edge.mqtt.publisher import Publisher
from edge.rules.book import RuleBook, RuleChange, Settlement
from edge.rules.state import Moment
from edge.store.database import Store

log = logging.getLogger(__name__)

INBOX_BOUND = 64
TICK_S = 0.25
SLOW_TICK_S = 1.0
STATS_S = 60.0
CHILD_END_S = 3.0  # for all children together, after they were asked to end
BROKER_END_S = 4.0
RULE_STATES = "rules"  # the store's key of the saved rule states
DISCOVERY_TOLD = "discovery"  # and of what Home Assistant was told


class Daemon:
    """Everything that runs on the box. Made for one configuration; `run` until SIGTERM."""

    def __init__(self, loaded: LoadedConfig, path: Path, model_dir: Path, store: Store) -> None:
        self._path = path
        self._config = loaded.config
        self._store = store
        self._started_mono_s = time.monotonic()
        self._inbox: Inbox = queue.Queue(INBOX_BOUND)
        self._notifier = Notifier()
        self._stop_signal = ""
        self._reload_wanted = False
        self._slow_mono_s = self._stats_mono_s = self._fed_mono_s = float("-inf")
        self._rules_changed = False
        self.publisher = self._build_publisher()
        self._announcer = Announcer(self.publisher)
        self._reporter = Reporter(self._config.node, store, self.publisher)
        self._disk = DiskThread(store)
        self._rules = RuleBook(build_rules(self._config), camera_zones(self._config))
        self._analyst = Analyst(
            host=AnalyzerHost(analyzer_plan(self._config, model_dir), self._spawn_analyzer),
            reporter=self._reporter,
            rules=self._rules,
            on_settled=self._on_settled,
            deadline_s=self._config.vlm.deadline_s,
        )
        self._cameras = Cameras(
            self._inbox,
            store,
            self._announcer,
            on_keyframe=self._on_keyframe,
            on_lost=self._analyst.forget_camera,
        )
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
        self._start()
        try:
            while not self._stop_signal:
                self._handle_next()
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
        self._restore_rules()
        self._cameras.apply(self._config)
        self.publisher.start()
        self._announce_all()
        self._tick(time.monotonic())
        self._notifier.ready(self._status())
        log.info("ready: %s", self._status())

    def _shut_down(self) -> None:
        log.info("stopping")
        self._notifier.stopping()
        self._analyst.stop(list(self._cameras.hosts))
        self._cameras.stop()
        self._analyst.host.stop()
        self._end_children()
        self._reporter.flush()
        self._save_rules()
        self._disk.stop()
        if not self.publisher.stop(BROKER_END_S):
            log.warning("the broker did not acknowledge the last messages; they are kept")
        self._store.close()
        log.info("stopped")

    def _end_children(self) -> None:
        """Wait for the children, take what they still say out of the way, kill the slow ones."""
        slots = [host.slot for host in self._cameras.hosts.values()] + [self._analyst.host.slot]
        running = [slot.child for slot in slots if slot.child is not None]
        until = time.monotonic() + CHILD_END_S
        while running and time.monotonic() < until:
            with contextlib.suppress(queue.Empty):
                self._inbox.get(timeout=0.05)
            running = [child for child in running if not child.join(0)]
        for child in running:
            log.warning("%s: process did not end by itself; killed", child.name)
            child.kill()

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            self._reload_wanted = True
        else:
            self._stop_signal = signal.Signals(number).name

    # The loop

    def _handle_next(self) -> None:
        try:
            message = self._inbox.get(timeout=TICK_S)
        except queue.Empty:
            return
        now = time.monotonic()
        match message:
            case FromChild("analyzer", generation, words):
                if self._analyst.host.slot.is_current(generation):
                    self._analyst.heard(words)
                    if isinstance(words, EngineReady):
                        self._announce_info()
            case FromChild(name, generation, words):
                self._cameras.heard(name, generation, words, now)
            case ChildGone("analyzer", generation, exitcode):
                if self._analyst.host.slot.is_current(generation):
                    self._analyst.analyzer_gone(exitcode)
            case ChildGone(name, generation, exitcode):
                self._cameras.gone(name, generation, exitcode, now)
            case _:
                self._commands.carry_out(message, now)

    def _tick(self, now: float) -> None:
        self._cameras.check(now)
        self._analyst.host.check(now)
        self._analyst.step()
        if now - self._slow_mono_s < SLOW_TICK_S:
            return
        self._slow_mono_s = now
        self._reporter.flush()
        self._on_rule_changes(self._rules.tick(self._moment()))
        if self._rules_changed:
            self._save_rules()
        if self._reload_wanted:
            self._reload_wanted = False
            self._reload()
        if now - self._stats_mono_s >= STATS_S:
            self._stats_mono_s = now
            self._announcer.stats(self.stats())
            self._disk.clear_old()
        self._feed_watchdog(now)

    def _feed_watchdog(self, now: float) -> None:
        """Alive means: this loop turns, and the publisher's threads run."""
        interval_s = watchdog_interval_s() or STATS_S
        if now - self._fed_mono_s < min(interval_s, 10.0):
            return
        self._fed_mono_s = now
        if self.publisher.is_alive():
            self._notifier.alive(self._status())
        else:
            log.critical("a publisher thread has died; the watchdog is not fed any more")

    def _reload(self) -> None:
        """Read the file again; a broken one changes nothing, loudly."""
        self._notifier.reloading()
        try:
            self._apply(load_config(self._path, tolerant=True))
            save_last_good(self._path, self._config.store.folder)
        except EdgeError as error:
            log.error("%s", error)
            log.error("the reload of %s is not complete, see above", self._path)
        else:
            log.info("%s was read again", self._path)
        self._notifier.ready(self._status())

    def _apply(self, loaded: LoadedConfig) -> None:
        """Take a new configuration over; raises before anything is changed."""
        old, new = self._config, loaded.config
        model_dir = find_model(new.vlm.model)
        broker = mqtt_settings(new)
        if store_settings(new) != store_settings(old):
            log.warning("changes to the store take effect at the next start")
        gone = _rule_places(old) - _rule_places(new)
        self._config = new
        log_omissions(loaded)
        hide_in_log(loaded.secrets)
        if broker != mqtt_settings(old):
            self._change_broker()
        self.publisher.set_cameras(new.cameras)
        self._rules.replace_rules(build_rules(new), camera_zones(new))
        for camera, rule in gone:
            self._announcer.forget_rule(camera, rule)
        plan = analyzer_plan(new, model_dir)
        if plan != self._analyst.host.plan:
            self._analyst.host.replace_plan(plan)
        self._analyst.deadline_s = new.vlm.deadline_s
        self._cameras.apply(new)
        self._announce_all()

    def _change_broker(self) -> None:
        """Speak to another broker or with another name from now on; may block for seconds."""
        self.publisher.stop(BROKER_END_S)
        self.publisher = self._build_publisher()
        self._announcer = Announcer(self.publisher)
        self._cameras.announcer = self._announcer
        self._commands.publisher = self.publisher
        self._reporter.speak_through(self.publisher, self._config.node)
        self.publisher.start()

    # What the parts report

    def _on_keyframe(self, keyframe: Keyframe) -> None:
        wanted = self._config.cameras[keyframe.camera].snapshots.enabled
        finding = self._analyst.take_keyframe(keyframe, snapshot=wanted)
        if wanted:
            then = None
            if self._config.mqtt.snapshots:
                then = partial(self._announcer.snapshot, keyframe.camera)
            self._disk.offer_snapshot(finding.id, keyframe.image, then)

    def _on_settled(self, settlement: Settlement) -> None:
        for verdict in settlement.verdicts:
            self._announcer.rule(self._rules.attributes_of(verdict.rule, settlement.camera))
            self._rules_changed = True
        self._log_changes(settlement.changes)

    def _on_rule_changes(self, changes: tuple[RuleChange, ...]) -> None:
        """Time alone moved a state: tell it, and have a keyframe show what it looks like now."""
        for change in changes:
            self._announcer.rule(self._rules.attributes_of(change.rule.name, change.camera))
            self._commands.analyze(change.camera, time.monotonic())
            self._rules_changed = True
        self._log_changes(changes)

    def _log_changes(self, changes: tuple[RuleChange, ...]) -> None:
        for change in changes:
            word = change.transition.after
            log.info("%s: rule %s is %s", change.camera, change.rule.name, word)

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
        pids |= {h.name: h.slot.child.pid for h in hosts.values() if h.slot.child is not None}
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

    def _status(self) -> str:
        online = sum(h.status.state == "online" for h in self._cameras.hosts.values())
        broker = "broker connected" if self.publisher.connected else "no broker"
        return (
            f"{online} of {len(self._cameras.hosts)} cameras online, "
            f"model {self._analyst.host.state}, {broker}"
        )

    def _announce_all(self) -> None:
        self._announce_info()
        self._announce_discovery()
        for attributes in self._rules.attributes():
            self._announcer.rule(attributes)

    def _announce_discovery(self) -> None:
        """Tell Home Assistant what there is, and what an earlier run told and is gone."""
        documents = discovery_documents(self._config, self.publisher.topics)
        try:
            told = self._store.load_state(DISCOVERY_TOLD) or {}
            earlier = {topic: str(text).encode() for topic, text in told.items()}
            self._announcer.discovery(documents, earlier)
            self._store.save_state(
                DISCOVERY_TOLD, {topic: text.decode() for topic, text in documents.items()}
            )
        except (StoreError, ValueError, KeyError, TypeError) as error:
            log.warning("Home Assistant may keep entities that are gone: %s", error)
            self._announcer.discovery(documents)

    def _announce_info(self) -> None:
        self._announcer.info(
            Info(
                node=self._config.node,
                version=__version__,
                model=model_report(self._analyst.host.info),
                cameras=list(self._config.cameras),
                rules=list(self._config.rules),
            )
        )

    def _moment(self) -> Moment:
        return Moment(time.monotonic(), datetime.now(UTC))

    def _restore_rules(self) -> None:
        try:
            saved = self._store.load_state(RULE_STATES)
            if saved is not None:
                self._rules.restore(saved, self._moment())
        except (StoreError, ValueError) as error:
            log.warning("rules begin with unknown states: %s", error)

    def _save_rules(self) -> None:
        try:
            self._store.save_state(RULE_STATES, self._rules.snapshot(self._moment()))
            self._rules_changed = False
        except StoreError as error:
            log.warning("rule states could not be saved: %s", error)

    def _build_publisher(self) -> Publisher:
        return Publisher(
            mqtt_settings(self._config), self._store, self._on_command, self._config.cameras
        )

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


def _rule_places(config: Config) -> set[tuple[str, str]]:
    """Every (camera, rule) pair that has a state."""
    return {(camera, rule) for rule in config.rules for camera in config.cameras_of(rule)}
