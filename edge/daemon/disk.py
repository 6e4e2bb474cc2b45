"""The disk thread: JPEGs of keyframes and the clearing of old data, off the main thread."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable

from edge.errors import StoreError
from edge.frames import Image
from edge.store.database import Store

log = logging.getLogger(__name__)

MAX_WAITING = 16  # snapshots to be written; a 1080p picture takes 6 MB of memory meanwhile

_Work = Callable[[], None]


class DiskThread:
    """One worker; work that fails is logged once in a row and never stops the daemon."""

    def __init__(self, store: Store) -> None:
        self.snapshots_dropped = 0
        self._store = store
        self._waiting: queue.Queue[_Work] = queue.Queue(MAX_WAITING)
        self._stopping = threading.Event()
        self._failing = False
        self._thread = threading.Thread(target=self._run, name="disk", daemon=True)
        self._thread.start()

    @property
    def has_room(self) -> bool:
        """Whether a snapshot that is offered now will be written. For the one who offers."""
        return not self._waiting.full()

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
            snapshot_id = self._store.snapshots.save(finding_id, image)
            if then is not None:
                then(self._store.snapshots.load(snapshot_id))

        if self._offer(save):
            return True
        self.snapshots_dropped += 1
        return False

    def clear_old(self) -> None:
        """Delete soon what is past its age or over the size limits; busy: the next time."""

        def clear() -> None:
            self._store.enforce_limits(time.time())

        self._offer(clear)

    def stop(self, timeout_s: float) -> bool:
        """Write what waits, then end; False if that takes longer than `timeout_s`."""
        self._stopping.set()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

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
