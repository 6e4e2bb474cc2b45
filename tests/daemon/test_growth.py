"""An analyzer that has grown is replaced between two jobs, and none of them is lost."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.daemon.growth import (
    PATIENCE_S,
    WARM_UP_REQUESTS,
    GrowthWatch,
    read_private_bytes,
)
from edge.findings import KeyframeCounts
from edge.store.database import Store, open_store
from edge.store.settings import StoreSettings
from tests.daemon.test_analyst import Bench
from tests.support.machine import Machine

MB = 1_000_000
LIMIT = 100 * MB


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(StoreSettings(tmp_path / "store")) as opened:
        yield opened


def test_memory_is_that_of_the_process_itself(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.process(7, 500 * 1024, 20 * 1024)
    assert read_private_bytes(7, machine.root) == 520 * 1024
    assert read_private_bytes(8, machine.root) is None
    before = read_private_bytes(os.getpid())
    ballast = bytearray(os.urandom(64 * MB))
    after = read_private_bytes(os.getpid())
    assert before is not None
    assert after is not None
    assert after - before > 50 * MB < len(ballast)


def test_the_level_is_that_after_the_warm_up() -> None:
    growth = GrowthWatch()
    assert not growth.look(300 * MB, 1, 0, LIMIT)
    assert not growth.look(900 * MB, WARM_UP_REQUESTS - 1, 10, LIMIT), "it is loading still"
    assert not growth.look(1000 * MB, WARM_UP_REQUESTS, 20, LIMIT)
    assert not growth.look(1100 * MB, 90, 30, LIMIT)
    assert not growth.is_due(30, LIMIT, is_quiet=True)
    assert growth.look(1101 * MB, 91, 40, LIMIT)
    assert not growth.look(1101 * MB, 91, 50, LIMIT), "told once"


def test_it_waits_for_quiet_but_not_for_ever() -> None:
    growth = GrowthWatch()
    growth.look(1000 * MB, WARM_UP_REQUESTS, 0, LIMIT)
    growth.look(1150 * MB, 30, 10, LIMIT)
    assert growth.is_due(11, LIMIT, is_quiet=True)
    assert not growth.is_due(11, LIMIT, is_quiet=False)
    assert growth.is_due(10 + PATIENCE_S, LIMIT, is_quiet=False)
    growth.look(1050 * MB, 31, 20, LIMIT)
    assert not growth.is_due(10 + PATIENCE_S, LIMIT, is_quiet=True), "it gave the memory back"
    growth.look(1201 * MB, 32, 30, LIMIT)
    assert growth.is_due(31, LIMIT, is_quiet=False), "there is no time to lose"


@pytest.fixture
def bench(store: Store) -> Bench:
    """An analyzer that has answered for long enough."""
    bench = Bench(store, "always")
    bench.host.max_growth_bytes = LIMIT
    for _ in range(WARM_UP_REQUESTS):
        bench.take()
        bench.answer()
        bench.answer()
    bench.host.weigh(1000 * MB, bench.now)
    return bench


def test_nothing_is_lost_when_it_is_replaced(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    analyzer = bench.nursery.newest
    running = bench.take()
    bench.answer()
    assert bench.asked.describe
    with caplog.at_level(logging.INFO):
        bench.host.weigh(1300 * MB, bench.now)
        bench.analyst.step()
        assert not analyzer.killed, "it is in the midst of a description"
        waiting = bench.take(pts_s=5.0)
        bench.answer()
    assert analyzer.killed
    assert [f.type for f in bench.life(running)] == ["new", "update", "end"]
    assert bench.host.recycled == 1
    assert "has grown by 300 MB" in caplog.text

    bench.now += 1
    bench.analyst.analyzer_gone(-9)
    assert bench.host.slot.restarts == 0, "that was no failure"
    bench.start_analyzer(after_s=10)
    bench.answer()
    bench.answer()
    assert [f.status for f in bench.life(waiting)] == ["ok"] * 3
    total = bench.analyst.scheduler.total()
    assert total == KeyframeCounts(keyframes=WARM_UP_REQUESTS + 2, analysed=WARM_UP_REQUESTS + 2)
    bench.host.weigh(1300 * MB, bench.now)
    bench.analyst.step()
    assert not bench.nursery.newest.killed, "the next one has a level of its own"


def test_what_grows_slowly_waits_for_quiet(bench: Bench) -> None:
    analyzer = bench.nursery.newest
    first = bench.take()
    bench.take(pts_s=5.0)
    bench.host.weigh(1150 * MB, bench.now)
    for _ in range(3):
        bench.answer()
        assert not analyzer.killed
    bench.answer()
    assert analyzer.killed, "nobody waits"
    assert bench.life(first)[-1].status == "ok"
