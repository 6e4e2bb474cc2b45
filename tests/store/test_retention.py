"""Limits by age and size with a clock that the test moves."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.findings import Finding, new_finding_id
from edge.store.database import DATABASE_NAME, Store, open_store
from edge.store.outbox import OutboxMessage
from edge.store.retention import Limits, Removed, choose_rows
from edge.store.settings import StoreSettings
from tests.support.finding_samples import build_finding

DAY_S = 86_400.0
START = 1_767_000_000.0
MB = 1 << 20


class Clocks:
    """The system clock, which can be set, and the monotonic one, which only runs."""

    def __init__(self) -> None:
        self.now = START
        self.mono_s = 500.0

    def run(self, seconds: float) -> None:
        self.now += seconds
        self.mono_s += seconds

    def restart(self, step_s: float) -> None:
        """The box is started anew, with a clock that is wrong by `step_s`."""
        self.now += step_s
        self.mono_s = 20.0

    def open(self, settings: StoreSettings) -> Store:
        return open_store(settings, clock=lambda: self.now, uptime=lambda: self.mono_s)


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def store(settings: StoreSettings, clocks: Clocks) -> Iterator[Store]:
    with clocks.open(settings) as opened:
        yield opened


def record(store: Store, num_findings: int, payload_bytes: int = 100) -> list[Finding]:
    made = []
    for _ in range(num_findings):
        finding = build_finding("porch", store.next_seq("porch"))
        store.record(finding, [OutboxMessage("porch", "edge/t", bytes(payload_bytes))])
        made.append(finding)
    return made


def snapshot(store: Store) -> None:
    store.snapshots.save(new_finding_id(), np.zeros((16, 16, 3), np.uint8))


def retire_all(store: Store) -> None:
    store.retire([row.id for row in store.pending(1_000_000)])


def enforce_all(store: Store) -> Removed:
    """Call until nothing is left to do; the sums of all calls."""
    total = Removed()
    for _ in range(20):
        done = store.enforce_limits()
        total = Removed(
            *(
                getattr(total, name) + getattr(done, name)
                for name in Removed.__slots__
                if name != "more"
            )
        )
        if not done.more:
            return total
    raise AssertionError("never done")


OLD = Limits(cutoff_s=10.0, max_bytes=10**12)


def excess(num_bytes: int) -> Limits:
    """So much more is there than may be, whatever the age; see TOTAL_BYTES."""
    return Limits(cutoff_s=10.0, max_bytes=TOTAL_BYTES - num_bytes)


TOTAL_BYTES = 10**9


@pytest.mark.parametrize(
    ("rows", "limits", "expected"),
    [
        ([], OLD, {}),
        ([(1, 10, 5.0), (2, 10, 9.9), (3, 10, 10.0)], OLD, {1: "age", 2: "age"}),
        ([(1, 10, 50.0), (2, 10, 60.0), (3, 10, 70.0)], excess(1), {1: "size"}),
        ([(1, 10, 50.0), (2, 10, 60.0), (3, 10, 70.0)], excess(11), {1: "size", 2: "size"}),
        ([(1, 10, 5.0), (2, 10, 60.0), (3, 10, 70.0)], excess(15), {1: "age", 2: "size"}),
        ([(1, 10, 9e9), (2, 10, 5.0)], OLD, {2: "age"}),
        ([(1, 8 * MB, 5.0), (2, 10, 5.0)], OLD, {1: "age"}),
        (
            [(1, 5 * MB, 50.0), (2, 5 * MB, 50.0), (3, 1, 50.0)],
            excess(100 * MB),
            {1: "size", 2: "size"},
        ),
        (
            [(1, 10, 50.0), (2, 10, 60.0), (3, 10, 70.0)],
            Limits(10.0, 10**12, max_rows=98),
            {1: "count", 2: "count"},
        ),
        ([(1, 10, 5.0), (2, 10, 60.0)], Limits(10.0, 10**12, max_rows=99), {1: "age"}),
        (
            [(1, 10, 50.0), (2, 10, 60.0), (3, 10, 70.0)],
            Limits(10.0, 10**12, missing_bytes=11),
            {1: "space", 2: "space"},
        ),
    ],
    ids=[
        "nothing",
        "older than the cutoff",
        "one is enough",
        "two are needed",
        "what went for its age counts",
        "a stamp from the future hides nothing",
        "a batch of old ones is bounded",
        "a batch of surplus is bounded",
        "two too many",
        "what went for its age counts as a row",
        "the disk needs more",
    ],
)
def test_the_oldest_rows_are_chosen(
    rows: list[tuple[int, int, float]], limits: Limits, expected: dict[int, str]
) -> None:
    assert choose_rows(rows, limits, TOTAL_BYTES, 100) == expected


def test_nothing_goes_before_its_time(store: Store, clocks: Clocks) -> None:
    record(store, 3)
    assert store.enforce_limits() == Removed()
    clocks.run(7 * DAY_S)
    assert store.enforce_limits() == Removed()
    assert len(store.pending(10)) == 3


def test_unsent_messages_go_by_age_and_are_counted_over_restarts(
    settings: StoreSettings, clocks: Clocks
) -> None:
    with clocks.open(settings) as store:
        record(store, 3)
        clocks.run(3 * DAY_S)
        record(store, 2)
        clocks.run(4.5 * DAY_S)
        assert store.enforce_limits() == Removed(outbox_age=3)
        assert len(store.pending(10)) == 2
    with clocks.open(settings) as store:
        assert store.outbox_stats().dropped_age == 3
        assert store.outbox_stats().dropped_size == 0
        clocks.run(3 * DAY_S)
        assert store.enforce_limits().outbox_age == 2
        assert store.outbox_stats().dropped_age == 5


def test_unsent_messages_go_by_size_oldest_first(settings: StoreSettings, clocks: Clocks) -> None:
    with clocks.open(replace(settings, outbox_max_bytes=100_000)) as store:
        record(store, 30, payload_bytes=10_000)
        last = store.pending(100)[-9:]
        assert enforce_all(store) == Removed(outbox_size=21)
        assert store.pending(100) == last
        stats = store.outbox_stats()
        assert stats.pending_bytes <= 100_000 < stats.pending_bytes + 10_200
        assert (stats.dropped_size, stats.dropped_age) == (21, 0)
        assert store.enforce_limits() == Removed()


def test_findings_go_by_age_unless_a_message_of_theirs_waits(store: Store, clocks: Clocks) -> None:
    made = record(store, 4)
    rows = store.pending(10)
    store.retire([rows[0].id, rows[2].id, rows[3].id])
    clocks.run(6 * DAY_S)

    assert store.enforce_limits() == Removed()
    clocks.run(25 * DAY_S)
    assert store.enforce_limits() == Removed(outbox_age=1, findings_age=4)

    assert store.finding_ids() == []
    assert store.next_seq("porch") == len(made) + 1


def test_a_finding_whose_message_waits_stays_whatever_its_age(
    settings: StoreSettings, clocks: Clocks
) -> None:
    with clocks.open(replace(settings, outbox_max_age_s=90 * DAY_S)) as store:
        made = record(store, 4)
        rows = store.pending(10)
        store.retire([rows[0].id, rows[2].id])
        clocks.run(31 * DAY_S)
        assert store.enforce_limits() == Removed(findings_age=2)
        assert store.finding_ids() == [made[1].id, made[3].id]
        retire_all(store)
        assert store.enforce_limits() == Removed(findings_age=2)


def test_findings_go_by_size_oldest_first_unless_their_message_waits(
    settings: StoreSettings, clocks: Clocks
) -> None:
    with clocks.open(replace(settings, findings_max_bytes=20_000)) as store:
        made = record(store, 100)
        assert store.enforce_limits() == Removed(), "all of them wait"
        retire_all(store)
        removed = enforce_all(store)
        kept = store.finding_ids()
        assert removed == Removed(findings_size=100 - len(kept))
        assert kept == [f.id for f in made[-len(kept) :]]
        assert 10 < len(kept) < 60


def test_findings_and_messages_go_by_their_number(settings: StoreSettings, clocks: Clocks) -> None:
    few = replace(settings, findings_max_count=20, outbox_max_count=30)
    with clocks.open(few) as store:
        made = record(store, 50)
        rows = store.pending(100)
        assert store.enforce_limits() == Removed(outbox_count=20, findings_count=20)
        assert store.pending(100) == rows[20:]
        assert store.outbox_stats().dropped_count == 20
        retire_all(store)
        assert store.enforce_limits() == Removed(findings_count=10)
        assert store.finding_ids() == [f.id for f in made[-20:]]
    with clocks.open(few) as store:
        assert store.outbox_stats().dropped_count == 20
        record(store, 1)
        retire_all(store)
        assert store.enforce_limits() == Removed(findings_count=1)


def test_an_update_counts_with_its_new_size(settings: StoreSettings, clocks: Clocks) -> None:
    with clocks.open(replace(settings, findings_max_bytes=4_000)) as store:
        finding = build_finding("porch", 1)
        store.record(finding, [])
        store.record(build_finding("porch", 2), [])
        assert store.enforce_limits() == Removed()
        texts = ["x" * 200] * 20
        store.record(build_finding("porch", 3, "update", finding.id, texts=texts), [])
        assert store.enforce_limits() == Removed(findings_size=1)
        assert finding.id not in store.finding_ids()


def test_one_call_does_a_bounded_piece_and_says_that_more_is_left(
    store: Store, clocks: Clocks
) -> None:
    finding = build_finding("porch", 1)
    store.record(finding, [OutboxMessage("porch", "edge/t", b"x")] * 5000)
    clocks.run(8 * DAY_S)
    first = store.enforce_limits()
    assert first.more
    assert 0 < first.outbox_age < 5000
    assert first.outbox_age + enforce_all(store).outbox_age == 5000
    assert store.outbox_stats().dropped_age == 5000
    assert store.outbox_stats().pending_bytes == 0


def test_the_file_shrinks_when_its_content_goes(
    settings: StoreSettings, store: Store, clocks: Clocks
) -> None:
    messages = [OutboxMessage("porch", "edge/t", bytes(50_000))] * 300
    store.record(build_finding("porch", 1), messages)
    store.enforce_limits()
    full_bytes = files_bytes(settings.folder)
    assert full_bytes > 15_000_000
    clocks.run(40 * DAY_S)
    enforce_all(store)
    store.save_state("rule", {})  # the log starts over with the next write
    assert files_bytes(settings.folder) < 6_500_000


def files_bytes(folder: Path) -> int:
    return sum(p.stat().st_size for p in folder.glob(f"{DATABASE_NAME}*") if p.suffix != ".db-shm")


def test_the_log_stays_bounded_while_records_come(settings: StoreSettings, store: Store) -> None:
    log = settings.folder / f"{DATABASE_NAME}-wal"
    largest = 0
    for _ in range(40):
        record(store, 10, payload_bytes=30_000)
        largest = max(largest, log.stat().st_size)
    assert 1_000_000 < largest < 9_000_000, "12 MB were written"


def test_the_database_is_sound_after_trimming(settings: StoreSettings, clocks: Clocks) -> None:
    with clocks.open(settings) as store:
        record(store, 200, payload_bytes=9000)
        store.retire([row.id for row in store.pending(1000)][::2])
        clocks.run(40 * DAY_S)
        enforce_all(store)
    with closing(sqlite3.connect(settings.folder / DATABASE_NAME)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        totals = dict(connection.execute("SELECT name, value FROM totals"))
        assert (totals["findings_bytes"], totals["outbox_rows"], totals["outbox_bytes"]) == (
            0,
            0,
            0,
        )


YEARS_S = 50 * 365.25 * DAY_S
STEPS = [DAY_S, -DAY_S, YEARS_S, -YEARS_S]


@pytest.mark.parametrize("step_s", STEPS)
def test_setting_the_clock_makes_nothing_older_or_younger(
    settings: StoreSettings, clocks: Clocks, step_s: float
) -> None:
    with clocks.open(settings) as store:
        record(store, 2)
        snapshot(store)
        clocks.run(3600)
        clocks.now += step_s
        assert store.enforce_limits() == Removed()
        record(store, 1)
        snapshot(store)
        assert store.outbox_stats().oldest_age_s == pytest.approx(3600)
        clocks.run(7 * DAY_S - 1800)
        assert store.enforce_limits() == Removed(outbox_age=2)
        clocks.run(7 * DAY_S)
        assert store.enforce_limits() == Removed(outbox_age=1, snapshots_age=1)
        clocks.now -= step_s
        clocks.run(16 * DAY_S)
        assert store.enforce_limits() == Removed(snapshots_age=1, findings_age=2)
        clocks.run(DAY_S)
        assert store.enforce_limits() == Removed(findings_age=1)


@pytest.mark.parametrize("step_s", STEPS)
def test_a_clock_that_is_wrong_after_a_restart_is_no_age(
    settings: StoreSettings, clocks: Clocks, step_s: float, caplog: pytest.LogCaptureFixture
) -> None:
    with clocks.open(settings) as store:
        record(store, 2)
        snapshot(store)
        retire_all(store)
    clocks.run(3600)
    clocks.restart(step_s)
    with clocks.open(settings) as store:
        is_believed = step_s == DAY_S
        assert ("which cannot be" in caplog.text) is not is_believed
        assert store.enforce_limits() == Removed()
        clocks.run(12.5 * DAY_S)
        assert store.enforce_limits() == Removed(), "neither findings nor pictures"
        clocks.run(2 * DAY_S)
        assert store.enforce_limits() == Removed(snapshots_age=1)
        clocks.run(16 * DAY_S)
        assert store.enforce_limits() == Removed(findings_age=2)


def test_a_small_correction_of_the_clock_over_a_restart_is_no_news(
    settings: StoreSettings, clocks: Clocks, caplog: pytest.LogCaptureFixture
) -> None:
    with clocks.open(settings) as store:
        record(store, 1)
    clocks.restart(-2.0)
    with clocks.open(settings) as store:
        assert store.outbox_stats().oldest_age_s == 0
    assert caplog.text == ""


def test_the_time_that_a_box_was_off_counts(settings: StoreSettings, clocks: Clocks) -> None:
    with clocks.open(settings) as store:
        record(store, 2)
    clocks.run(8 * DAY_S)
    clocks.restart(0)
    with clocks.open(settings) as store:
        assert store.outbox_stats().oldest_age_s == pytest.approx(8 * DAY_S)
        assert store.enforce_limits() == Removed(outbox_age=2)


def test_a_box_without_a_battery_counts_it_once_it_is_told_the_time(
    settings: StoreSettings, clocks: Clocks
) -> None:
    with clocks.open(settings) as store:
        record(store, 2)
    clocks.run(5 * DAY_S)
    clocks.restart(-clocks.now)  # it is 1970
    with clocks.open(settings) as store:
        clocks.run(100)
        record(store, 1)
        assert store.outbox_stats().oldest_age_s == pytest.approx(100)
        clocks.now += START + 5 * DAY_S  # the network has come
        assert store.enforce_limits() == Removed()
        assert store.outbox_stats().oldest_age_s == pytest.approx(5 * DAY_S + 100)
        clocks.run(2 * DAY_S)
        assert store.enforce_limits() == Removed(outbox_age=2)


def test_a_power_cut_costs_no_age(settings: StoreSettings, clocks: Clocks, tmp_path: Path) -> None:
    """The store is not closed: the last mark is some minutes old, the clock tells the rest."""
    with clocks.open(settings) as store:
        record(store, 1)
        for _ in range(125):
            clocks.run(60)
            store.enforce_limits()
        shutil.copytree(settings.folder, tmp_path / "cut")
    clocks.run(60)
    clocks.restart(0)
    with clocks.open(replace(settings, folder=tmp_path / "cut")) as store:
        assert store.outbox_stats().oldest_age_s == pytest.approx(126 * 60)


def test_stamps_of_an_earlier_version_from_a_wrong_clock_are_mended(
    settings: StoreSettings, clocks: Clocks
) -> None:
    with clocks.open(settings) as store:
        record(store, 1)
    with closing(sqlite3.connect(settings.folder / DATABASE_NAME)) as connection, connection:
        connection.execute("UPDATE outbox SET created_at = ?", (START + YEARS_S,))
        connection.execute("UPDATE findings SET first_seen = ?", (START + YEARS_S,))
        connection.execute("DELETE FROM states")
    with clocks.open(settings) as store:
        clocks.run(31 * DAY_S)
        assert store.enforce_limits() == Removed(outbox_age=1, findings_age=1)


def test_the_real_clocks_are_no_step(
    settings: StoreSettings, caplog: pytest.LogCaptureFixture
) -> None:
    with open_store(settings) as store:
        record(store, 1)
        assert store.pending(1)[0].created_at == pytest.approx(time.time(), abs=60)
        store.enforce_limits()
    assert "clock" not in caplog.text
