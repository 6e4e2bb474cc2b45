"""Watches the box itself: its disk, heat and swap, and how the analyzer's process grows.

Runs in the daemon's main thread; upkeep has it look once a second and publishes what has changed.
Reading takes a millisecond; what is to be deleted is deleted by the disk thread.
"""

from __future__ import annotations

import logging
from pathlib import Path

from edge.daemon.analyzer_host import AnalyzerHost
from edge.daemon.disk import DiskThread
from edge.daemon.growth import read_private_bytes
from edge.daemon.reporter import Reporter
from edge.daemon.strain import StrainWatch
from edge.daemon.strain_reading import read_strain
from edge.errors import StoreError
from edge.health import DiskStats, StrainStats, Trouble
from edge.store.database import Store
from edge.store.room import RoomWord

log = logging.getLogger(__name__)

STRAIN_S = 60.0
WEIGH_S = 10.0
CLEAR_S = 60.0
CLEAR_SHORT_S = 5.0  # while there is too little space

_OF_ROOM: dict[RoomWord, tuple[Trouble, ...]] = {
    "ok": (),
    "low": ("disk_low",),
    "full": ("disk_full",),
}


class BoxWatch:
    """Remembers when it last looked at what. `root` is where /proc and /sys are found."""

    def __init__(
        self,
        store: Store,
        disk: DiskThread,
        reporter: Reporter,
        host: AnalyzerHost,
        root: Path = Path("/"),
    ) -> None:
        self._store = store
        self._disk = disk
        self._reporter = reporter
        self._host = host
        self._root = root
        self._strain = StrainWatch()
        self._room: RoomWord = "ok"
        self._told: tuple[Trouble, ...] = ()
        self._strain_mono_s = self._weighed_mono_s = self._cleared_mono_s = float("-inf")

    @property
    def troubles(self) -> tuple[Trouble, ...]:
        """What is wrong with the box as of the last look."""
        return (*_OF_ROOM[self._room], *self._strain.troubles)

    @property
    def strain(self) -> StrainStats | None:
        """Heat and swap as of the last look; None before the first."""
        return self._strain.stats

    def disk(self) -> DiskStats:
        """The disk now; raises StoreError if it cannot be asked."""
        facts = self._store.room.facts()
        return DiskStats(
            state=facts.word,
            free_bytes=facts.free_bytes,
            floor_bytes=facts.floor_bytes,
            reserve=facts.has_reserve,
            unwritten=self._reporter.num_unwritten,
            lost=self._reporter.dropped,
            snapshots_dropped=self._disk.snapshots_dropped,
        )

    def look(self, now_mono_s: float) -> bool:
        """Look at what is due; whether the troubles are others than at the last look."""
        self._look_at_disk(now_mono_s)
        if now_mono_s - self._strain_mono_s >= STRAIN_S:
            self._strain_mono_s = now_mono_s
            for line in self._strain.look(read_strain(self._root), now_mono_s):
                log.warning("%s", line)
        if now_mono_s - self._weighed_mono_s >= WEIGH_S:
            self._weighed_mono_s = now_mono_s
            self._weigh(now_mono_s)
        before, self._told = self._told, self.troubles
        return before != self._told

    def _look_at_disk(self, now_mono_s: float) -> None:
        for finding_id in self._disk.take_failed():
            self._reporter.without_snapshot(finding_id)
        room = self._store.room
        try:
            word, is_short = room.facts().word, room.missing_bytes > 0
        except StoreError as error:
            log.error("%s", error)
            return
        is_news = word != self._room
        self._room = word
        interval_s = CLEAR_SHORT_S if is_short or word != "ok" else CLEAR_S
        if is_news or now_mono_s - self._cleared_mono_s >= interval_s:
            self._cleared_mono_s = now_mono_s
            self._disk.clear_old()

    def _weigh(self, now_mono_s: float) -> None:
        child = self._host.slot.child
        private_bytes = None if child is None else read_private_bytes(child.pid, self._root)
        if private_bytes is not None:
            self._host.weigh(private_bytes, now_mono_s)
