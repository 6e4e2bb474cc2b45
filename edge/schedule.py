"""Schedule: the local days and hours in which a rule is asked, as a text a person writes.

Knows neither the clock nor the time zone: whoever asks brings the local time. The configuration
parses schedules, rules consult them.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field
from datetime import datetime

EXAMPLE = "'Mo-Fr 07:00-19:00, Sa 08:00-12:00'"

_DAY_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAYS = {name[:n]: day for day, name in enumerate(_DAY_NAMES) for n in (2, 3, len(name))} | {
    "tues": 1,
    "thur": 3,
    "thurs": 3,
}
_ALL_DAYS = frozenset(range(7))
_GROUPS = {
    "daily": _ALL_DAYS,
    "weekdays": frozenset(range(5)),
    "weekend": frozenset({5, 6}),
    "weekends": frozenset({5, 6}),
}
_MIDNIGHT_MIN = 24 * 60
_HOURS = re.compile(r"(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Hours:
    """One stretch of a day: minutes since midnight, start included, end excluded.

    `day` 0 is Monday and is the day the stretch starts on. `end_min` <= `start_min` runs over
    midnight into the next day.
    """

    day: int
    start_min: int
    end_min: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a rule is asked. Two texts that mean the same stretches are equal."""

    text: str = field(compare=False)
    hours: tuple[Hours, ...]

    def is_active(self, local: datetime) -> bool:
        """Whether `local`, an aware time in the camera's own time zone, lies in the schedule.

        It is the wall clock that counts: when the clocks go back, the hour that comes twice is
        active twice, and the hour that is skipped in spring is never. Raises ValueError for a
        naive time.
        """
        if local.tzinfo is None:
            raise ValueError("a schedule needs a local time that knows its time zone")
        today, minute = local.weekday(), local.hour * 60 + local.minute
        yesterday = (today - 1) % 7
        for span in self.hours:
            over_midnight = span.end_min <= span.start_min
            if span.day == today and minute >= span.start_min:
                if over_midnight or minute < span.end_min:
                    return True
            elif over_midnight and span.day == yesterday and minute < span.end_min:
                return True
        return False


def parse_schedule(text: str) -> Schedule:
    """The schedule that `text` means.

    Entries are separated by commas: days (`Mo`, `Mon`, `Monday`, `Mo-Fr`, `daily`, `weekdays`,
    `weekend`), hours (`07:00-19:00`, `22:00-06:00` over midnight), or both. Hours hold for the days
    listed before them, more hours may follow (`Mo-Fr 08:00-12:00, 13:00-17:00`), days without hours
    are whole days, hours without days are every day. A semicolon ends a list of days, so that
    `Sa; Su 08:00-12:00` is all of Saturday. Raises ValueError with what is wrong and an example.
    """
    spans: set[Hours] = set()
    for part in text.replace("\N{EN DASH}", "-").split(";"):
        spans |= _part(part)
    return Schedule(text.strip(), tuple(sorted(spans)))


def _part(part: str) -> set[Hours]:
    """The stretches of one part without semicolons."""
    spans: set[Hours] = set()
    waiting: set[int] = set()  # days whose hours have not come yet
    current: frozenset[int] = _ALL_DAYS  # days that further hours hold for
    for entry in part.split(","):
        days, hours = _entry(entry)
        waiting |= days
        if hours is None:
            continue
        if waiting:
            current = frozenset(waiting)
            waiting = set()
        spans |= {Hours(day, *hours) for day in current}
    return spans | {Hours(day, 0, _MIDNIGHT_MIN) for day in waiting}


def _entry(entry: str) -> tuple[frozenset[int], tuple[int, int] | None]:
    """The days and the hours of one entry; at least one of the two is there."""
    words = re.sub(r"\s*-\s*", "-", entry.strip().casefold()).split()
    if not words:
        raise ValueError(f"the schedule has an empty entry; write for example {EXAMPLE}")
    days: frozenset[int] = frozenset()
    hours: tuple[int, int] | None = None
    for word in words:
        if hours is not None:
            raise ValueError(
                f"{word!r} follows the hours in {entry.strip()!r}; "
                f"separate entries with commas, as in {EXAMPLE}"
            )
        if word[0].isdigit():
            hours = _hours(word)
        else:
            days |= _days(word)
    return days, hours


def _hours(word: str) -> tuple[int, int]:
    match = _HOURS.fullmatch(word)
    if match is None:
        raise ValueError(
            f"{word!r} is not a span of hours; write it as 07:00-19:00 (24-hour clock), "
            f"for example {EXAMPLE}"
        )
    start_h, start_m, end_h, end_m = (int(number) for number in match.groups())
    start_min, end_min = start_h * 60 + start_m, end_h * 60 + end_m
    if max(start_m, end_m) > 59 or start_min >= _MIDNIGHT_MIN or end_min > _MIDNIGHT_MIN:
        raise ValueError(
            f"{word!r} holds a time that does not exist; hours go from 00:00 to 24:00, "
            f"for example {EXAMPLE}"
        )
    if start_min == end_min:
        raise ValueError(
            f"{word!r} starts and ends at the same time; "
            "write 00:00-24:00, or the days alone, for whole days"
        )
    return start_min, end_min


def _days(word: str) -> frozenset[int]:
    if word in _GROUPS:
        return _GROUPS[word]
    first, dash, last = word.partition("-")
    start = _day(first)
    if not dash:
        return frozenset({start})
    return frozenset((start + n) % 7 for n in range((_day(last) - start) % 7 + 1))


def _day(name: str) -> int:
    if name not in _DAYS:
        near = difflib.get_close_matches(name, [*_DAYS, *_GROUPS], n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ValueError(
            f"{name!r} is not a day; {hint}days are Mo Tu We Th Fr Sa Su, "
            f"daily, weekdays or weekend, for example {EXAMPLE}"
        )
    return _DAYS[name]
