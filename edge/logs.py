"""Log lines: one line an event, on stderr, secrets taken out, repetitions counted.

Under systemd (JOURNAL_STREAM is set) a line begins with its syslog priority and has no time,
because the journal keeps both. Called by `cli` in the main process and by each child's body.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Iterable
from typing import TextIO

from edge.log_repeats import Repeats
from edge.redact import RedactFilter

_PRIORITIES = {
    logging.DEBUG: 7,
    logging.INFO: 6,
    logging.WARNING: 4,
    logging.ERROR: 3,
    logging.CRITICAL: 2,
}


_redact = RedactFilter()


class _JournalFormatter(logging.Formatter):
    """`<priority>message`, every line of a traceback prefixed alike (sd-daemon(3))."""

    def format(self, record: logging.LogRecord) -> str:
        prefix = f"<{_PRIORITIES.get(record.levelno, 6)}>"
        return "\n".join(prefix + line for line in super().format(record).splitlines())


class LimitedHandler(logging.StreamHandler[TextIO]):
    """Writes to a stream; holds back what says the same again, and tells how often it did.

    The number is told when ten minutes are over, by a thread of its own if nothing else is said
    then, and at the end of the process.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._repeats = Repeats()
        self._timer: threading.Timer | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Called by logging, under the handler's lock."""
        now = time.monotonic()
        self._tell(now)
        if self._repeats.admit(record, now):
            self._write(record)
        else:
            self._wake_when_due(now)

    def close(self) -> None:
        """Tell what was held back, and end."""
        self.acquire()
        try:
            if self._timer is not None:
                self._timer.cancel()
            for summary in self._repeats.close(time.monotonic()):
                self._write(summary)
        finally:
            self.release()
        super().close()

    def _on_time(self) -> None:
        """Body of the timer's thread."""
        self.acquire()
        try:
            self._timer = None
            now = time.monotonic()
            self._tell(now)
            self._wake_when_due(now)
        finally:
            self.release()

    def _wake_when_due(self, now_mono_s: float) -> None:
        due_mono_s = self._repeats.next_due_mono_s
        if self._timer is None and due_mono_s is not None:
            self._timer = threading.Timer(max(0.0, due_mono_s - now_mono_s), self._on_time)
            self._timer.name, self._timer.daemon = "log-repeats", True
            self._timer.start()

    def _tell(self, now_mono_s: float) -> None:
        for summary in self._repeats.summaries(now_mono_s):
            self._write(summary)

    def _write(self, record: logging.LogRecord) -> None:
        _redact.filter(record)
        super().emit(record)


def hide_in_log(secrets: Iterable[str]) -> None:
    """Mask these texts in every line from now on, beside the passwords in URLs."""
    _redact.secrets = tuple(secrets)


def start_logging(level: str, secrets: Iterable[str] = ()) -> None:
    """Send this process's log to stderr from now on. `level` is a name such as "INFO"."""
    hide_in_log(secrets)
    stream = LimitedHandler(sys.stderr)
    if os.environ.get("JOURNAL_STREAM"):
        stream.setFormatter(_JournalFormatter("%(message)s"))
    else:
        stream.setFormatter(
            logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", "%Y-%m-%d %H:%M:%S")
        )
    logging.basicConfig(level=level, handlers=[stream], force=True)
    logging.captureWarnings(capture=True)


def set_log_level(level: str) -> None:
    """Log from this level up from now on."""
    logging.getLogger().setLevel(level)
