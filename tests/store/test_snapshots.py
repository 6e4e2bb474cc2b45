"""Snapshots: whole or not there, found by id alone, the oldest go first, files of others stay."""

from __future__ import annotations

import os
import threading
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.errors import SnapshotMissing, StoreError
from edge.findings import new_finding_id
from edge.frames import Image
from edge.store.snapshots import RemovedSnapshots, SnapshotFolder, SnapshotLimits

DAY_S = 86_400.0
START = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()
NEVER = -1e9


def id_at(time_s: float) -> str:
    value = round(time_s * 1000) << 80 | 7 << 76 | 2 << 62 | uuid.uuid4().int & ((1 << 62) - 1)
    return str(uuid.UUID(int=value))


def noise(seed: int = 1, height: int = 48, width: int = 64) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


class Now:
    """The store's time, which the test sets."""

    def __init__(self) -> None:
        self.now_s = START

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture
def folder(tmp_path: Path, now: Now) -> SnapshotFolder:
    return SnapshotFolder(tmp_path / "snapshots", 85, now)


def save_at(folder: SnapshotFolder, now: Now, *times_s: float) -> list[str]:
    """One snapshot for each time, taken then by a clock that is right; their ids."""
    ids = []
    for now.now_s in times_s:
        ids.append(folder.save(id_at(now.now_s), noise()))
    return ids


def limits(cutoff_s: float = NEVER, max_bytes: int = 10**9, **more: int) -> SnapshotLimits:
    return SnapshotLimits(cutoff_s, max_bytes, **more)


def files(folder: SnapshotFolder) -> list[Path]:
    return sorted(p for p in folder.folder.rglob("*") if p.is_file())


def test_a_picture_comes_back_with_its_colours(folder: SnapshotFolder) -> None:
    image = np.zeros((90, 160, 3), np.uint8)
    image[:, :80] = (250, 10, 10)  # RGB: red on the left, blue on the right
    image[:, 80:] = (10, 10, 250)
    finding_id = new_finding_id()

    assert folder.save(finding_id, image) == finding_id

    decoded = cv2.imdecode(np.frombuffer(folder.load(finding_id), np.uint8), cv2.IMREAD_COLOR)
    rgb = cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB)
    assert rgb.shape == image.shape
    assert np.abs(rgb.astype(int) - image)[:, :70].max() < 12
    assert np.abs(rgb.astype(int) - image)[:, 90:].max() < 12


def test_quality_makes_the_size(tmp_path: Path) -> None:
    sizes = []
    for quality in (20, 60, 95):
        folder = SnapshotFolder(tmp_path / str(quality), quality, Now())
        sizes.append(len(folder.load(folder.save(new_finding_id(), noise()))))
    assert sizes == sorted(sizes)
    assert sizes[0] * 2 < sizes[2]


def test_files_are_sharded_by_the_day_of_the_finding(folder: SnapshotFolder) -> None:
    finding_id = folder.save(id_at(START), noise())
    assert files(folder) == [folder.folder / "2026-03-01" / f"{finding_id}.jpg"]


def test_a_second_picture_of_a_finding_takes_the_firsts_place(folder: SnapshotFolder) -> None:
    finding_id = new_finding_id()
    folder.save(finding_id, noise(1, 200, 200))
    first = folder.load(finding_id)
    folder.save(finding_id, noise(2))
    assert folder.load(finding_id) != first
    assert len(files(folder)) == 1
    assert folder.total_bytes == len(folder.load(finding_id))


@pytest.mark.parametrize(
    "snapshot_id",
    [
        "",
        ".",
        "..",
        "../../etc/passwd",
        "/etc/passwd",
        "2026-03-01/../../secret",
        "....//....//secret",
        "%2e%2e%2fsecret",
        "secret",
        "secret.jpg",
        "0195f2a0-0000-7000-8000-000000000000/../x",
        "0195f2a0-0000-7000-8000-000000000000\n",
        "0195f2a0-0000-7000-8000-000000000000\x00",
        "0195f2a0-0000-7000-8000-000000000000.jpg",
        "0195F2A0-0000-7000-8000-000000000000",
        "0195f2a000007000-8000-000000000000",
        "0195f2a0-0000-4000-8000-000000000000",
        "ffffffff-ffff-7fff-bfff-ffffffffffff",
        "e677d21f-dc00-7fff-bfff-ffffffffffff",
        "\uff10195f2a0-0000-7000-8000-000000000000",
        "x" * 100_000,
    ],
    ids=lambda value: ascii(value[:50]),
)
def test_nothing_but_an_id_is_looked_up_or_saved(
    folder: SnapshotFolder, tmp_path: Path, snapshot_id: str
) -> None:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "secret.jpg").write_text("secret")
    with pytest.raises(SnapshotMissing) as refused:
        folder.load(snapshot_id)
    assert len(str(refused.value)) < 400
    with pytest.raises(StoreError, match="needs a finding's id"):
        folder.save(snapshot_id, noise())
    assert files(folder) == []


