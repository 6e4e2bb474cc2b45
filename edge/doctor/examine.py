"""Examining: the checks side by side, each within its time; none can stop the others.

Knows nothing of what is checked. Threads, because a check waits for the network or the disk; one
that does not come back is left alone, and ends with the process.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Iterator, Sequence

from edge.doctor.case import Check
from edge.doctor.diagnosis import Diagnosis, fault, warning
from edge.errors import EdgeError

log = logging.getLogger(__name__)

MAX_SIDE_BY_SIDE = 8  # cameras are decoded meanwhile, on few cores


def examine(checks: Sequence[Check]) -> Iterator[list[Diagnosis]]:
    """What each check found, in their order; a check that takes too long is a fault itself.

    Blocks for at most the sum of all limits, and if the checks wait rather than compute hardly
    longer than the longest of them takes.
    """
    places = threading.Semaphore(MAX_SIDE_BY_SIDE)
    running = [_Running(check, places) for check in checks]
    starter = threading.Thread(target=_start_all, args=(running, places), daemon=True)
    starter.start()
    for one in running:
        yield one.result()


def _start_all(running: Sequence[_Running], places: threading.Semaphore) -> None:
    for one in running:
        places.acquire()
        one.start()


class _Running:
    """A check and the thread it runs in."""

    def __init__(self, check: Check, places: threading.Semaphore) -> None:
        self._check = check
        self._places = places
        self._answers: queue.SimpleQueue[list[Diagnosis]] = queue.SimpleQueue()
        self._begun = threading.Event()
        self._begun_mono_s = 0.0
        self._lock = threading.Lock()
        self._has_left = False

    def start(self) -> None:
        """Begin; the caller holds a place for it."""
        self._begun_mono_s = time.monotonic()
        self._begun.set()
        threading.Thread(target=self._run, name=self._check.name, daemon=True).start()

    def result(self) -> list[Diagnosis]:
        """What it found; waits for the check to begin and then for its time-limit."""
        self._begun.wait()
        left_s = self._begun_mono_s + self._check.limit_s - time.monotonic()
        try:
            return self._answers.get(timeout=max(left_s, 0.0))
        except queue.Empty:
            self._leave()
            return [
                fault(
                    self._check.name,
                    f"no answer within {self._check.limit_s:.0f} s",
                    "This could not be looked at; what it depends on hangs.",
                    "Try again; if it stays so, look at the network and the disk, and restart "
                    "the device in question.",
                    subject=self._check.subject,
                )
            ]

    def _run(self) -> None:
        try:
            found = list(self._check.look())
        except EdgeError as error:
            found = [self._failed(str(error))]
        except Exception as error:  # the outermost line of the thread: the others go on
            log.debug("check %s failed", self._check.name, exc_info=True)
            found = [self._failed(f"{type(error).__name__}: {error}")]
        self._answers.put(found)
        self._leave()

    def _leave(self) -> None:
        """Give the place free, once."""
        with self._lock:
            if not self._has_left:
                self._has_left = True
                self._places.release()

    def _failed(self, why: str) -> Diagnosis:
        return warning(
            self._check.name,
            f"the check itself failed: {why}",
            "Nothing is known of this part.",
            "Look at what it says; if it is no fault of the box, report it.",
            subject=self._check.subject,
        )
