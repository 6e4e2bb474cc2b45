"""The reserve and the free-space floor, on a file system that really is full: SQLite says so."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.errors import DiskFull
from edge.findings import new_finding_id
from edge.frames import Image
from edge.store.database import Store, open_store
from edge.store.outbox import OutboxMessage
from edge.store.retention import Removed
from edge.store.room import RESERVE_BYTES, RESERVE_NAME
from edge.store.settings import StoreSettings
from tests.support.finding_samples import build_finding
from tests.support.small_disk import fill, mounted_disk

MB = 1 << 20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 40 MiB, with a floor that is out of the way."""
    with mounted_disk(tmp_path / "disk", 40) as place:
        yield place


@pytest.fixture
def settings(disk: Path) -> StoreSettings:
    return StoreSettings(disk / "store", min_free_bytes=0)


def record(store: Store, num_findings: int, payload_bytes: int = 3000) -> list[str]:
    """Findings as the daemon writes them; their ids."""
    ids = []
    for _ in range(num_findings):
        finding = build_finding("porch", store.next_seq("porch"))
        store.record(finding, [OutboxMessage("porch", "edge/t", bytes(payload_bytes))])
        ids.append(finding.id)
    return ids


def retire_all(store: Store) -> None:
    store.retire([row.id for row in store.pending(1_000_000)])


def picture(seed: int = 1) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (700, 900, 3), dtype=np.uint8)


def enforce_all(store: Store) -> Removed:
    """Call until nothing is left to do; what the calls removed."""
    total = Removed()
    for _ in range(50):
        done = store.enforce_limits()
        total = Removed(
            **{
                name: getattr(total, name) + getattr(done, name)
                for name in Removed.__slots__
                if name != "more"
            }
        )
        if not done.more:
            return total
    raise AssertionError("never done")


def test_a_full_disk_loses_no_finding_and_takes_its_reserve_back(
    disk: Path, settings: StoreSettings, caplog: pytest.LogCaptureFixture
) -> None:
    reserve = settings.folder / RESERVE_NAME
    with caplog.at_level(logging.INFO, "edge.store"), open_store(settings) as store:
        assert reserve.stat().st_blocks * 512 >= RESERVE_BYTES
        made = record(store, 3)
        filler = fill(disk)
        made += record(store, 300)
        assert not reserve.exists(), "it was needed"
        assert store.room.is_full
        facts = store.room.facts()
        assert (facts.word, facts.has_reserve) == ("full", False)
        fill(disk)  # whatever else writes there takes what is left
        with pytest.raises(DiskFull, match="disk is full"):
            record(store, 2000)
        made = store.finding_ids()
        assert len(made) >= 303

        filler.unlink()
        assert enforce_all(store) == Removed()
        assert reserve.stat().st_blocks * 512 >= RESERVE_BYTES
        assert store.room.facts().word == "ok"
        made += record(store, 1)
        assert store.finding_ids() == made
        assert len(store.pending(10_000)) == len(made)
    told = [r.getMessage() for r in caplog.records if "store:" in r.getMessage()]
    assert [("the disk is full" in line, "space again" in line) for line in told] == [
        (True, False),
        (False, True),
    ], "each said once"


def test_a_full_disk_is_no_obstacle_to_a_start(disk: Path, settings: StoreSettings) -> None:
    with open_store(settings) as store:
        made = record(store, 3)
    fill(disk)
    with open_store(settings) as store:
        made += record(store, 1)
        assert store.finding_ids() == made
        assert store.room.is_full


def test_what_was_delivered_can_be_retired_on_a_full_disk(
    disk: Path, settings: StoreSettings
) -> None:
    with open_store(settings) as store:
        record(store, 200)
        fill(disk)
        retire_all(store)
        assert store.pending(1) == []


def test_a_picture_does_not_get_the_reserve(disk: Path, settings: StoreSettings) -> None:
    with open_store(settings) as store:
        record(store, 3)
        filler = fill(disk)
        with pytest.raises(DiskFull, match="No space left"):
            store.snapshots.save(new_finding_id(), picture())
        store.room.fill()
        assert store.room.is_full
        assert store.room.facts().has_reserve
        assert list(settings.folder.glob("snapshots/**/.*.tmp")) == []
        filler.unlink()
        store.enforce_limits()
        assert not store.room.is_full


