"""Checks run side by side; one that fails or hangs stops none."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from edge.doctor.case import Check
from edge.doctor.diagnosis import Diagnosis, ok
from edge.doctor.examine import MAX_SIDE_BY_SIDE, examine
from edge.errors import StoreError


def test_a_check_that_fails_or_hangs_stops_no_other() -> None:
    gate = threading.Event()

    def fail() -> Iterator[Diagnosis]:
        yield ok("before", "fine")
        raise RuntimeError("the roof is open")

    def refuse() -> Iterator[Diagnosis]:
        raise StoreError("the database is locked")

    def hang() -> Iterator[Diagnosis]:
        gate.wait(60)
        yield ok("hang", "too late")

    checks = [
        Check("fail", fail, 30),
        Check("refuse", refuse, 30),
        Check("hang", hang, 0.2, "porch"),
        Check("good", lambda: [ok("good", "fine")], 30),
    ]
    failed, refused, hung, good = (found[0] for found in examine(checks))
    gate.set()
    assert (failed.check, failed.level) == ("fail", "warning")
    assert "RuntimeError: the roof is open" in failed.found
    assert "the database is locked" in refused.found
    assert (hung.check, hung.subject, hung.level) == ("hang", "porch", "fault")
    assert "no answer within" in hung.found
    assert good == ok("good", "fine")


def test_what_waits_is_waited_for_together() -> None:
    together = threading.Barrier(MAX_SIDE_BY_SIDE)

    def meet() -> list[Diagnosis]:
        together.wait(30)  # raises unless all are here at once
        return [ok("meet", "met")]

    checks = [Check("meet", meet, 60) for _ in range(MAX_SIDE_BY_SIDE)]
    assert [found[0].found for found in examine(checks)] == ["met"] * MAX_SIDE_BY_SIDE


def test_no_more_than_the_box_can_bear_run_at_once() -> None:
    lock = threading.Lock()
    running = highest = 0

    def count() -> list[Diagnosis]:
        nonlocal running, highest
        with lock:
            running += 1
            highest = max(highest, running)
        time.sleep(0.01)
        with lock:
            running -= 1
        return [ok("count", "")]

    list(examine([Check("count", count, 60) for _ in range(4 * MAX_SIDE_BY_SIDE)]))
    assert 1 <= highest <= MAX_SIDE_BY_SIDE
