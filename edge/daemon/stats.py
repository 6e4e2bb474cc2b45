"""Builds the statistics document: what the box did, how fast it is, what waits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime

import psutil

from edge.capture.facts import MainFacts, SourceFacts
from edge.daemon.analyzer_host import AnalyzerHost
from edge.daemon.camera_host import CameraHost
from edge.daemon.scheduler import Scheduler
from edge.effort import EffortFacts
from edge.findings import (
    CameraStats,
    CaptureStats,
    EffortStats,
    MainStreamStats,
    OutboxStats,
    PoolStats,
    ServerStats,
    Stats,
    rfc3339,
)
from edge.health import DiskStats, StrainStats
from edge.mqtt.publisher import PublisherStats
from edge.pace import Needs
from edge.store.outbox import OutboxTotals

# What Linux calls the sensors of Intel's, AMD's and small ARM processors; the firmware's own last.
PROCESSOR_CHIPS = ("coretemp", "k10temp", "zenpower", "cpu_thermal", "cpu-thermal", "acpitz")


def build_stats(
    *,
    node: str,
    uptime_s: float,
    now_mono_s: float,
    scheduler: Scheduler,
    cameras: Iterable[CameraHost],
    analyzer: AnalyzerHost,
    outbox: OutboxStats,
    needs: Needs | None,
    effort: EffortFacts,
    rss_mb: Mapping[str, float],
    temperature_c: float | None,
    disk: DiskStats,
    strain: StrainStats | None,
) -> Stats:
    """The document of `{prefix}/{node}/stats` for this moment; `needs` where the box's pace is
    known.
    """
    return Stats(
        node=node,
        time=rfc3339(datetime.now(UTC)),
        uptime_s=round(uptime_s, 1),
        counts=scheduler.total(),
        cameras={host.name: _camera_stats(host, scheduler, now_mono_s) for host in cameras},
        outbox=outbox,
        analyzer=analyzer.state,
        analyzer_restarts=analyzer.slot.restarts,
        analyzer_recycled=analyzer.recycled,
        analysis_ms_median=analyzer.median_ms(),
        keyframes_per_hour_budget=analyzer.keyframes_per_hour(
            None if needs is None else needs.keyframe_ms
        ),
        effort=_effort_stats(effort),
        rss_mb=dict(rss_mb),
        pool=None if analyzer.pool is None else PoolStats(**asdict(analyzer.pool)),
        server=None if analyzer.server is None else ServerStats(**asdict(analyzer.server)),
        temperature_c=temperature_c,
        disk=disk,
        strain=strain,
    )


def _effort_stats(effort: EffortFacts) -> EffortStats:
    since = effort.since_s
    return EffortStats(
        step=effort.word,
        since=None if since is None else rfc3339(datetime.fromtimestamp(since, UTC)),
        load=_rounded(effort.load),
        load_at_full=_rounded(effort.load_at_full),
    )


def _camera_stats(host: CameraHost, scheduler: Scheduler, now_mono_s: float) -> CameraStats:
    age_s = host.last_frame_age_s(now_mono_s)
    return CameraStats(
        state=host.status.state,
        fps=round(host.fps(), 2),
        frames=host.frames,
        reconnects=host.reconnects,
        restarts=host.slot.restarts,
        last_frame_age_s=None if age_s is None else round(age_s, 1),
        last_error=host.last_error,
        counts=scheduler.counts(host.name),
        capture=None if host.capture is None else capture_stats(host.capture),
    )


def capture_stats(facts: SourceFacts) -> CaptureStats:
    """What capture knows of a stream, as published."""
    count = facts.counters
    return CaptureStats(
        codec=facts.codec,
        hardware=facts.hardware,
        width=facts.width_px,
        height=facts.height_px,
        stream_fps=_rounded(facts.stream_fps),
        gop_frames=facts.gop_frames,
        gop_s=_rounded(facts.gop_s),
        decode=facts.decode,
        reason=facts.reason,
        received=count.received,
        decoded=count.decoded,
        left_out=count.left_out,
        wakes=count.wakes,
        corrupt=count.corrupt,
        lost=count.lost,
        gaps=count.gaps,
        drained=count.drained,
        main=None if facts.main is None else _main_stats(facts.main),
    )


def _main_stats(main: MainFacts) -> MainStreamStats:
    return MainStreamStats(
        connected=bool(main.codec),
        error=main.error,
        codec=main.codec,
        width=main.width_px,
        height=main.height_px,
        ring_bytes=main.ring_bytes,
        shown=main.shown,
        missed=main.missed,
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def outbox_stats(totals: OutboxTotals, publisher: PublisherStats) -> OutboxStats:
    """The store's view and the publisher's view of the outbox in one."""
    return OutboxStats(
        connected=publisher.connected,
        pending=totals.pending,
        in_flight=publisher.in_flight,
        published=publisher.published,
        dropped_age=totals.dropped_age,
        dropped_size=totals.dropped_size,
        dropped_count=totals.dropped_count,
        oldest_age_s=None if totals.oldest_age_s is None else round(totals.oldest_age_s, 1),
    )


def processor_c() -> float | None:
    """The processor's temperature in degrees Celsius, its hottest part's; None without a sensor."""
    readings = psutil.sensors_temperatures()
    for chip in PROCESSOR_CHIPS:
        if chip in readings:
            return round(max(reading.current for reading in readings[chip]), 1)
    return None


def resident_mb(pids: Mapping[str, int]) -> dict[str, float]:
    """Resident memory in MB of the processes that live, by the names given."""
    sizes = {}
    for name, pid in pids.items():
        try:
            sizes[name] = round(psutil.Process(pid).memory_info().rss / 1e6, 1)
        except psutil.NoSuchProcess:
            continue
    return sizes
