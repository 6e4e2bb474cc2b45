"""Schedules: every way of writing one, and when they are active."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.schedule import Hours, parse_schedule

BERLIN = ZoneInfo("Europe/Berlin")
DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
WEEK = set(range(7))
WORK = {0, 1, 2, 3, 4}


def spans(days: set[int], start_h: float, end_h: float) -> set[Hours]:
    return {Hours(day, int(start_h * 60), int(end_h * 60)) for day in days}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mo-Fr 07:00-19:00", spans(WORK, 7, 19)),
        ("Mo-Fr 07:00-19:00, Sa 08:00-12:00", spans(WORK, 7, 19) | spans({5}, 8, 12)),
        ("22:00-06:00", spans(WEEK, 22, 6)),
        ("Sa,Su", spans({5, 6}, 0, 24)),
        ("daily 08:00-20:00", spans(WEEK, 8, 20)),
        ("daily", spans(WEEK, 0, 24)),
        ("weekdays 08:00-20:00", spans(WORK, 8, 20)),
        ("weekend", spans({5, 6}, 0, 24)),
        ("MON-FRI 7:30-19:00", spans(WORK, 7.5, 19)),
        ("monday - friday 07:00 - 19:00", spans(WORK, 7, 19)),
        ("Mo\u2013Fr 07:00\u201319:00", spans(WORK, 7, 19)),
        ("Tues, Thurs 09:00-10:00", spans({1, 3}, 9, 10)),
        ("Mo We Fr 09:00-10:00", spans({0, 2, 4}, 9, 10)),
        ("Fr-Mo", spans({4, 5, 6, 0}, 0, 24)),
        ("Su-Su", spans({6}, 0, 24)),
        ("Sa,Su 08:00-12:00", spans({5, 6}, 8, 12)),
        ("Sa; Su 08:00-12:00", spans({5}, 0, 24) | spans({6}, 8, 12)),
        ("Mo-Fr 08:00-12:00, 13:00-17:00", spans(WORK, 8, 12) | spans(WORK, 13, 17)),
        ("Mo-Fr 08:00-12:00; 20:00-21:00", spans(WORK, 8, 12) | spans(WEEK, 20, 21)),
        ("Mo-Fr 07:00-19:00, Sa", spans(WORK, 7, 19) | spans({5}, 0, 24)),
        ("Mo 18:00-00:00", spans({0}, 18, 0)),
        ("Mo 18:00-24:00", spans({0}, 18, 24)),
        ("Mo, Mo 08:00-09:00, Mo 08:00-09:00", spans({0}, 8, 9)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_parse(text: str, expected: set[Hours]) -> None:
    assert set(parse_schedule(text).hours) == expected


@pytest.mark.parametrize("day", range(7))
def test_every_name_of_a_day(day: int) -> None:
    full = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")[day]
    for name in (full, full[:3], full[:2]):
        for written in (name, name.lower(), name.upper()):
            assert set(parse_schedule(written).hours) == spans({day}, 0, 24)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty entry"),
        ("  ", "empty entry"),
        ("Mo-Fr 07:00-19:00,", "empty entry"),
        (";", "empty entry"),
        ("Mondy", "did you mean 'monday'"),
        ("Mo-Xx", "'xx' is not a day"),
        ("Mo- 08:00-12:00", "'08:00-12:00' is not a day"),
        ("Montag 08:00-12:00", "'montag' is not a day"),
        ("8-12", "'8-12' is not a span of hours"),
        ("8am-5pm", "'8am-5pm' is not a span of hours"),
        ("08:00", "'08:00' is not a span of hours"),
        ("08:00-12:00 Mo", "'mo' follows the hours"),
        ("08:00-12:00 13:00-17:00", "separate entries with commas"),
        ("25:00-26:00", "does not exist"),
        ("24:00-06:00", "does not exist"),
        ("08:00-24:01", "does not exist"),
        ("08:60-09:00", "does not exist"),
        ("08:00-08:00", "starts and ends at the same time"),
        ("8\u0663:00-09:00", "is not a span of hours"),
    ],
    ids=lambda value: value or "nothing",
)
def test_refusal_says_what_is_wrong_and_how_to_write_it(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says) as refusal:
        parse_schedule(text)
    assert "Mo-Fr 07:00-19:00" in str(refusal.value) or "write 00:00-24:00" in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "local", "active"),
    [
        ("Mo-Fr 07:00-19:00", "Mo 06:59", False),
        ("Mo-Fr 07:00-19:00", "Mo 07:00", True),
        ("Mo-Fr 07:00-19:00", "Fr 18:59", True),
        ("Mo-Fr 07:00-19:00", "Fr 19:00", False),
        ("Mo-Fr 07:00-19:00", "Sa 12:00", False),
        ("22:00-06:00", "Mo 21:59", False),
        ("22:00-06:00", "Mo 22:00", True),
        ("22:00-06:00", "Tu 05:59", True),
        ("22:00-06:00", "Tu 06:00", False),
        ("Fr 22:00-06:00", "Fr 05:00", False),
        ("Fr 22:00-06:00", "Fr 23:00", True),
        ("Fr 22:00-06:00", "Sa 05:00", True),
        ("Fr 22:00-06:00", "Sa 23:00", False),
        ("Su 22:00-06:00", "Mo 05:00", True),
        ("Su 22:00-06:00", "Su 05:00", False),
        ("Sa,Su", "Sa 00:00", True),
        ("Sa,Su", "Su 23:59", True),
        ("Sa,Su", "Mo 00:00", False),
        ("Sa,Su", "Fr 23:59", False),
        ("Mo 18:00-00:00", "Mo 23:59", True),
        ("Mo 18:00-00:00", "Tu 00:00", False),
        ("Mo 12:00-11:00, Tu 20:00-21:00", "Tu 10:59", True),
        ("Mo 12:00-11:00, Tu 20:00-21:00", "Tu 11:00", False),
        ("Mo 12:00-11:00, Tu 20:00-21:00", "Mo 11:30", False),
    ],
    ids=str,
)
def test_is_active(text: str, local: str, active: bool) -> None:
    day, clock = local.split()
    monday = datetime(2025, 6, 2, tzinfo=BERLIN)
    hour, minute = clock.split(":")
    moment = monday.replace(day=2 + DAYS.index(day), hour=int(hour), minute=int(minute), second=30)
    assert parse_schedule(text).is_active(moment) is active


@pytest.mark.parametrize(
    ("utc", "active"),
    [
        # The night of 30 March 2025: 01:59 CET is followed by 03:00 CEST.
        ("2025-03-30T00:59", False),  # 01:59 CET
        ("2025-03-30T01:00", False),  # 03:00 CEST: the hour 02 does not exist
        # The night of 26 October 2025: 02:59 CEST is followed by 02:00 CET.
        ("2025-10-25T23:59", False),  # 01:59 CEST
        ("2025-10-26T00:00", True),  # 02:00 CEST
        ("2025-10-26T01:59", True),  # 02:59 CET, the hour's second time
        ("2025-10-26T02:00", False),  # 03:00 CET
    ],
)
def test_clock_changes_follow_the_wall_clock(utc: str, active: bool) -> None:
    local = datetime.fromisoformat(utc).replace(tzinfo=UTC).astimezone(BERLIN)
    assert parse_schedule("02:00-03:00").is_active(local) is active


def test_over_midnight_across_a_clock_change() -> None:
    schedule = parse_schedule("Sa 22:00-06:00")
    start = datetime(2025, 3, 29, 21, tzinfo=UTC)  # Saturday 22:00 CET
    active = [
        schedule.is_active((start + timedelta(minutes=minutes)).astimezone(BERLIN))
        for minutes in range(-1, 8 * 60)
    ]
    assert not active[0]
    assert all(active[1 : 7 * 60 + 1])  # only seven hours long in that night
    assert not any(active[7 * 60 + 1 :])


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        parse_schedule("daily").is_active(datetime(2025, 6, 2))  # noqa: DTZ001


def test_equality_is_by_meaning() -> None:
    assert parse_schedule("Mo-Fr 07:00-19:00") == parse_schedule("weekdays 7:00-19:00")
    assert parse_schedule("Sa") != parse_schedule("Su")


@given(st.text(alphabet="MoTuWeFrSa 0123456789:-,;\u0662", max_size=40))
def test_any_text_is_a_schedule_or_a_value_error(text: str) -> None:
    try:
        schedule = parse_schedule(text)
    except ValueError:
        return
    week = [datetime(2025, 6, 2, tzinfo=UTC) + timedelta(minutes=30 * n) for n in range(336)]
    minutes = [(m.weekday(), m.hour * 60 + m.minute) for m in week]
    expected = [_reference(set(schedule.hours), *at) for at in minutes]
    assert [schedule.is_active(moment) for moment in week] == expected


def _reference(hours: set[Hours], weekday: int, minute: int) -> bool:
    """The same, worked out on a line of minutes since Monday's midnight."""
    now = weekday * 1440 + minute
    for span in hours:
        start = span.day * 1440 + span.start_min
        length = (span.end_min - span.start_min) % 1440 or 1440
        if (now - start) % (7 * 1440) < length:
            return True
    return False
