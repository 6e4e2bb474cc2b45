"""Metrics: the statistics document as Prometheus reads it. Pure; owns prometheus_client."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from edge.effort import EFFORTS
from edge.findings import PoolStats, ServerStats
from edge.present import Present
from edge.web.events import Events
from edge.web.health_metrics import disk_metrics, strain_metrics

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_FAULTS = ("gaps", "lost", "corrupt", "drained")
_OUTCOMES = ("analysed", "reused", "superseded", "stale", "failed", "unasked", "left_out")


def build_metrics(present: Present, events: Events) -> bytes:
    """The text for this moment."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(present, events))
    return generate_latest(registry)


class _Figures(Collector):
    def __init__(self, present: Present, events: Events) -> None:
        self._present, self._events = present, events

    def collect(self) -> Iterator[Metric]:
        yield from self._box()
        yield from self._elsewhere()
        yield from self._cameras()
        yield from self._rules()

    def _box(self) -> Iterator[Metric]:
        stats, outbox = self._present.stats, self._present.stats.outbox
        model = self._present.model
        info = GaugeMetricFamily(
            "edge_info", "1, with what runs here", labels=["node", "version", "model", "precision"]
        )
        names = ("", "") if model is None else (model.name, model.precision)
        info.add_metric([stats.node, self._present.version, *names], 1)
        yield info
        yield _gauge("edge_uptime_seconds", "Since the daemon started", stats.uptime_s)
        yield _gauge(
            "edge_analyzer_ready",
            "1 while the model can be asked",
            float(stats.analyzer in ("ready", "busy")),
        )
        yield _counter(
            "edge_analyzer_restarts", "Analyzer processes replaced", stats.analyzer_restarts
        )
        yield _counter(
            "edge_analyzer_recycled", "Analyzer processes that had grown", stats.analyzer_recycled
        )
        if stats.analysis_ms_median is not None:
            seconds = stats.analysis_ms_median / 1000
            yield _gauge("edge_analysis_seconds_median", "A keyframe's analysis", seconds)
        if stats.keyframes_per_hour_budget is not None:
            budget = stats.keyframes_per_hour_budget
            yield _gauge("edge_keyframes_per_hour_budget", "What this box can analyse", budget)
        yield _gauge(
            "edge_effort_step",
            "0 full, 1 small pictures, 2 few questions, 3 motion only",
            EFFORTS.index(stats.effort.step),
        )
        if stats.effort.load is not None:
            yield _gauge(
                "edge_load_ratio",
                "Model's time that keyframes need at this step, of what there is",
                stats.effort.load,
            )
        yield _gauge("edge_mqtt_connected", "1 while the broker is", float(outbox.connected))
        yield _gauge("edge_outbox_pending", "Messages that wait for the broker", outbox.pending)
        yield _counter("edge_outbox_published", "Messages taken by the broker", outbox.published)
        if outbox.oldest_age_s is not None:
            yield _gauge(
                "edge_outbox_oldest_age_seconds", "Of the oldest that waits", outbox.oldest_age_s
            )
        dropped = CounterMetricFamily(
            "edge_outbox_dropped", "Messages dropped unsent", labels=["reason"]
        )
        dropped.add_metric(["age"], outbox.dropped_age)
        dropped.add_metric(["size"], outbox.dropped_size)
        dropped.add_metric(["count"], outbox.dropped_count)
        yield dropped
        memory = GaugeMetricFamily(
            "edge_process_resident_bytes", "Memory of each process", labels=["process"]
        )
        for process, megabytes in stats.rss_mb.items():
            memory.add_metric([process], megabytes * 1e6)
        yield memory
        if stats.temperature_c is not None:
            yield _gauge("edge_temperature_celsius", "The processor's", stats.temperature_c)
        if stats.disk is not None:
            yield from disk_metrics(stats.disk)
        if stats.strain is not None:
            yield from strain_metrics(stats.strain)
        yield _gauge("edge_event_clients", "Who listens to events", self._events.num_clients)
        yield _counter(
            "edge_event_clients_dropped", "Clients too slow for events", self._events.num_dropped
        )

    def _elsewhere(self) -> Iterator[Metric]:
        """Of models on other boxes or on a server, where one is asked."""
        stats = self._present.stats
        if stats.pool is not None:
            yield from _of_pool(stats.pool)
        if stats.server is not None:
            yield from _of_server(stats.server)

    def _cameras(self) -> Iterator[Metric]:
        label = ["camera"]
        online = GaugeMetricFamily("edge_camera_online", "1 while pictures come", labels=label)
        fps = GaugeMetricFamily("edge_camera_fps", "Frames looked at a second", labels=label)
        frames = CounterMetricFamily("edge_camera_frames", "Frames looked at", labels=label)
        reconnects = CounterMetricFamily("edge_camera_reconnects", "Reconnects", labels=label)
        restarts = CounterMetricFamily("edge_camera_restarts", "Processes replaced", labels=label)
        age = GaugeMetricFamily(
            "edge_camera_last_frame_age_seconds", "Since a frame came", labels=label
        )
        faults = CounterMetricFamily(
            "edge_camera_faults",
            "Of the stream since its last connection: gaps after which an I-frame was waited "
            "for, lost and corrupt pictures, packets drained because the box was slow",
            labels=["camera", "kind"],
        )
        waiting = GaugeMetricFamily(
            "edge_keyframes_waiting", "Keyframes in the queue", labels=label
        )
        keyframes = CounterMetricFamily(
            "edge_keyframes", "Keyframes by what became of them", labels=["camera", "outcome"]
        )
        for name, camera in self._present.stats.cameras.items():
            online.add_metric([name], float(camera.state == "online"))
            fps.add_metric([name], camera.fps)
            frames.add_metric([name], camera.frames)
            reconnects.add_metric([name], camera.reconnects)
            restarts.add_metric([name], camera.restarts)
            if camera.last_frame_age_s is not None:
                age.add_metric([name], camera.last_frame_age_s)
            if camera.capture is not None:
                for kind in _FAULTS:
                    faults.add_metric([name, kind], getattr(camera.capture, kind))
            waiting.add_metric([name], camera.counts.waiting)
            for outcome in _OUTCOMES:
                keyframes.add_metric([name, outcome], getattr(camera.counts, outcome))
        yield from (online, fps, frames, age, faults, reconnects, restarts, waiting, keyframes)

    def _rules(self) -> Iterator[Metric]:
        on = GaugeMetricFamily(
            "edge_rule_on", "1 on, 0 off; unknown states are left out", labels=["rule", "camera"]
        )
        verdicts = CounterMetricFamily(
            "edge_rule_verdicts", "Answers by verdict", labels=["rule", "camera", "verdict"]
        )
        alerts = CounterMetricFamily("edge_rule_alerts", "Alerts", labels=["rule", "camera"])
        spent = GaugeMetricFamily(
            "edge_rule_spent_seconds",
            "The analyzer's time for the rule in the last hour",
            labels=["rule"],
        )
        for rule in self._present.rules:
            for state in rule.states:
                if state.state != "unknown":
                    on.add_metric([rule.name, state.camera], float(state.state == "on"))
            for tally in rule.tallies:
                for verdict in ("yes", "no", "unsure"):
                    verdicts.add_metric([rule.name, tally.camera, verdict], getattr(tally, verdict))
                alerts.add_metric([rule.name, tally.camera], tally.alerts)
        for cost in self._present.costs:
            spent.add_metric([cost.rule], cost.spent_ms / 1000)
        yield from (on, verdicts, alerts, spent)


