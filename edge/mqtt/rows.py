"""RowFeed: which row of the outbox goes next, and what becomes of it.

No network, no threads; the time is given. It reads the outbox in order of id and skips the cameras
whose rows the broker refuses, so one of them cannot hold up the others. The publisher's pump thread
is its only caller. StoreError from the outbox passes through and leaves nothing lost or sent twice
in one connection.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from edge.mqtt.backoff import Backoff
from edge.mqtt.outbox import Outbox, OutboxRow

PAGE_ROWS: Final = 64  # rows read from the outbox at a time, and so held in memory


@dataclass(slots=True)
class _Held:
    """A camera whose rows wait because the broker refused one.

    `head_id` is its oldest row; it alone is sent at `retry_mono_s`, and the others follow once the
    broker has taken it.
    """

    head_id: int
    backoff: Backoff
    retry_mono_s: float
    probing: bool = False


class RowFeed:
    """Hands out rows in order of id within a camera; one twice only behind a refused one."""

    def __init__(self, outbox: Outbox, retry_first_s: float, retry_max_s: float) -> None:
        self._outbox = outbox
        self._retry_first_s = retry_first_s
        self._retry_max_s = retry_max_s
        self._page: deque[OutboxRow] = deque()
        self._read_to = 0  # id of the last row read into the page, or skipped
        self._in_flight: dict[int, str] = {}  # row id -> camera
        self._acknowledged: set[int] = set()  # not yet retired
        self._held: dict[str, _Held] = {}

    def restart(self, now_mono_s: float) -> None:
        """A connection ended: what was in flight counts as never sent.

        Refused cameras keep waiting: a broker may hang up on what it refuses, and the other
        cameras' rows must get through in between.
        """
        for row_id, camera in self._in_flight.items():
            held = self._held.get(camera)
            if held is not None:
                self._hold(held, row_id, now_mono_s)
        self._in_flight.clear()
        self._rewind(0)

    def _hold(self, held: _Held, row_id: int, now_mono_s: float) -> None:
        """A row of a waiting camera did not arrive."""
        held.head_id = min(held.head_id, row_id)
        if held.probing:
            held.probing = False
            held.retry_mono_s = now_mono_s + held.backoff.next_s()

    def _rewind(self, after_id: int) -> None:
        """Read again what comes after `after_id`, and what the page still held."""
        handed_out_to = self._page[0].id - 1 if self._page else self._read_to
        self._read_to = min(handed_out_to, after_id)
        self._page.clear()

    def take(self, now_mono_s: float) -> OutboxRow | None:
        """The next row to publish, if any; it is in flight until accepted or refused."""
        row = self._take_probe(now_mono_s) or self._take_next()
        if row is not None:
            self._in_flight[row.id] = row.camera
        return row

    def _take_probe(self, now_mono_s: float) -> OutboxRow | None:
        for camera, held in list(self._held.items()):
            if held.probing or held.retry_mono_s > now_mono_s or self._has_in_flight(camera):
                continue
            rows = self._outbox.pending(1, held.head_id - 1)
            if rows and rows[0].id == held.head_id:
                held.probing = True
                return rows[0]
            # The outbox dropped the row for its age or size; the one after it is next.
            del self._held[camera]
            self._rewind(held.head_id - 1)
        return None

    def _has_in_flight(self, camera: str) -> bool:
        return camera in self._in_flight.values()

    def _take_next(self) -> OutboxRow | None:
        while self._page or self._read_page():
            row = self._page.popleft()
            held = self._held.get(row.camera)
            if held is None:
                return row
            held.head_id = min(held.head_id, row.id)
        return None

    def _read_page(self) -> bool:
        """Fill the page with the next rows that are not under way; False if there are none."""
        while not self._page:
            rows = self._outbox.pending(PAGE_ROWS, self._read_to)
            if not rows:
                if not (self._in_flight or self._acknowledged or self._held):
                    self._read_to = 0  # all is delivered: also finds rows of an outbox begun anew
                return False
            self._read_to = rows[-1].id
            # Now and not when they are handed out: by then they may be accepted and forgotten.
            known = self._in_flight.keys() | self._acknowledged
            self._page.extend(row for row in rows if row.id not in known)
        return True

    def accepted(self, row_id: int) -> None:
        """The broker has the row; `retire` will tell the outbox.

        A row that overtook a refused one is not done with: it goes out again behind that one, so
        the last time each row of a camera arrives is in order.
        """
        camera = self._in_flight.pop(row_id)
        held = self._held.get(camera)
        if held is not None and row_id > held.head_id:
            return
        self._acknowledged.add(row_id)
        if held is not None and held.probing and held.head_id == row_id:
            del self._held[camera]
            self._rewind(row_id)

    def refused(self, row_id: int, now_mono_s: float) -> bool:
        """The broker does not take the row. True if its camera was not waiting already.

        Rows of the camera sent behind it may still arrive (they were under way) and are sent again
        later; no further ones are sent until this one is accepted.
        """
        camera = self._in_flight.pop(row_id)
        held = self._held.get(camera)
        if held is None:
            backoff = Backoff(self._retry_first_s, self._retry_max_s)
            self._held[camera] = _Held(row_id, backoff, now_mono_s + backoff.next_s())
            return True
        self._hold(held, row_id, now_mono_s)
        return False

    def retire(self) -> int:
        """Tell the outbox what the broker has acknowledged; how many rows that were.

        After a StoreError they are kept for the next call and not published again.
        """
        count = len(self._acknowledged)
        if count:
            self._outbox.retire(sorted(self._acknowledged))
            self._acknowledged.clear()
        return count

    def retry_mono_s(self) -> float | None:
        """When the next refused camera is to be tried again; None if none waits for that."""
        return min(
            (
                held.retry_mono_s
                for camera, held in self._held.items()
                if not self._has_in_flight(camera)  # its acknowledgement comes first
            ),
            default=None,
        )

    @property
    def held_cameras(self) -> tuple[str, ...]:
        """Cameras whose rows wait because the broker refuses them."""
        return tuple(self._held)
