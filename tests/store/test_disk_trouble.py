"""A full or read-only disk: a clear error, nothing half-written, and it works again afterwards."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from edge.errors import StoreError
from edge.findings import new_finding_id
from edge.frames import Image
from edge.store.database import Store, open_store
from edge.store.outbox import OutboxMessage
from edge.store.settings import StoreSettings
from tests.support.finding_samples import build_finding
from tests.support.small_disk import fill


@contextmanager
def files_limited_to(limit_bytes: int) -> Iterator[None]:
    """The kernel refuses to let any file of this process grow past the limit."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def record_until_refused(store: Store) -> tuple[int, StoreError]:
    """Record 20 kB findings until the disk says no; how many were taken, and the refusal."""
    for seq in range(store.next_seq("porch"), 10_000):
        finding = build_finding("porch", seq)
        message = OutboxMessage("porch", "edge/t", bytes(20_000))
        try:
            store.record(finding, [message], {"rule": {"seq": seq}})
        except StoreError as error:
            return seq - 1, error
    raise AssertionError("the disk took everything")


def check_as_before(store: Store, num_recorded: int) -> None:
    assert store.next_seq("porch") == num_recorded + 1
    assert len(store.finding_ids()) == num_recorded
    assert [len(row.payload) for row in store.pending(10_000)] == [20_000] * num_recorded
    assert store.outbox_stats().pending == num_recorded
    state = store.load_state("rule")
    assert state == ({"seq": num_recorded} if num_recorded else None)


def picture() -> Image:
    return np.random.default_rng(1).integers(0, 256, (480, 640, 3), dtype=np.uint8)


def test_a_full_disk_refuses_and_later_takes_again(small_disk: Path) -> None:
    settings = StoreSettings(small_disk / "store")
    with open_store(settings) as store:
        ballast = small_disk / "ballast"
        ballast.write_bytes(bytes(1_000_000))
        taken, error = record_until_refused(store)
        assert taken > 10
        assert "edge.db: recording finding" in str(error)
        assert "disk is full; free some space" in str(error)
        filler = fill(small_disk)
        check_as_before(store, taken)
        with pytest.raises(StoreError, match="disk is full"):
            store.save_state("rule", {"text": "x" * 100_000})
        check_as_before(store, taken)
        with pytest.raises(StoreError, match=r"saving the snapshot failed: No space left.*free"):
            store.snapshots.save(new_finding_id(), picture())
        assert [p for p in (small_disk / "store" / "snapshots").rglob("*") if p.is_file()] == []

        ballast.unlink()
        filler.unlink()
        store.retire([row.id for row in store.pending(10_000)][: taken // 2])
        store.save_state("rule", {"seq": taken})
        assert store.next_seq("porch") == taken + 1
    with open_store(settings) as store:
        assert len(store.pending(10_000)) == taken - taken // 2
        assert len(store.finding_ids()) == taken


def test_a_full_disk_on_which_nothing_was_yet_refuses_to_open(small_disk: Path) -> None:
    filler = fill(small_disk)
    settings = StoreSettings(small_disk / "store")
    with pytest.raises(StoreError, match="disk is full; free some space"):
        open_store(settings)
    filler.unlink()
    with open_store(settings) as store:
        store.save_state("rule", {})


def test_a_file_that_may_not_grow_refuses_and_later_grows(settings: StoreSettings) -> None:
    with open_store(settings) as store:
        with files_limited_to(600_000):
            taken, error = record_until_refused(store)
            assert "edge.db: recording finding" in str(error)
            check_as_before(store, taken)
            assert record_until_refused(store)[0] == taken
            with pytest.raises(StoreError, match="saving the snapshot failed: File too large"):
                files_too_large(store)
        finding = build_finding("porch", taken + 1)
        store.record(finding, [OutboxMessage("porch", "edge/t", bytes(20_000))], {"rule": {}})
    with open_store(settings) as store:
        assert len(store.finding_ids()) == taken + 1


def files_too_large(store: Store) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (1500, 1500, 3), dtype=np.uint8)
    store.snapshots.save(new_finding_id(), noise)


def test_a_read_only_disk_is_named(small_disk: Path) -> None:
    settings = StoreSettings(small_disk / "store")
    open_store(settings).close()
    before = (settings.folder / "edge.db").read_bytes()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)

    with pytest.raises(StoreError, match=f"{settings.folder}.*read-only"):
        open_store(settings)
    with pytest.raises(StoreError, match=r"mounted read-only; .*`store\.folder`"):
        open_store(StoreSettings(small_disk / "another"))

    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    assert (settings.folder / "edge.db").read_bytes() == before
    open_store(settings).close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_named(settings: StoreSettings) -> None:
    settings.folder.mkdir(mode=0o555)
    with pytest.raises(StoreError, match=f"{settings.folder}.*Permission denied"):
        open_store(settings)
