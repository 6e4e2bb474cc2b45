"""Log lines: one line an event, on stderr, secrets taken out, repetitions counted.

Under systemd (JOURNAL_STREAM is set) a line begins with its syslog priority and has no time,
because the journal keeps both. Called by `cli` in the main process and by each child's body.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Iterable
from typing import TextIO

from edge.log_repeats import Repeats
from edge.redact import RedactFilter, redact_text

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

    The number is told ten minutes after the first, with whatever is said next or when
    `tell_repeats` is called, and at the end of the process.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._repeats = Repeats(_mask)

    def emit(self, record: logging.LogRecord) -> None:
        """Called by logging, under the handler's lock. Never raises: a line whose arguments do not
        fit, as some library's, is written without them.
        """
        now = time.monotonic()
        self._write(self._repeats.summaries(now))
        try:
            record.getMessage()
        except (TypeError, ValueError, LookupError) as error:
            record.msg, record.args = f"{record.msg} ({error})", ()
        if self._repeats.admit(record, now):
            self._write([record])

    def tell(self) -> None:
        """Tell the numbers that are due."""
        self.acquire()
        try:
            self._write(self._repeats.summaries(time.monotonic()))
        finally:
            self.release()

    def close(self) -> None:
        """Tell what was held back, and end."""
        self.acquire()
        try:
            self._write(self._repeats.close(time.monotonic()))
        finally:
            self.release()
        super().close()

    def _write(self, records: Iterable[logging.LogRecord]) -> None:
        for record in records:
            _redact.filter(record)
            super().emit(record)


def _mask(text: str) -> str:
    return redact_text(text, _redact.secrets)


def tell_repeats() -> None:
    """Have the log tell the numbers that are due; to be called now and then by what runs for long.

    A thread that does it by itself would be one more in each process.
    """
    for handler in logging.getLogger().handlers:
        if isinstance(handler, LimitedHandler):
            handler.tell()


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
