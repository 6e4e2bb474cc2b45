"""The disk thread: JPEGs of keyframes and the clearing of old data, off the main thread.

While the disk is full no pictures are taken on, so that what space there is stays with the
findings; those that could not be written are told to whoever asks for them.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable

from edge.errors import DiskFull, StoreError
from edge.frames import Image
from edge.store.database import Store

log = logging.getLogger(__name__)

MAX_WAITING = 16  # snapshots to be written; a 1080p picture takes 6 MB of memory meanwhile
MAX_PASSES = 8  # of clearing in one go, a second of work at the worst

_Work = Callable[[], None]


class DiskThread:
    """One worker; work that fails is logged once in a row and never stops the daemon."""

    def __init__(self, store: Store) -> None:
        self.snapshots_dropped = 0  # never written, or not taken on
        self._store = store
        self._waiting: queue.Queue[_Work] = queue.Queue(MAX_WAITING)
        self._failed: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._failing = False
        self._thread = threading.Thread(target=self._run, name="disk", daemon=True)
        self._thread.start()

    @property
    def has_room(self) -> bool:
        """Whether a snapshot is to be offered: few enough wait, and the disk is not full."""
        return not (self._waiting.full() or self._store.room.is_full)

    def is_alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def offer_snapshot(
        self, finding_id: str, image: Image, then: Callable[[bytes], None] | None = None
    ) -> bool:
        """Write the JPEG soon and hand it to `then`, in the disk thread.

        False if too many wait and this one is not kept.
        """

        def save() -> None:
            try:
                snapshot_id = self._store.snapshots.save(finding_id, image)
            except StoreError as error:
                self.snapshots_dropped += 1
                self._failed.put(finding_id)
                if not isinstance(error, DiskFull):
                    raise
                self._store.room.fill()
                self._clear()
                return
            if then is not None:
                then(self._store.snapshots.load(snapshot_id))

        if self._offer(save):
            return True
        self.snapshots_dropped += 1
        return False

    def count_dropped(self) -> None:
        """A snapshot was not offered because there is no room."""
        self.snapshots_dropped += 1

    def take_failed(self) -> list[str]:
        """The ids of the snapshots that were taken on and could not be written, each once."""
        failed = []
        while not self._failed.empty():
            failed.append(self._failed.get())
        return failed

    def clear_old(self) -> None:
        """Delete soon what is past its age or over the limits; busy: the next time."""
        self._offer(self._clear)

    def stop(self, timeout_s: float) -> bool:
        """Write what waits, then end; False if that takes longer than `timeout_s`."""
        self._stopping.set()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _clear(self) -> None:
        for _ in range(MAX_PASSES):
            if not self._store.enforce_limits().more or self._stopping.is_set():
                return

    def _offer(self, work: _Work) -> bool:
        try:
            self._waiting.put_nowait(work)
        except queue.Full:
            return False
        return True

    def _run(self) -> None:
        try:
            self._work()
        except Exception:  # the watchdog sees that the thread has ended
            log.exception("the disk thread failed")

    def _work(self) -> None:
        while not (self._stopping.is_set() and self._waiting.empty()):
            try:
                work = self._waiting.get(timeout=0.2)
            except queue.Empty:
                continue
            try:
                work()
                self._failing = False
            except StoreError as error:
                if not self._failing:
                    log.error("%s", error)
                self._failing = True
