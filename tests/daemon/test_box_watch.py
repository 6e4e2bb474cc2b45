"""The box is watched: a disk that is really full, heat and swap from files, a grown analyzer."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edge.daemon.analyzer_host import AnalyzerHost
from edge.daemon.box_watch import BoxWatch
from edge.daemon.disk import DiskThread
from edge.daemon.plans import AnalyzerPlan
from edge.daemon.reporter import Reporter
from edge.daemon.strain import QUIET_LOOKS
from edge.mqtt.publisher import Publisher
from edge.mqtt.settings import MqttSettings
from edge.store.database import Store, open_store
from edge.store.settings import StoreSettings
from edge.vlm.settings import EngineSettings
from tests.support.daemon import wait_until
from tests.support.keyframes import make_keyframe
from tests.support.machine import Machine
from tests.support.scripted_child import Nursery
from tests.support.small_disk import fill, mounted_disk

NOISE = np.random.default_rng(1).integers(0, 256, (700, 900, 3), dtype=np.uint8)


class Box:
    """A store, its disk thread and a reporter, watched."""

    def __init__(self, store: Store, root: Path) -> None:
        self.store = store
        self.disk = DiskThread(store)
        publisher = Publisher(MqttSettings("127.0.0.1", "box"), store, print)
        self.reporter = Reporter("box", store, publisher)
        self.host = AnalyzerHost(AnalyzerPlan(EngineSettings(Path("/x"))), Nursery().spawn)
        self.watch = BoxWatch(store, self.disk, self.reporter, self.host, root)
        self.now = 1000.0

    def look(self, after_s: float = 1.0) -> bool:
        self.now += after_s
        return self.watch.look(self.now)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "machine")


@pytest.fixture
def box(tmp_path: Path, machine: Machine) -> Iterator[Box]:
    with open_store(StoreSettings(tmp_path / "store", min_free_bytes=0)) as store:
        made = Box(store, machine.root)
        yield made
        assert made.disk.stop(10)


@pytest.fixture
def box_on_small_disk(tmp_path: Path, machine: Machine) -> Iterator[Box]:
    with mounted_disk(tmp_path / "disk", 40) as disk:
        settings = StoreSettings(disk / "store", min_free_bytes=0)
        with open_store(settings) as store:
            made = Box(store, machine.root)
            yield made
            assert made.disk.stop(10)


def test_a_full_disk_is_told_and_pictures_wait_for_space(box_on_small_disk: Box) -> None:
    box = box_on_small_disk
    assert not box.look()
    begun = box.reporter.open(make_keyframe(), snapshot=True)
    place = box.store.settings.folder.parent
    filler = fill(place)
    assert box.disk.offer_snapshot(begun.id, NOISE)
    wait_until(lambda: box.watch.disk().snapshots_dropped == 1, "the picture was refused")
    wait_until(lambda: box.store.room.is_full, "the disk is known to be full")
    assert not box.disk.has_room

    assert box.look()
    assert box.watch.troubles == ("disk_full",)
    for _ in range(150):
        finding = box.reporter.open(make_keyframe(), snapshot=False)
        box.reporter.end(finding.id, {})
    box.reporter.end(begun.id, {})
    told = box.watch.disk()
    assert (told.state, told.reserve, told.unwritten, told.lost) == ("full", False, 0, 0)
    last = [f for f in box.store.findings(limit=1000) if f.id == begun.id]
    assert [f.frame.snapshot for f in last] == [None], "it says that there is no picture"
    assert len(box.store.finding_ids()) == 151

    filler.unlink()
    assert not box.look()
    wait_until(lambda: box.look(5.0), "the trouble is over")
    assert box.watch.troubles == ()
    assert box.watch.disk().reserve
    assert box.disk.has_room
    rows = [json.loads(row.payload) for row in box.store.pending(10_000)]
    assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))


def test_heat_and_swap_are_troubles(
    box: Box, machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    machine.throttled([1], 1)
    machine.swapped(0, 0)
    assert not box.look()
    machine.throttled([2], 1)
    machine.swapped(500_000_000, 0)
    assert not box.look(), "the next look at it is a minute later"
    with caplog.at_level(logging.WARNING):
        assert box.look(60)
        assert box.watch.troubles == ("throttled", "swapping")
        assert box.watch.strain is not None
        assert box.watch.strain.throttle_events == 1
        changes = [box.look(60) for _ in range(QUIET_LOOKS)]
    assert changes == [False] * (QUIET_LOOKS - 1) + [True]
    assert box.watch.troubles == ()
    assert len(caplog.records) == 4, "when each begins and when it ends"


def test_the_analyzer_is_weighed(box: Box, machine: Machine) -> None:
    box.host.check(box.now)
    assert box.host.slot.child is not None
    machine.process(box.host.slot.child.pid, 500_000_000)
    box.look()
    for number in range(30):
        box.host.done(str(number))
    box.look(10)
    machine.process(box.host.slot.child.pid, 1_000_000_000, 600_000_000)
    box.look(10)
    box.host._word = "ready"
    assert box.host.recycle_if_due(box.now, is_quiet=True)