@pytest.mark.parametrize(
    "last", ["00000000-0000-7000-8000-000000000000", "dfffffff-ffff-7fff-bfff-ffffffffffff"]
)
def test_every_id_that_is_accepted_has_a_day(folder: SnapshotFolder, last: str) -> None:
    folder.save(last, noise())
    assert folder.load(last)


def test_an_id_that_is_not_kept_is_missing(folder: SnapshotFolder) -> None:
    with pytest.raises(SnapshotMissing, match=r"no snapshot .* is kept"):
        folder.load(new_finding_id())


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((10, 10), np.uint8),
        np.zeros((10, 10, 4), np.uint8),
        np.zeros((10, 10, 3), np.float32),
        np.zeros((0, 10, 3), np.uint8),
        np.zeros((10, 0, 3), np.uint8),
        np.zeros((1, 70_000, 3), np.uint8),
    ],
    ids=["grey", "alpha", "float", "no height", "no width", "too wide"],
)
def test_what_is_no_picture_is_refused(folder: SnapshotFolder, image: Any) -> None:
    with pytest.raises(StoreError, match="a snapshot must be"):
        folder.save(new_finding_id(), image)
    assert files(folder) == []


def test_a_picture_that_is_no_contiguous_array_is_saved(folder: SnapshotFolder) -> None:
    finding_id = folder.save(new_finding_id(), noise(1, 96, 128)[::2, ::-2])
    decoded = cv2.imdecode(np.frombuffer(folder.load(finding_id), np.uint8), cv2.IMREAD_COLOR)
    assert decoded.shape == (48, 64, 3)


