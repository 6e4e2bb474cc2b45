"""Metrics of the box itself: its disk, heat and swap. Pure; called by metrics.py."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from edge.health import DiskStats, StrainStats


def disk_metrics(disk: DiskStats) -> Iterator[Metric]:
    """Free space, and what did not find any."""
    states = GaugeMetricFamily("edge_disk_state", "1 for what the disk is", labels=["state"])
    for word in ("ok", "low", "full"):
        states.add_metric([word], float(disk.state == word))
    yield states
    yield GaugeMetricFamily(
        "edge_disk_free_bytes", "Free on the store's disk", value=disk.free_bytes
    )
    yield GaugeMetricFamily(
        "edge_disk_floor_bytes", "What is to be free there", value=disk.floor_bytes
    )
    yield GaugeMetricFamily(
        "edge_findings_unwritten", "Messages the disk refuses still", value=disk.unwritten
    )
    yield CounterMetricFamily(
        "edge_findings_lost", "Messages the disk refused for too long", value=disk.lost
    )
    yield CounterMetricFamily(
        "edge_snapshots_dropped", "Snapshots not kept", value=disk.snapshots_dropped
    )


def strain_metrics(strain: StrainStats) -> Iterator[Metric]:
    """Heat and swap; what the kernel does not tell is left out."""
    yield GaugeMetricFamily(
        "edge_throttled", "1 while heat slows the processor", value=float(strain.throttled)
    )
    yield GaugeMetricFamily(
        "edge_swapping", "1 while memory is short", value=float(strain.swapping)
    )
    if strain.throttle_events is not None:
        yield CounterMetricFamily(
            "edge_throttle_events", "Slowdowns by heat", value=strain.throttle_events
        )
    frequency = GaugeMetricFamily(
        "edge_cpu_frequency_hertz",
        "The fastest core's: now, how far it may go now, how far it could go",
        labels=["kind"],
    )
    for kind, mhz in (
        ("now", strain.frequency_mhz),
        ("limit", strain.frequency_limit_mhz),
        ("max", strain.frequency_max_mhz),
    ):
        if mhz is not None:
            frequency.add_metric([kind], mhz * 1e6)
    yield frequency
    swap = GaugeMetricFamily(
        "edge_swap_bytes_per_second", "Read back from swap, and written", labels=["direction"]
    )
    for direction, rate in (("in", strain.swap_in_bytes_s), ("out", strain.swap_out_bytes_s)):
        if rate is not None:
            swap.add_metric([direction], rate)
    yield swap
    if strain.memory_pressure is not None:
        yield GaugeMetricFamily(
            "edge_memory_pressure_ratio", "Waited for memory", value=strain.memory_pressure
        )
