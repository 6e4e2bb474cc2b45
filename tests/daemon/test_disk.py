"""The disk thread: what it writes, what it refuses, and that it ends."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.daemon.disk import MAX_WAITING, DiskThread
from edge.findings import new_finding_id
from edge.store.database import Store, open_store
from edge.store.settings import StoreSettings
from tests.support.keyframes import make_keyframe

IMAGE = make_keyframe().image


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(StoreSettings(tmp_path / "store")) as opened:
        yield opened


def test_what_waits_is_written_before_the_end(store: Store) -> None:
    disk = DiskThread(store)
    written: list[bytes] = []
    for _ in range(3):
        assert disk.offer_snapshot(new_finding_id(), IMAGE, written.append)
    assert disk.stop(10)
    assert [jpeg[:2] for jpeg in written] == [b"\xff\xd8"] * 3
    assert not disk.is_alive()


def test_a_hanging_disk_takes_a_bounded_number_and_does_not_hold_up_the_end(store: Store) -> None:
    disk = DiskThread(store)
    hangs, go_on = threading.Event(), threading.Event()

    def hang(_jpeg: bytes) -> None:
        hangs.set()
        go_on.wait(20)

    assert disk.offer_snapshot(new_finding_id(), IMAGE, hang)
    assert hangs.wait(10)
    for _ in range(MAX_WAITING):
        assert disk.has_room
        assert disk.offer_snapshot(new_finding_id(), IMAGE)
    assert not disk.has_room
    assert not disk.offer_snapshot(new_finding_id(), IMAGE)
    assert disk.snapshots_dropped == 1
    assert not disk.stop(0.1)
    go_on.set()
    assert disk.stop(10)


def test_a_refusing_disk_is_logged_once(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    disk = DiskThread(store)
    for _ in range(3):
        assert disk.offer_snapshot("no id of a finding", IMAGE)
    assert disk.stop(10)
    assert len(caplog.records) == 1
