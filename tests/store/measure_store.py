"""Prints how fast the store is on the disk that holds a folder. Not a test:

python -m tests.store.measure_store [FOLDER]
"""

from __future__ import annotations

import platform
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from edge.findings import new_finding_id
from edge.store.database import Store, open_store
from edge.store.outbox import OutboxMessage
from edge.store.settings import StoreSettings
from tests.support.finding_samples import build_finding

DOCUMENT_TEXTS = ["x" * 150] * 12  # with them a finding is about 2.5 kB of JSON


def say(text: str) -> None:
    """One line of the report."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def record_one(store: Store, camera: str = "porch") -> None:
    """A finding, its message and one state message, as the daemon writes them."""
    finding = build_finding(camera, store.next_seq(camera), texts=DOCUMENT_TEXTS)
    payload = finding.model_dump_json().encode()
    store.record(
        finding,
        [
            OutboxMessage(camera, f"edge/box/{camera}/finding", payload),
            OutboxMessage(camera, f"edge/box/{camera}/rule/parcel", b"ON", retain=True),
        ],
    )


def timed(body: Callable[[], object], num_times: int) -> list[float]:
    """Seconds of each call, sorted."""
    took = []
    for _ in range(num_times):
        started = time.perf_counter()
        body()
        took.append(time.perf_counter() - started)
    return sorted(took)


def spread(took: list[float]) -> str:
    """Rate and latencies of sorted seconds."""
    p99 = took[round(0.99 * (len(took) - 1))]
    return (
        f"{len(took) / sum(took):.0f}/s; median {statistics.median(took) * 1e3:.2f} ms, "
        f"p99 {p99 * 1e3:.2f} ms, max {took[-1] * 1e3:.1f} ms"
    )


def measure_commits(folder: Path) -> None:
    """Recording alone, beside a publisher and a reader, and draining."""
    with open_store(StoreSettings(folder)) as store:
        say(f"record alone: {spread(timed(lambda: record_one(store), 2000))}")
        stop = threading.Event()
        retired = [0]

        def publish() -> None:
            while not stop.is_set():
                rows = store.pending(40)
                store.retire([row.id for row in rows])
                retired[0] += len(rows)
                store.wait_for_rows(0.05)

        def browse() -> None:
            while not stop.wait(0.05):
                store.findings(limit=100)
                store.enforce_limits()

        beside = [threading.Thread(target=body) for body in (publish, browse)]
        for thread in beside:
            thread.start()
        took = timed(lambda: record_one(store), 1000)
        say(f"record beside publisher, listing and trimming: {spread(took)}; {retired[0]} retired")
        took = timed(lambda: (record_one(store), time.sleep(0.02)), 200)
        say(f"the same, one each 20 ms: median {statistics.median(took) * 1e3 - 20:.2f} ms over")
        stop.set()
        for thread in beside:
            thread.join()


def measure_size_and_opening(folder: Path) -> None:
    """What rows take on the disk, and how long opening (with its integrity check) takes."""
    for num_bytes in (2, 200, 2000):
        place = folder / f"rows-{num_bytes}"
        with open_store(StoreSettings(place)) as store:
            message = OutboxMessage("porch", "edge/box/porch/finding", bytes(num_bytes))
            store.record(build_finding("porch", 1), [message] * 20_000)
            counted = store.outbox_stats().pending_bytes
        stored = (place / "edge.db").stat().st_size
        say(f"20,000 rows of {num_bytes} bytes: {stored} on the disk, {counted} counted")
    place = folder / "large"
    with open_store(StoreSettings(place)) as store:
        for number in range(400):
            message = OutboxMessage(f"c{number}", "edge/t", bytes(2500))
            store.record(build_finding(f"c{number}", 1), [message] * 100)
    size_mb = (place / "edge.db").stat().st_size / 1e6
    took = timed(lambda: open_store(StoreSettings(place)).close(), 3)
    say(f"opening {size_mb:.0f} MB: {statistics.median(took) * 1e3:.0f} ms")


def measure_snapshots(folder: Path) -> None:
    """Saving 1920x1080 pictures, and the walk at the start."""
    rows, columns = np.mgrid[0:1080, 0:1920]
    image = np.stack([rows % 256, columns % 256, (rows * columns) % 256], axis=-1).astype(np.uint8)
    with open_store(StoreSettings(folder)) as store:
        took = timed(lambda: store.snapshots.save(new_finding_id(), image), 100)
        kb = store.snapshots.total_bytes / 100e3
        say(f"snapshot 1920x1080 ({kb:.0f} kB): {spread(took)}")
        small = np.zeros((8, 8, 3), np.uint8)
        timed(lambda: store.snapshots.save(new_finding_id(), small), 5000)
    took = timed(lambda: open_store(StoreSettings(folder)).close(), 3)
    say(f"opening with 5,100 snapshots: {statistics.median(took) * 1e3:.0f} ms")


def main() -> None:
    """Measure in a folder of its own, on the given disk or the one of the temporary files."""
    say(
        f"{platform.platform()}, Python {platform.python_version()}, "
        f"SQLite {sqlite3.sqlite_version}"
    )
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as place:
        measure_commits(Path(place) / "commits")
        measure_size_and_opening(Path(place) / "sizes")
        measure_snapshots(Path(place) / "snapshots")


if __name__ == "__main__":
    main()
