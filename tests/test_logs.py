"""What says the same again and again is counted, and the number is always told."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest

from edge import log_repeats
from edge.log_repeats import MAX_KINDS, WINDOW_S, Repeats, kind_of
from edge.logs import LimitedHandler, hide_in_log
from tests.support.daemon import wait_until

FLAP = "%s: offline: no answer from %s within %.1f s"


def record(text: str, *arguments: object, level: int = logging.WARNING) -> logging.LogRecord:
    return logging.LogRecord("edge.x", level, "x.py", 1, text, arguments, None)


class Journal:
    """A log whose clock the test moves."""

    def __init__(self) -> None:
        self.repeats = Repeats()
        self.now = 5000.0
        self.lines: list[str] = []

    def say(self, text: str, *arguments: object, level: int = logging.WARNING) -> None:
        self.tell()
        if self.repeats.admit(said := record(text, *arguments, level=level), self.now):
            self.lines.append(said.getMessage())

    def tell(self) -> None:
        self.lines += [line.getMessage() for line in self.repeats.summaries(self.now)]


@pytest.fixture
def journal() -> Journal:
    return Journal()


def test_a_camera_that_flaps_a_thousand_times(journal: Journal) -> None:
    for number in range(1000):
        journal.say(FLAP, "porch", "10.0.0.5:554", 3 + number / 1000)
        journal.now += 0.5
    journal.say(FLAP, "yard", "10.0.0.6:554", 3.0)
    assert len(journal.lines) == 6, "the first of one camera, and another's"
    journal.now += WINDOW_S
    journal.tell()
    (line,) = journal.lines[6:]
    assert line.startswith("porch: offline: no answer from 10.0.0.5:554 within 4.0 s ... and 995 ")
    assert line.endswith(" more like this in the last 18 min")


def test_all_night_long_it_is_one_line_in_ten_minutes(journal: Journal) -> None:
    for _ in range(6 * 60 * 60):
        journal.say(FLAP, "porch", "10.0.0.5", 3.0)
        journal.now += 1
    journal.lines += [line.getMessage() for line in journal.repeats.close(journal.now)]
    told = [
        int(line.split(" more like")[0].split()[-1]) for line in journal.lines if "more" in line
    ]
    assert len(journal.lines) - len(told) + sum(told) == 6 * 60 * 60, "every one is accounted for"
    assert 70 <= len(journal.lines) <= 80


def test_what_is_over_begins_anew(journal: Journal) -> None:
    for _ in range(8):
        journal.say(FLAP, "porch", "10.0.0.5", 3.0)
    for _ in range(2):
        journal.now += WINDOW_S + 1
        journal.tell()
    journal.lines.clear()
    for _ in range(6):
        journal.say(FLAP, "porch", "10.0.0.5", 3.0)
    assert len(journal.lines) == 5


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        (record(FLAP, "porch", "h", 1.0), record(FLAP, "porch", "h", 2.5), True),
        (record(FLAP, "cam1", "h", 1.0), record(FLAP, "cam2", "h", 1.0), False),
        (record("%s: on", "1"), record("%s: on", "2"), False),
        (record("%s: rule %s", "porch", "gate_1"), record("%s: rule %s", "porch", "gate_2"), False),
        (record("a"), record("a", level=logging.ERROR), False),
        (
            record("finding %s is gone", "0195f2a0-0000-7000-8000-000000000001"),
            record("finding %s is gone", "0195f2a0-0000-7000-8000-000000000002"),
            True,
        ),
        (
            record("%s", ValueError("0195f2a0-0000-7000-8000-000000000001: no")),
            record("%s", ValueError("0195f2a0-0000-7000-8000-000000000002: no")),
            True,
        ),
        (record("%d waited", 3), record("%d waited", 4), True),
    ],
)
def test_what_is_the_same(one: logging.LogRecord, other: logging.LogRecord, is_same: bool) -> None:
    assert (kind_of(one) == kind_of(other)) is is_same


def test_some_lines_are_never_held_back(journal: Journal) -> None:
    for level in (logging.DEBUG, logging.CRITICAL):
        for _ in range(100):
            journal.say("the same", level=level)
    assert len(journal.lines) == 200


def test_memory_is_bounded_and_nothing_is_lost_by_that(journal: Journal) -> None:
    for number in range(3 * MAX_KINDS):
        for _ in range(7):
            journal.say("%s: gone", f"camera{number}")
    journal.tell()
    assert len(journal.repeats._stretches) <= MAX_KINDS
    journal.lines += [line.getMessage() for line in journal.repeats.close(journal.now)]
    assert sum("and 2 more" in line for line in journal.lines) == 3 * MAX_KINDS


@pytest.fixture
def log() -> Iterator[tuple[logging.Logger, LimitedHandler, io.StringIO]]:
    written = io.StringIO()
    handler = LimitedHandler(written)
    logger = logging.getLogger("edge.test")
    logger.addHandler(handler)
    yield logger, handler, written
    logger.removeHandler(handler)
    handler.close()


def test_the_number_comes_when_the_time_is_over(
    log: tuple[logging.Logger, LimitedHandler, io.StringIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    logger, handler, written = log
    monkeypatch.setattr(log_repeats, "WINDOW_S", 0.2)
    hide_in_log(["hunter2"])
    for _ in range(50):
        logger.warning("rtsp://user:hunter2@host cannot be opened")

    def is_told() -> bool:
        handler.tell()
        return "more like this" in written.getvalue()

    wait_until(is_told, "the number is told")
    assert "hunter2" not in written.getvalue()
    hide_in_log([])


def test_a_secret_is_masked_before_a_line_is_cut(
    log: tuple[logging.Logger, LimitedHandler, io.StringIO],
) -> None:
    logger, handler, written = log
    line = "rtsp://user:hunter2@host: " + "x" * (log_repeats.MAX_SHOWN_CHARS - 40)
    for _ in range(10):
        logger.warning("%s rtsp://user:swordfish@other", line)
    handler.close()
    assert "... and 5 more like this" in written.getvalue()
    for part in ("hunter", "user:", "sword"):
        assert part not in written.getvalue()


def test_a_line_whose_arguments_do_not_fit_is_written_without_them(
    log: tuple[logging.Logger, LimitedHandler, io.StringIO],
) -> None:
    logger, handler, written = log
    for text in ("%d of %s", "%(x)s"):
        logger.error(text, "few")
    handler.tell()
    first, second = written.getvalue().splitlines()
    assert first.startswith("%d of %s (")
    assert second.startswith("%(x)s (")


def test_the_number_comes_at_the_end() -> None:
    code = (
        "import logging; from edge.logs import start_logging; start_logging('INFO')\n"
        "for n in range(1000): logging.getLogger('edge').error('%s: gone %d', 'porch', n)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    lines = done.stderr.splitlines()
    assert len(lines) == 6
    assert lines[-1].endswith("porch: gone 999 ... and 995 more like this in the last 1 min")