def test_a_full_disk_heals_itself_by_old_pictures(disk: Path, settings: StoreSettings) -> None:
    with open_store(settings) as store:
        ids = [store.snapshots.save(new_finding_id(), picture(i)) for i in range(20)]
        each = store.snapshots.total_bytes // 20
        filler = fill(disk)
        made = record(store, 300)
        assert store.room.is_full
        done = enforce_all(store)
        assert 0 < done.snapshots_space < 20
        assert done == Removed(snapshots_space=done.snapshots_space)
        assert each * done.snapshots_space > RESERVE_BYTES
        assert store.room.facts().word == "ok"
        assert store.room.facts().has_reserve
        kept = {path.stem for path in settings.folder.glob("snapshots/**/*.jpg")}
        assert kept == set(ids[done.snapshots_space :]), "the oldest went"
        assert store.finding_ids() == made
        filler.unlink()


def test_below_the_floor_pictures_go_then_delivered_findings_never_others(
    disk: Path, settings: StoreSettings, caplog: pytest.LogCaptureFixture
) -> None:
    with open_store(replace(settings, min_free_bytes=8 * MB)) as store:
        delivered = record(store, 800, payload_bytes=10)
        retire_all(store)
        waiting = record(store, 200)
        for seed in range(6):
            store.snapshots.save(new_finding_id(), picture(seed))
        assert enforce_all(store) == Removed()
        num_bytes = store.room.facts().free_bytes - 8 * MB + store.snapshots.total_bytes + MB // 2
        ballast = disk / "ballast"
        ballast.write_bytes(bytes(num_bytes))
        done = enforce_all(store)
        assert done.snapshots_space == 6
        assert 0 < done.findings_space < 800, "no more than needed"
        assert store.room.facts().free_bytes >= 8 * MB
        assert store.room.facts().word == "ok", "the store keeps to its floor by itself"
        assert store.finding_ids() == delivered[done.findings_space :] + waiting

        (disk / "more").write_bytes(bytes(store.room.facts().free_bytes - MB))
        enforce_all(store)
        assert store.finding_ids() == waiting, "what is not delivered stays"
        assert len(store.pending(1000)) == 200
        assert store.room.facts().word == "low"
        ballast.unlink()
        store.enforce_limits()
        assert store.room.facts().word == "ok"
    assert caplog.text.count("less than the 8 MB that are to be") == 1
    assert caplog.text.count("were deleted before their time") == 1, "each hour at the most"


def test_a_disk_that_breaks_under_the_reserve_is_told_as_such(
    disk: Path, settings: StoreSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "read-only")

    with open_store(settings) as store:
        filler = fill(disk)
        record(store, 300)
        filler.unlink()
        assert not store.room.facts().has_reserve
        with monkeypatch.context() as broken:
            broken.setattr(os, "posix_fallocate", fail)
            broken.setattr(Path, "unlink", fail)
            store.room.look()
        assert not store.room.facts().has_reserve
        store.room.look()
        assert store.room.facts().has_reserve


def test_the_floor_is_a_share_of_a_small_disk(disk: Path) -> None:
    with open_store(StoreSettings(disk / "store")) as store:
        assert store.room.facts().floor_bytes == 2 * MB
        assert store.room.facts().word == "ok"


def test_a_reserve_of_an_earlier_run_is_kept(settings: StoreSettings) -> None:
    with open_store(settings):
        pass
    before = (settings.folder / RESERVE_NAME).stat().st_mtime_ns
    with open_store(settings) as store:
        assert store.room.facts().has_reserve
    assert (settings.folder / RESERVE_NAME).stat().st_mtime_ns == before
    (settings.folder / RESERVE_NAME).write_bytes(b"cut short")
    with open_store(settings):
        assert (settings.folder / RESERVE_NAME).stat().st_blocks * 512 >= RESERVE_BYTES
