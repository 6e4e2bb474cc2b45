"""A place for one child process: started when due, replaced with back-off when it dies.

Cameras and the analyzer each live in one. Decides by the times it is given; what the child says and
what its death means is its owner's business.
"""

from __future__ import annotations

import itertools
import logging
import random
from collections.abc import Callable

from edge.capture.backoff import Backoff
from edge.daemon.child import Child

log = logging.getLogger(__name__)

# One count for the whole daemon: a process is known by its number alone, so that a camera which is
# removed and added again, or is called "analyzer", is not taken for another's process.
_generations = itertools.count(1)


def new_generation() -> int:
    """A number that no other process of the daemon has."""
    return next(_generations)


HEALTHY_AFTER_S = 60.0  # a process that lived this long starts again with the shortest delay

Spawn = Callable[[int], Child]  # takes the generation number


class Slot:
    """Owns one child process after another."""

    def __init__(self, name: str, spawn: Spawn) -> None:
        self.name = name
        self.restarts = 0
        self.child: Child | None = None
        self._spawn = spawn
        self._generation = 0  # of the newest process; no other process of the daemon has it
        self._backoff = Backoff(random.random)
        self._start_at_mono_s: float | None = 0.0  # None: is not to run
        self._started_mono_s = 0.0
        self._killed = False
        self._is_asked_to_end = False

    def is_current(self, generation: int) -> bool:
        """Whether a message comes from the process that runs now."""
        return self.child is not None and generation == self._generation

    def start_if_due(self, now_mono_s: float) -> bool:
        """Start the process if there is none and its time has come; whether it was started."""
        if self.child is not None or self._start_at_mono_s is None:
            return False
        if now_mono_s < self._start_at_mono_s:
            return False
        self._generation = new_generation()
        self.child = self._spawn(self._generation)
        self._started_mono_s = now_mono_s
        self._killed = False
        self._is_asked_to_end = False
        return True

    def kill(self) -> bool:
        """SIGKILL the process, once; whether that was done now. Its end comes in the inbox."""
        if self.child is None or self._killed:
            return False
        self._killed = True
        self.child.kill()
        return True

    def gone(self, exitcode: int | None, now_mono_s: float) -> float | None:
        """The process has ended; the delay until the next one, None if there is to be none.

        No delay, and no failure, is an end that was asked for.
        """
        self.child = None
        if self._start_at_mono_s is None:
            return None
        if self._is_asked_to_end:
            return 0.0
        if now_mono_s - self._started_mono_s > HEALTHY_AFTER_S:
            self._backoff = Backoff(random.random)
        delay_s = self._backoff.failed()
        self._start_at_mono_s = now_mono_s + delay_s
        self.restarts += 1
        log.warning(
            "%s: process ended (%s); next start in %.1f s",
            self.name,
            describe_exit(exitcode),
            delay_s,
        )
        return delay_s

    def replace(self) -> None:
        """End the process; `start_if_due` starts the next one after its end has been reported."""
        self._start_at_mono_s = 0.0
        self._is_asked_to_end = True
        self.kill()

    def rest(self) -> None:
        """Start no other process until `resume`. The running one is to be asked to end."""
        self._start_at_mono_s = None
        self._is_asked_to_end = True

    def resume(self) -> None:
        """Start processes again."""
        if self._start_at_mono_s is None:
            self._start_at_mono_s = 0.0


def describe_exit(exitcode: int | None) -> str:
    """A process's end in words."""
    if exitcode is None:
        return "no exit status"
    return f"signal {-exitcode}" if exitcode < 0 else f"exit status {exitcode}"
