"""Log lines: one line an event, on stderr, secrets taken out.

Under systemd (JOURNAL_STREAM is set) a line begins with its syslog priority and has no time,
because the journal keeps both. Called by `cli` in the main process and by each child's body.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterable

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


def hide_in_log(secrets: Iterable[str]) -> None:
    """Mask these texts in every line from now on, beside the passwords in URLs."""
    _redact.secrets = tuple(secrets)


def start_logging(level: str, secrets: Iterable[str] = ()) -> None:
    """Send this process's log to stderr from now on. `level` is a name such as "INFO"."""
    hide_in_log(secrets)
    stream = logging.StreamHandler(sys.stderr)
    if os.environ.get("JOURNAL_STREAM"):
        stream.setFormatter(_JournalFormatter("%(message)s"))
    else:
        stream.setFormatter(
            logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", "%Y-%m-%d %H:%M:%S")
        )
    stream.addFilter(_redact)
    logging.basicConfig(level=level, handlers=[stream], force=True)
    logging.captureWarnings(capture=True)


def set_log_level(level: str) -> None:
    """Log from this level up from now on."""
    logging.getLogger().setLevel(level)
