"""States as plain JSON: what comes back is what was written, and bad data is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from edge.rules.memory import (
    MAX_SERIES,
    Memory,
    SavedMemory,
    Snapshot,
    export_memory,
    export_snapshot,
    parse_memory,
    parse_snapshot,
)
from edge.rules.state import Moment, RuleState
from tests.support.rules import MONO_S, START, moment

ON = Memory(
    RuleState("on", START, num_no=2, alerted_mono_s=MONO_S + 1, judged_mono_s=MONO_S + 9),
    answer="yes",
    probability=0.75,
    verdict="yes",
    moved_by="0190-id",
    asked_mono_s=MONO_S + 9,
)
PENDING = Memory(RuleState("off", START, num_yes=1, holds_since=moment(4)))
NEVER_ASKED = Memory()


def kept(memory: Memory) -> Memory:
    """The memory without what a restart forgets."""
    return replace(memory, state=replace(memory.state, judged_mono_s=None), asked_mono_s=None)


@pytest.mark.parametrize("memory", [ON, PENDING, NEVER_ASKED], ids=["on", "pending", "new"])
def test_identity_through_json(memory: Memory) -> None:
    written = json.loads(json.dumps(export_memory(memory)))
    assert parse_memory(written, 0.0, MONO_S + 10) == kept(memory)


def test_monotonic_times_are_moved() -> None:
    moved = parse_memory(export_memory(ON), -4000.0, 5000.0)
    assert moved.state.alerted_mono_s == MONO_S + 1 - 4000
    pending = parse_memory(export_memory(PENDING), -4000.0, 5000.0).state.holds_since
    assert pending == Moment(MONO_S + 4 - 4000, moment(4).utc)


def test_monotonic_times_never_lie_ahead() -> None:
    state = parse_memory(export_memory(ON), 1e9, 70.0).state
    assert state.alerted_mono_s == 70.0
    holds = parse_memory(export_memory(PENDING), 1e9, 70.0).state.holds_since
    assert holds is not None
    assert holds.mono_s == 70.0


@pytest.mark.parametrize(
    ("now_after", "mono_s", "shift_s"),
    [
        (timedelta(minutes=5), MONO_S + 300, 0.0),  # the process alone was restarted
        (timedelta(minutes=5), 20.0, 20.0 - MONO_S - 300),  # the machine was
        (timedelta(0), MONO_S, 0.0),
        (timedelta(days=-3), 20.0, 20.0 - MONO_S),  # the wall clock went back: no time has passed
        (timedelta(days=50 * 365), 20.0, 20.0 - MONO_S),  # nor where it is fifty years ahead
    ],
    ids=["process restart", "reboot", "at once", "wall clock went back", "wall clock is wrong"],
)
def test_durations_go_on_from_the_wall_time_passed(
    now_after: timedelta, mono_s: float, shift_s: float
) -> None:
    saved = export_snapshot(Snapshot(moment(0), (SavedMemory("parcel", "porch", "m", kept(ON)),)))
    back = parse_snapshot(json.loads(json.dumps(saved)), Moment(mono_s, START + now_after))
    (entry,) = back.entries
    assert (back.saved, entry.rule, entry.camera, entry.meaning) == (
        moment(0),
        "parcel",
        "porch",
        "m",
    )
    expected = min(MONO_S + 1 + shift_s, mono_s)
    assert entry.memory == replace(
        kept(ON), state=replace(kept(ON).state, alerted_mono_s=pytest.approx(expected))
    )


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("state", "maybe", "expected one of on, off, unknown, not 'maybe'"),
        ("state", ["on"], "expected one of"),
        ("state", None, "expected one of"),
        ("since", "2025-06-02", "expected a UTC time"),
        ("since", "2025-06-02T10:00:00", "expected a UTC time"),
        ("since", "2025-06-02T10:00:00+02:00", "expected a UTC time"),
        ("since", "yesterday", "Invalid isoformat"),
        ("since", 5, "expected a UTC time"),
        ("since", None, "contradicts itself"),
        ("num_yes", 1, "contradicts itself"),
        ("num_yes", -1, "expected a whole number"),
        ("num_yes", 0.5, "expected a whole number"),
        ("num_yes", True, "expected a whole number"),
        ("num_yes", None, "expected a whole number"),
        ("num_no", MAX_SERIES + 1, "expected a whole number"),
        ("holds_since", 5, "expected an object, not 5"),
        ("holds_since", {}, "expected a number, not None"),
        ("holds_since", {"mono_s": 1, "utc": "x"}, "Invalid isoformat"),
        ("alerted_mono_s", "5", "expected a number, not '5'"),
        ("alerted_mono_s", True, "expected a number"),
        ("alerted_mono_s", float("nan"), "expected a number"),
        ("answer", None, "expected a text"),
        ("answer", "x" * 2001, "expected a text of at most 2000"),
        ("probability", 1.5, "expected a number from 0 to 1"),
        ("probability", "1", "expected a number"),
        ("verdict", "perhaps", "expected one of yes, no, unsure"),
        ("moved_by", 5, "expected a text"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_bad_memories_are_refused(field: str, value: object, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_memory({**export_memory(ON), field: value}, 0.0, MONO_S)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (None, "expected an object"),
        ([], "expected an object"),
        ({"schema": "edge.rule_states/2"}, "expected edge.rule_states/1"),
        ({"saved": None}, "expected an object"),
        ({"saved": {"mono_s": "1", "utc": START.isoformat()}}, "expected a number"),
        ({"states": {}}, "expected a list of states"),
        ({"states": ["x"]}, "expected an object"),
        ({"states": [{}]}, "expected a text"),
        ({"states": [{"rule": ["a"], "camera": "b", "meaning": "c"}]}, "expected a text"),
        ({"states": [{"rule": "a", "camera": "b", "meaning": "c"}]}, "expected one of"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_bad_snapshots_are_refused(change: object, says: str) -> None:
    good = export_snapshot(Snapshot(moment(0), ()))
    assert parse_snapshot(good, moment(1)).entries == ()
    bad = {**good, **change} if isinstance(change, dict) else change
    with pytest.raises(ValueError, match=says):
        parse_snapshot(bad, moment(1))
