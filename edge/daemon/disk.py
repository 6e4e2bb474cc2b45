"""The disk thread: JPEGs of keyframes and the clearing of old data, off the main thread."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Semaphore

from edge.errors import StoreError
from edge.frames import Image
from edge.store.database import Store

log = logging.getLogger(__name__)

MAX_SNAPSHOTS = 16  # waiting to be written; a 1080p picture takes 6 MB of memory meanwhile


class DiskThread:
    """One worker; work that fails is logged once in a row and never stops the daemon."""

    def __init__(self, store: Store) -> None:
        self.snapshots_dropped = 0
        self._store = store
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="disk")
        self._places = Semaphore(MAX_SNAPSHOTS)
        self._failing = False

    def offer_snapshot(
        self, finding_id: str, image: Image, then: Callable[[bytes], None] | None = None
    ) -> bool:
        """Write the JPEG soon and hand it to `then`, in the disk thread.

        False if too many wait and this one is not kept.
        """
        if not self._places.acquire(blocking=False):
            self.snapshots_dropped += 1
            return False
        self._pool.submit(self._save, finding_id, image, then)
        return True

    def clear_old(self) -> None:
        """Delete what is past its age or over the size limits."""
        self._pool.submit(self._clear_old)

    def stop(self) -> None:
        """Write what waits, then end."""
        self._pool.shutdown(wait=True)

    def _save(self, finding_id: str, image: Image, then: Callable[[bytes], None] | None) -> None:
        try:
            snapshot_id = self._store.snapshots.save(finding_id, image)
            self._failing = False
            if then is not None:
                then(self._store.snapshots.load(snapshot_id))
        except StoreError as error:
            self._complain(error)
        finally:
            self._places.release()

    def _clear_old(self) -> None:
        try:
            self._store.enforce_limits(time.time())
        except StoreError as error:
            self._complain(error)

    def _complain(self, error: StoreError) -> None:
        if not self._failing:
            log.error("%s", error)
        self._failing = True
