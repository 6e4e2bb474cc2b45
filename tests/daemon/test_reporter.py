"""Findings wait in order while the disk refuses, and are all written when it works again."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from edge.daemon import reporter as reporter_module
from edge.daemon.reporter import Reporter
from edge.errors import StoreError
from edge.findings import Finding
from edge.mqtt.publisher import Publisher
from edge.mqtt.settings import MqttSettings
from edge.store.database import Store
from edge.store.outbox import OutboxMessage
from edge.store.settings import StoreSettings
from tests.support.keyframes import make_keyframe


class RefusingStore(Store):
    """A real store whose disk can be declared full."""

    is_full = False

    def record(self, finding: Finding, messages: Sequence[OutboxMessage]) -> None:
        if self.is_full:
            raise StoreError("edge.db: the disk is full")
        super().record(finding, messages)


@pytest.fixture
def store(tmp_path: Path) -> RefusingStore:
    return RefusingStore(StoreSettings(tmp_path / "s"), time.time, time.monotonic)


def make_reporter(store: Store) -> Reporter:
    return Reporter("box", store, Publisher(MqttSettings("127.0.0.1", "box"), store, print))


def outbox(store: Store) -> list[tuple[int, str]]:
    rows = [json.loads(row.payload) for row in store.pending(10_000)]
    return [(row["seq"], row["type"]) for row in rows]


def test_nothing_is_lost_while_the_disk_is_full(
    store: RefusingStore, caplog: pytest.LogCaptureFixture
) -> None:
    reporter = make_reporter(store)
    first = reporter.open(make_keyframe(), snapshot=False)
    store.is_full = True
    with caplog.at_level(logging.WARNING):
        reporter.update(first.id, {"severity": 1})
        reporter.end(first.id, {})
        second = reporter.open(make_keyframe(), snapshot=False)
        assert outbox(store) == [(1, "new")]
        assert reporter.flush_all(0) == 3
        assert [r.levelname for r in caplog.records] == ["ERROR"], "said once"
    store.is_full = False
    reporter.flush()
    assert outbox(store) == [(1, "new"), (2, "update"), (3, "end"), (4, "new")]
    assert {f.id for f in store.open_findings()} == {second.id}
    assert reporter.flush_all(0) == reporter.dropped == 0


def test_what_waits_is_bounded(store: RefusingStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reporter_module, "MAX_UNWRITTEN", 20)
    reporter = make_reporter(store)
    store.is_full = True
    for _ in range(25):
        reporter.open(make_keyframe(), snapshot=False)
    assert (reporter.flush_all(0), reporter.dropped) == (20, 5)
    store.is_full = False
    reporter.flush()
    assert [seq for seq, _ in outbox(store)] == list(range(1, 21))


def test_after_a_long_refusal_the_backlog_is_written_bit_by_bit(store: RefusingStore) -> None:
    reporter = make_reporter(store)
    store.is_full = True
    number = 2 * reporter_module.FLUSH_AT_ONCE + 1
    for _ in range(number):
        reporter.open(make_keyframe(), snapshot=False)
    assert reporter.flush_all(10) == number, "it gives up while the disk refuses"
    store.is_full = False
    reporter.flush()
    assert reporter.flush_all(0) == number - reporter_module.FLUSH_AT_ONCE
    assert reporter.flush_all(10) == 0
    assert [seq for seq, _ in outbox(store)] == list(range(1, number + 1))