def test_a_failed_write_leaves_the_old_picture_and_no_rest(
    folder: SnapshotFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    finding_id = folder.save(new_finding_id(), noise(1))
    before, total_bytes = folder.load(finding_id), folder.total_bytes

    def broken_disk(_: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", broken_disk)
        with pytest.raises(StoreError, match="saving the snapshot failed: Input/output error"):
            folder.save(finding_id, noise(2))

    assert folder.load(finding_id) == before
    assert folder.total_bytes == total_bytes
    assert len(files(folder)) == 1
    folder.save(finding_id, noise(2))
    assert folder.load(finding_id) != before


def test_a_reader_never_sees_half_a_picture(folder: SnapshotFolder) -> None:
    finding_id = folder.save(new_finding_id(), noise(0, 400, 400))
    done = threading.Event()

    def rewrite() -> None:
        for seed in range(40):
            folder.save(finding_id, noise(seed, 400, 400))
        done.set()

    writer = threading.Thread(target=rewrite)
    writer.start()
    num_read = 0
    while not done.is_set():
        data = folder.load(finding_id)
        assert data[:2] == b"\xff\xd8"
        assert data[-2:] == b"\xff\xd9"
        num_read += 1
    writer.join()
    assert num_read > 10


HOURS = [START + hour * 3600 for hour in range(0, 72, 6)]


def test_old_snapshots_go_with_their_empty_day_folders(folder: SnapshotFolder, now: Now) -> None:
    ids = save_at(folder, now, *HOURS)
    assert folder.remove_oldest(limits(START)) == RemovedSnapshots()
    assert folder.remove_oldest(limits(START + 15 * 3600)) == RemovedSnapshots(age=3)
    assert sorted(p.stem for p in files(folder)) == sorted(ids[3:])
    assert not (folder.folder / "2026-03-01").exists()
    assert folder.total_bytes == sum(p.stat().st_size for p in files(folder))
    assert folder.remove_oldest(limits(START + 9 * DAY_S)) == RemovedSnapshots(age=9)
    assert list(folder.folder.iterdir()) == []
    assert folder.total_bytes == 0


def test_surplus_snapshots_go_oldest_first(tmp_path: Path, now: Now) -> None:
    folder = SnapshotFolder(tmp_path, 85, now)
    ids = save_at(folder, now, *HOURS)
    each = folder.total_bytes // len(ids)
    assert folder.remove_oldest(limits(max_bytes=5 * each)) == RemovedSnapshots(size=7)
    assert sorted(p.stem for p in files(folder)) == sorted(ids[7:])

    folder = SnapshotFolder(tmp_path, 85, now)
    assert folder.total_bytes == 5 * each, "counted again at the next start"
    assert folder.remove_oldest(limits(max_count=3)) == RemovedSnapshots(count=2)
    assert folder.remove_oldest(limits(max_count=3)) == RemovedSnapshots()
    assert folder.remove_oldest(limits(max_bytes=2 * each)) == RemovedSnapshots(size=1)
    assert folder.remove_oldest(limits(missing_bytes=each - 9)) == RemovedSnapshots(space=1)
    assert sorted(p.stem for p in files(folder)) == sorted(ids[11:])
    assert folder.remove_oldest(limits(missing_bytes=9 * each)) == RemovedSnapshots(space=1)


def test_one_call_removes_a_bounded_number(tmp_path: Path, now: Now) -> None:
    day = tmp_path / "2026-03-01"
    day.mkdir()
    for i in range(1100):
        path = day / f"{id_at(START + i)}.jpg"
        path.write_bytes(b"12345")
        os.utime(path, (START + i, START + i))
    now.now_s = START + DAY_S
    folder = SnapshotFolder(tmp_path, 85, now)
    old = limits(START + DAY_S)
    assert folder.remove_oldest(old) == RemovedSnapshots(age=500, more=True)
    assert folder.total_bytes == 600 * 5
    assert folder.remove_oldest(old) == RemovedSnapshots(age=500, more=True)
    assert folder.remove_oldest(old) == RemovedSnapshots(age=100)


@pytest.mark.parametrize("step_s", [DAY_S, -DAY_S, 50 * 365 * DAY_S, -50 * 365 * DAY_S])
def test_the_age_is_the_stores_time_whatever_the_clock_said(
    folder: SnapshotFolder, now: Now, step_s: float
) -> None:
    """Ids are made by the system's clock, which is set right and wrong in turn."""
    ids = []
    for hour in range(24):
        now.now_s = START + hour * 3600
        ids.append(folder.save(id_at(now.now_s + hour % 2 * step_s), noise()))
    assert folder.remove_oldest(limits(START)) == RemovedSnapshots()
    assert folder.remove_oldest(limits(START + 6 * 3600)) == RemovedSnapshots(age=6)
    assert sorted(p.stem for p in files(folder)) == sorted(ids[6:])
    assert folder.remove_oldest(limits(START + DAY_S)) == RemovedSnapshots(age=18)


def test_a_stamp_from_the_future_is_mended_at_the_start(tmp_path: Path, now: Now) -> None:
    SnapshotFolder(tmp_path, 85, now).save(id_at(START), noise())
    now.now_s = START - 1000
    folder = SnapshotFolder(tmp_path, 85, now)
    assert folder.remove_oldest(limits(START - 1000)) == RemovedSnapshots()
    assert folder.remove_oldest(limits(START - 999)) == RemovedSnapshots(age=1)


def test_a_stamp_that_cannot_be_mended_stops_nobody(
    tmp_path: Path, now: Now, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "another user's file")

    SnapshotFolder(tmp_path, 85, now).save(id_at(START), noise())
    now.now_s = START - 1000
    monkeypatch.setattr(os, "utime", refuse)
    assert SnapshotFolder(tmp_path, 85, now).total_bytes > 0


def test_files_that_are_not_ours_stay_and_do_not_count(tmp_path: Path, now: Now) -> None:
    day = tmp_path / "2026-03-01"
    foreign = [
        tmp_path / "notes.txt",
        tmp_path / f"{id_at(START)}.jpg",
        tmp_path / "holiday" / f"{id_at(START)}.jpg",
        day / "notes.txt",
        day / "copy of picture.jpg",
        day / f"{id_at(START)}.jpg.bak",
        day / f"{id_at(START)}.png",
        day / "deeper" / f"{id_at(START)}.jpg",
    ]
    for path in foreign:
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes(b"x" * 1000)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / f"{id_at(START)}.jpg").write_bytes(b"x")
    foreign.append(elsewhere / next(elsewhere.iterdir()).name)
    (tmp_path / "2026-02-28").symlink_to(elsewhere)
    (day / f"{id_at(START)}.jpg").symlink_to(foreign[0])

    folder = SnapshotFolder(tmp_path, 85, now)
    assert folder.total_bytes == 0
    folder.save(id_at(START), noise())
    assert folder.remove_oldest(limits(START + DAY_S, 1)) == RemovedSnapshots(age=1)
    assert all(path.read_bytes()[:1] == b"x" for path in foreign)
    assert folder.total_bytes == 0


def test_files_removed_by_hand_are_no_trouble(folder: SnapshotFolder, now: Now) -> None:
    ids = save_at(folder, now, *(START + i * DAY_S for i in range(4)))
    paths = files(folder)
    each = folder.total_bytes // 4
    paths[0].unlink()
    paths[0].parent.rmdir()
    paths[1].unlink()
    with pytest.raises(SnapshotMissing):
        folder.load(ids[0])
    assert folder.remove_oldest(limits(max_bytes=2 * each + 100)) == RemovedSnapshots()
    assert folder.total_bytes == sum(p.stat().st_size for p in files(folder))
    assert len(files(folder)) == 2
    folder.save(ids[0], noise())
    assert folder.load(ids[0])


def test_what_a_crash_left_half_written_is_removed_at_the_start(tmp_path: Path, now: Now) -> None:
    day = tmp_path / "2026-03-01"
    day.mkdir()
    half = day / f".{id_at(START)}.tmp"
    half.write_bytes(b"half")
    others = day / ".editor.tmp"
    others.write_bytes(b"mine")
    SnapshotFolder(tmp_path, 85, now)
    assert not half.exists()
    assert others.exists()
