"""StoreSettings: where the store keeps its files, for how long and how much.

Plain values, already checked by the configuration; this file does not know YAML.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_DAY_S = 86_400.0
_MB = 1_000_000


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """Limits of the store's folder. Ages in seconds, sizes in bytes.

    A finding takes about 3 kB, so the default findings limit is never met before their age limit
    by a box that makes fewer than 5,000 a day. `snapshots` says whether pictures are to be kept at
    all; the limits below it hold for those already there either way. `snapshot_quality` is JPEG's,
    1..100. `min_free_bytes` is the free space that the disk is to have left: None is 1 GB, or 5 %
    of a disk smaller than 20 GB. A count of None is no limit. Raises ValueError for a limit that is
    not positive or a quality outside its range.
    """

    folder: Path
    findings_max_age_s: float = 30 * _DAY_S
    findings_max_bytes: int = 500 * _MB
    findings_max_count: int | None = None
    outbox_max_age_s: float = 7 * _DAY_S
    outbox_max_bytes: int = 200 * _MB
    outbox_max_count: int | None = None
    snapshots: bool = True
    snapshot_quality: int = 85
    snapshots_max_age_s: float = 14 * _DAY_S
    snapshots_max_bytes: int = 2_000 * _MB
    snapshots_max_count: int | None = None
    min_free_bytes: int | None = None

    def __post_init__(self) -> None:
        for name in ("findings", "outbox", "snapshots"):
            for limit in (f"{name}_max_age_s", f"{name}_max_bytes", f"{name}_max_count"):
                value = getattr(self, limit)
                if value is not None and not value > 0:
                    raise ValueError(f"{limit} must be more than 0, not {value}")
        if self.min_free_bytes is not None and self.min_free_bytes < 0:
            raise ValueError(f"min_free_bytes must be 0 or more, not {self.min_free_bytes}")
        if not 1 <= self.snapshot_quality <= 100:
            raise ValueError(f"snapshot_quality must be 1..100, not {self.snapshot_quality}")
