"""The disk: whether the store's and the cache's folders can be written, and for how long."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from edge.config.models import Config
from edge.daemon.wiring import engine_settings
from edge.doctor.case import Case, Check
from edge.doctor.diagnosis import Diagnosis, fault, ok, warning
from edge.store.place import folder_obstacle
from edge.store.room import floor_bytes

CHECK = "disk"
LIMIT_S = 20.0
TRIAL_BYTES = 1 << 20
LEAST_FREE_BYTES = 64 << 20  # a database that cannot grow cannot even delete
_STORE_MEANING = "Findings cannot be kept, and what is not kept is not delivered; nothing starts."
_CACHE_MEANING = "Every start compiles the model anew, which takes a minute instead of seconds."


def disk_checks(case: Case) -> Iterator[Check]:
    """The store's folder, and the one of compiled models where it is another."""
    store = case.config.store.folder
    yield Check(CHECK, lambda: check_store(case), LIMIT_S, str(store))
    cache = engine_settings(case.config, Path()).cache_dir
    if cache is not None and not cache.is_relative_to(store):
        yield Check(CHECK, lambda: check_cache(cache, case), LIMIT_S, str(cache))


def check_store(case: Case) -> Iterator[Diagnosis]:
    """Can be written, and holds what the limits allow."""
    folder = case.config.store.folder
    trouble = write_trouble(folder, case)
    if trouble:
        yield fault(CHECK, *trouble_words(trouble, _STORE_MEANING), subject=str(folder))
        return
    floor = floor_bytes(case.config.store.min_free_bytes, disk_bytes(folder))
    yield judge_space(free_bytes(folder), floor, _missing_bytes(case.config), str(folder))


def check_cache(folder: Path, case: Case) -> Iterator[Diagnosis]:
    """Can be written."""
    trouble = write_trouble(folder, case)
    if trouble:
        yield warning(CHECK, *trouble_words(trouble, _CACHE_MEANING), subject=str(folder))
    else:
        yield ok(CHECK, f"{_gigabytes(free_bytes(folder))} free", subject=str(folder))


def write_trouble(folder: Path, case: Case) -> str:
    """Why nothing can be written there; "" if a file of TRIAL_BYTES could, or may."""
    if not case.account.is_self:
        existing = next(p for p in (folder, *folder.absolute().parents) if os.path.lexists(p))
        return case.account.obstacle(existing, "write")
    obstacle = folder_obstacle(folder)
    if obstacle or not folder.is_dir():
        return obstacle
    try:
        with tempfile.TemporaryFile(dir=folder) as trial:
            trial.write(bytes(TRIAL_BYTES))
            trial.flush()
            os.fsync(trial.fileno())
    except OSError as error:
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        return "the disk is full" if is_full else f"writing failed: {error.strerror}"
    return ""


def trouble_words(trouble: str, meaning: str) -> tuple[str, str, str]:
    """What was found, what it means, what to do."""
    if "full" in trouble:
        remedy = (
            "Free some space (`df -h`, `du -xh / | sort -h | tail`), or lower the store's limits: "
            "`snapshots.max_size`, `store.findings_max_size`."
        )
    else:
        remedy = (
            "Make the folder the service's own (`sudo chown -R edge: FOLDER`, mode 750) on a disk "
            "that is mounted writable, or set another `store.folder` (`vlm.cache`)."
        )
    return trouble, meaning, remedy


def judge_space(free: int, floor: int, missing: int, subject: str) -> Diagnosis:
    """Whether the store may grow to its limits: `missing` bytes more than it has now, with `floor`
    bytes left free. Pure.
    """
    if free < LEAST_FREE_BYTES:
        return fault(
            CHECK,
            *trouble_words(f"full but for {free / 1e6:.0f} MB", _STORE_MEANING),
            subject=subject,
        )
    if free - floor < missing:
        return warning(
            CHECK,
            f"{_gigabytes(free)} free, {_gigabytes(floor)} are to stay free (`store.min_free`), "
            f"but the limits allow {_gigabytes(missing)} more",
            "The oldest pictures, then the oldest delivered findings, go before their time.",
            "Lower `snapshots.max_size`, `store.findings_max_size` or `store.outbox_max_size`, or "
            "use a larger disk.",
            subject=subject,
        )
    return ok(CHECK, f"{_gigabytes(free)} free", subject=subject)


def free_bytes(folder: Path) -> int:
    """What an ordinary user may still write there, or where it would be made."""
    found = _file_system(folder)
    return found.f_bavail * found.f_frsize


def disk_bytes(folder: Path) -> int:
    """How large the file system is."""
    found = _file_system(folder)
    return found.f_blocks * found.f_frsize


def _file_system(folder: Path) -> os.statvfs_result:
    existing = next(p for p in (folder, *folder.absolute().parents) if os.path.lexists(p))
    return os.statvfs(existing)


def _missing_bytes(config: Config) -> int:
    """How much more than now the store's own limits allow."""
    allowed = config.store.findings_max_size_bytes + config.store.outbox_max_size_bytes
    if config.snapshots.enabled:
        allowed += config.snapshots.max_size_bytes
    folder = config.store.folder
    kept = [folder / "edge.db", folder / "edge.db-wal", *folder.glob("snapshots/**/*.jpg")]
    used = sum(path.stat().st_size for path in kept if path.is_file())
    return max(0, allowed - used)


def _gigabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e9:.1f} GB"