def _of_pool(pool: PoolStats) -> Iterator[Metric]:
    """Counters begin anew with each analyzer process, as Prometheus expects of counters."""
    yield _gauge("edge_pool_workers", "Workers of the pool that are ready", pool.workers)
    yield _gauge(
        "edge_pool_workers_seen",
        "Different workers that were ready at some time",
        pool.workers_seen,
    )
    yield _gauge("edge_pool_jobs_in_flight", "Jobs under way", pool.in_flight)
    jobs = CounterMetricFamily(
        "edge_pool_jobs", "Jobs for the pool by what became of them", labels=["outcome"]
    )
    for outcome in ("answered", "taken_back", "given_up"):
        jobs.add_metric([outcome], getattr(pool, outcome))
    yield jobs
    yield _counter("edge_pool_redelivered", "Jobs handed out more than once", pool.redelivered)
    yield _counter("edge_pool_doubled", "Answers for jobs that had one already", pool.doubled)
    yield _counter("edge_pool_done_here", "Analyses by the model on this box", pool.done_here)


def _of_server(server: ServerStats) -> Iterator[Metric]:
    yield _gauge(
        "edge_server_left_alone",
        "1 while the server is not asked after failures",
        float(server.circuit == "open"),
    )
    yield _counter("edge_server_requests", "Requests to the server", server.requests)
    yield _counter("edge_server_retries", "Requests that were sent again", server.retries)
    yield _counter("edge_server_failures", "Requests that failed", server.failures)
    yield _counter(
        "edge_server_standby_answers",
        "Analyses that the model on this box did instead",
        server.standby_answers,
    )


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)


def _counter(name: str, text: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(name, text, value=value)
