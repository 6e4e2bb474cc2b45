"""Log lines that say the same again and again: the first are written, the rest are counted.

A camera that comes and goes all night must not fill the journal and hide what else happened; nor
must anything be left out silently, so each stretch ends in a line with the number. Pure but for the
caller's clock; logs.py puts it before the log's handler.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

WINDOW_S = 600.0
MAX_WARNINGS = 5  # of one kind, errors among them, written before the rest of a window is counted
MAX_NOTES = 10  # the same for what is no trouble
MAX_KINDS = 500  # messages that differ, remembered at once
MAX_SHOWN_CHARS = 300
MAX_KEPT_CHARS = 4000  # of which so many are shown: no secret is cut in two before it is masked

# Numbers and ids differ from line to line; those that are part of a name tell things apart.
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_NUMBER = re.compile(r"(?<![A-Za-z0-9_-])[-+]?[0-9][0-9.,:]*", re.ASCII)

Kind = tuple[str, int, str, str]


@dataclass(slots=True)
class _Stretch:
    """One kind of message, since it was first seen. No record is kept: it may hold pictures."""

    began_mono_s: float
    num_allowed: int
    shown: str = ""  # the last of them
    num_written: int = 0
    num_held: int = 0


class Repeats:
    """Which records are written, and the summaries of those that were not. Not thread-safe.

    `mask` takes secrets out of a text before it is cut to what a summary shows.
    """

    def __init__(self, mask: Callable[[str], str] = str) -> None:
        self._mask = mask
        self._stretches: dict[Kind, _Stretch] = {}  # in the order in which they began

    def admit(self, record: logging.LogRecord, now_mono_s: float) -> bool:
        """Whether a record is to be written. Ask `summaries` before."""
        if record.levelno < logging.INFO or record.levelno >= logging.CRITICAL:
            return True
        kind = kind_of(record)
        stretch = self._stretches.get(kind)
        if stretch is None:
            allowed = MAX_WARNINGS if record.levelno >= logging.WARNING else MAX_NOTES
            stretch = self._stretches[kind] = _Stretch(now_mono_s, allowed)
        stretch.shown = record.getMessage().partition("\n")[0][:MAX_KEPT_CHARS]
        if stretch.num_written < stretch.num_allowed:
            stretch.num_written += 1
            return True
        stretch.num_held += 1
        return False

    def summaries(self, now_mono_s: float) -> Iterator[logging.LogRecord]:
        """The lines for the stretches that are over by now; what goes on has but one line more."""
        over = [
            (kind, stretch)
            for number, (kind, stretch) in enumerate(self._stretches.items())
            if now_mono_s - stretch.began_mono_s >= WINDOW_S
            or len(self._stretches) - number > MAX_KINDS
        ]
        for kind, stretch in over:
            del self._stretches[kind]
            if stretch.num_held:
                self._stretches[kind] = _Stretch(now_mono_s, num_allowed=1)
                yield self._summary(kind, stretch, now_mono_s)

    def close(self, now_mono_s: float) -> Iterator[logging.LogRecord]:
        """The lines for all that was held back: nothing comes after."""
        for kind, stretch in self._stretches.items():
            if stretch.num_held:
                yield self._summary(kind, stretch, now_mono_s)
        self._stretches.clear()

    def _summary(self, kind: Kind, stretch: _Stretch, now_mono_s: float) -> logging.LogRecord:
        name, level, *_ = kind
        minutes = max(1, round((now_mono_s - stretch.began_mono_s) / 60))
        text = "%s ... and %d more like this in the last %d min"
        arguments = (self._mask(stretch.shown)[:MAX_SHOWN_CHARS], stretch.num_held, minutes)
        return logging.LogRecord(name, level, __file__, 0, text, arguments, None)


def kind_of(record: logging.LogRecord) -> Kind:
    """What makes two records the same: who says it, how gravely, about what or whom, which words.

    A line about a camera has its name as the first argument; numbers may differ.
    """
    arguments = record.args if isinstance(record.args, tuple) else ()
    about = arguments[0] if arguments and isinstance(arguments[0], str) else ""
    words = _NUMBER.sub("#", _ID.sub("#", record.getMessage()[:1000]))
    return record.name, record.levelno, _ID.sub("#", about)[:100], words
