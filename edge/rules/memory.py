"""Memory: what is kept of one rule on one camera, and how it survives a restart as plain JSON.

Knows nothing of files; the book writes and reads the snapshot, the daemon stores it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, cast, get_args

from edge.findings import StateWord, VerdictWord
from edge.questions import MAX_TEXT_CHARS
from edge.rules.state import Moment, RuleState

MAX_SERIES = 1_000_000  # answers in a row; more cannot come from a configuration
MAX_NAME_CHARS = 200
MAX_PAUSE_S = 366 * 86_400.0  # no box is off for longer and then asked what held before
SNAPSHOT_SCHEMA: Final = "edge.rule_states/1"

_UNKNOWN = RuleState()


@dataclass(frozen=True, slots=True)
class Memory:
    """A rule's state on one camera, and the last answer behind it.

    `moved_by` is the id of the finding that last moved the state, "" if none did.
    `asked_mono_s` is the last keyframe that the rule was asked about.
    """

    state: RuleState = _UNKNOWN
    answer: str = ""
    probability: float | None = None
    verdict: VerdictWord | None = None
    moved_by: str = ""
    asked_mono_s: float | None = None


@dataclass(frozen=True, slots=True)
class SavedMemory:
    """One entry of a snapshot: whose memory, and what the rule meant when it was saved."""

    rule: str
    camera: str
    meaning: str
    memory: Memory


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All memories at one moment."""

    saved: Moment
    entries: tuple[SavedMemory, ...]


def export_snapshot(snapshot: Snapshot) -> dict[str, object]:
    """The snapshot as plain JSON."""
    return {
        "schema": SNAPSHOT_SCHEMA,
        "saved": _export_moment(snapshot.saved),
        "states": [
            {
                "rule": entry.rule,
                "camera": entry.camera,
                "meaning": entry.meaning,
                **export_memory(entry.memory),
            }
            for entry in snapshot.entries
        ],
    }


def parse_snapshot(value: object, at: Moment) -> Snapshot:
    """The snapshot that `export_snapshot` wrote, as seen from `at`.

    Its monotonic times are moved so that durations go on from the wall time that has passed since,
    never less than none; a pause that is too long to be true counts as none (the clock is wrong).
    Raises ValueError for anything that `export_snapshot` cannot have written.
    """
    fields = _mapping(value)
    if fields.get("schema") != SNAPSHOT_SCHEMA:
        raise ValueError(f"expected {SNAPSHOT_SCHEMA}, not {_shown(fields.get('schema'))}")
    saved, states = _parse_moment(fields.get("saved")), fields.get("states")
    elapsed_s = (at.utc - saved.utc).total_seconds()
    if not 0 <= elapsed_s <= MAX_PAUSE_S:
        elapsed_s = 0.0
    shift_s = at.mono_s - saved.mono_s - elapsed_s
    entries = [_mapping(entry) for entry in states] if isinstance(states, list) else None
    if entries is None:
        raise ValueError(f"expected a list of states, not {_shown(states)}")
    return Snapshot(
        saved,
        tuple(
            SavedMemory(
                rule=_text(entry.get("rule"), MAX_NAME_CHARS),
                camera=_text(entry.get("camera"), MAX_NAME_CHARS),
                meaning=_text(entry.get("meaning"), MAX_NAME_CHARS),
                memory=parse_memory(entry, shift_s, at.mono_s),
            )
            for entry in entries
        ),
    )


def export_memory(memory: Memory) -> dict[str, object]:
    """The memory as plain JSON.

    Leaves out when the rule was last asked and judged: after a restart it may be asked at once, and
    no older keyframe can come in.
    """
    state = memory.state
    return {
        "state": state.word,
        "since": None if state.since is None else state.since.isoformat(),
        "num_yes": state.num_yes,
        "num_no": state.num_no,
        "holds_since": None if state.holds_since is None else _export_moment(state.holds_since),
        "alerted_mono_s": state.alerted_mono_s,
        "answer": memory.answer,
        "probability": memory.probability,
        "verdict": memory.verdict,
        "moved_by": memory.moved_by,
    }


def parse_memory(value: object, shift_s: float, now_mono_s: float) -> Memory:
    """The memory that `export_memory` wrote, with its monotonic times moved by `shift_s`.

    None of them comes to lie after `now_mono_s`, so that bad data cannot hold back an alert for
    ever. Raises ValueError for anything that `export_memory` cannot have written.
    """
    fields = _mapping(value)
    holds = fields.get("holds_since")
    if holds is not None:
        saved = _parse_moment(holds)
        holds = Moment(min(saved.mono_s + shift_s, now_mono_s), saved.utc)
    alerted = fields.get("alerted_mono_s")
    if alerted is not None:
        alerted = min(_number(alerted) + shift_s, now_mono_s)
    since, probability, verdict = fields.get("since"), fields.get("probability"), None
    if fields.get("verdict") is not None:
        verdict = cast("VerdictWord", _one_of(fields["verdict"], get_args(VerdictWord)))
    return Memory(
        state=RuleState(
            word=cast("StateWord", _one_of(fields.get("state"), get_args(StateWord))),
            since=None if since is None else _utc(since),
            num_yes=_whole(fields.get("num_yes")),
            num_no=_whole(fields.get("num_no")),
            holds_since=holds,
            alerted_mono_s=alerted,
        ),
        answer=_text(fields.get("answer"), MAX_TEXT_CHARS),
        probability=None if probability is None else _fraction(probability),
        verdict=verdict,
        moved_by=_text(fields.get("moved_by"), MAX_NAME_CHARS),
    )


def _export_moment(moment: Moment) -> dict[str, object]:
    return {"mono_s": moment.mono_s, "utc": moment.utc.isoformat()}


def _parse_moment(value: object) -> Moment:
    fields = _mapping(value)
    return Moment(_number(fields.get("mono_s")), _utc(fields.get("utc")))


def _mapping(value: object) -> Mapping[str, object]:
    if isinstance(value, Mapping):
        return value
    raise ValueError(f"expected an object, not {_shown(value)}")


def _one_of(value: object, words: tuple[str, ...]) -> str:
    if isinstance(value, str) and value in words:
        return value
    raise ValueError(f"expected one of {', '.join(words)}, not {_shown(value)}")


def _text(value: object, max_chars: int) -> str:
    if isinstance(value, str) and len(value) <= max_chars:
        return value
    raise ValueError(f"expected a text of at most {max_chars} characters, not {_shown(value)}")


def _number(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    raise ValueError(f"expected a number, not {_shown(value)}")


def _fraction(value: object) -> float:
    if 0 <= (number := _number(value)) <= 1:
        return number
    raise ValueError(f"expected a number from 0 to 1, not {_shown(value)}")


def _whole(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_SERIES:
        return value
    raise ValueError(f"expected a whole number of 0 to {MAX_SERIES}, not {_shown(value)}")


def _utc(value: object) -> datetime:
    if isinstance(value, str):
        time = datetime.fromisoformat(value)  # raises ValueError itself
        if time.utcoffset() is not None and not time.utcoffset():
            return time
    raise ValueError(f"expected a UTC time, not {_shown(value)}")


def _shown(value: object) -> str:
    return repr(value)[:60]
