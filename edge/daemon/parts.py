"""The daemon's parts, each built once and joined to those it needs.

Starts none of them (but for the disk's thread, which waits for work) and decides nothing: the
service starts and ends them, dispatch brings them their messages, upkeep looks after them. The
configuration and the publisher are the present ones; a reload replaces them and tells the others.
"""

from __future__ import annotations

import logging
import queue
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from edge.config.models import Config
from edge.daemon.analyst import Analyst
from edge.daemon.analyzer_host import AnalyzerHost
from edge.daemon.announcer import Announcer
from edge.daemon.box_watch import BoxWatch
from edge.daemon.cameras import Cameras
from edge.daemon.child import Child, Inbox
from edge.daemon.conversations import Door
from edge.daemon.disk import DiskThread
from edge.daemon.effort_in_force import EffortInForce
from edge.daemon.effort_watch import EffortWatch
from edge.daemon.given_up import former_names
from edge.daemon.http_host import HttpHost
from edge.daemon.intake import Intake
from edge.daemon.plans import AnalyzerPlan, TuneJob, analyzer_body, tuner_body
from edge.daemon.reporter import Reporter
from edge.daemon.rule_keeper import RuleKeeper
from edge.daemon.tuner import NAME as TUNER_NAME
from edge.daemon.tuner import Tuner
from edge.daemon.wiring import (
    analyzer_plan,
    effort_settings,
    max_growth_bytes,
    mqtt_settings,
    recent_answers,
    small_pixels,
)
from edge.findings import ConfigReport
from edge.mqtt.commands import Command
from edge.mqtt.publisher import Publisher
from edge.store.database import Store

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Parts:
    """What the daemon is made of. Only a reload replaces one, and only the first three."""

    config: Config
    report: ConfigReport
    publisher: Publisher
    inbox: Inbox
    store: Store
    http: HttpHost
    announcer: Announcer
    reporter: Reporter
    disk: DiskThread
    rules: RuleKeeper
    analyst: Analyst
    effort: EffortWatch
    intake: Intake
    cameras: Cameras
    tuner: Tuner
    watch: BoxWatch

    def lasting_children(self) -> dict[str, Child]:
        """The processes of the cameras and the analyzer that run now, by what people call them."""
        slots = {f"camera {name}": host.slot for name, host in self.cameras.hosts.items()}
        slots["analyzer"] = self.analyst.host.slot
        return {name: slot.child for name, slot in slots.items() if slot.child is not None}


def build_parts(
    config: Config, report: ConfigReport, model_dir: Path | None, store: Store, inbox: Inbox
) -> Parts:
    """Everything for one configuration; what comes from other processes is put into `inbox`."""
    publisher = build_publisher(config, store, inbox)
    http = HttpHost(Door(inbox), store)
    announcer = Announcer(publisher, http.tell)
    reporter = Reporter(config.node, store, publisher)
    reporter.on_written = partial(http.tell, "finding")
    disk = DiskThread(store)
    rules = RuleKeeper(config, store, announcer)
    analyst = Analyst(
        host=AnalyzerHost(analyzer_plan(config, model_dir), partial(_spawn_analyzer, inbox)),
        reporter=reporter,
        rules=rules.book,
        on_settled=rules.settled,
        deadline_s=config.vlm.deadline_s,
        recent=recent_answers(config),
        effort=EffortInForce(small_pixels(config)),
    )
    analyst.host.max_growth_bytes = max_growth_bytes(config)
    intake = Intake(config, analyst, disk, announcer, http)
    cameras = Cameras(
        inbox, store, announcer, on_keyframe=intake.take, on_lost=analyst.forget_camera
    )
    return Parts(
        config=config,
        report=report,
        publisher=publisher,
        inbox=inbox,
        store=store,
        http=http,
        announcer=announcer,
        reporter=reporter,
        disk=disk,
        rules=rules,
        analyst=analyst,
        effort=EffortWatch(analyst, effort_settings(config)),
        intake=intake,
        cameras=cameras,
        tuner=Tuner(partial(_spawn_tuner, inbox), cameras.plan_of),
        watch=BoxWatch(store, disk, reporter, analyst.host),
    )


def build_publisher(config: Config, store: Store, inbox: Inbox) -> Publisher:
    """The publisher for the configuration's broker, not started. Commands go into the inbox."""

    def on_command(command: Command) -> None:
        """Called in the publisher's thread."""
        try:
            inbox.put_nowait(command)
        except queue.Full:
            log.warning("the daemon is too busy; an MQTT command was dropped: %s", command)

    settings = mqtt_settings(config)
    former = former_names(settings, store)
    return Publisher(settings, store, on_command, config.cameras, former)


def _spawn_analyzer(inbox: Inbox, plan: AnalyzerPlan, generation: int) -> Child:
    return Child("analyzer", generation, analyzer_body, (plan,), inbox)


def _spawn_tuner(inbox: Inbox, job: TuneJob, generation: int) -> Child:
    return Child(TUNER_NAME, generation, tuner_body, (job,), inbox)
