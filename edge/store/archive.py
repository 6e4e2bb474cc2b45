"""Archive: findings and snapshots for those who look at them, by a connection of its own.

A search may take seconds; through the store's own reader it would hold up the daemon's main thread.
Knows nothing of who asks. Opened with `Store.open_archive`.
"""

from __future__ import annotations

import logging
import re
import sqlite3
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from edge.errors import QuestionError, SnapshotMissing, TooBusy
from edge.findings import Finding
from edge.search import FindingPage, FindingQuery
from edge.store.faults import translated
from edge.store.opening import open_reader
from edge.store.snapshots import SnapshotFolder

_log = logging.getLogger(__name__)

SEARCH_S = 5.0  # a word that is in each of 100,000 findings takes 0.3 s (2 cores, SSD)
_STEPS = 20_000  # of SQLite's machine between two looks at the clock, about a millisecond
_TRIGRAM = 3  # characters; the index knows no shorter pieces
_NEWEST = 20  # findings whose snapshots are tried; the disk may have been too slow for the last

_CURSOR = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,17})?)-([0-9]{1,18})", re.ASCII)


class Archive:
    """Reads; any thread may call any method, one search runs at a time.

    Raises StoreError where the disk or the database fails, TooBusy for a search that takes longer
    than SEARCH_S.
    """

    def __init__(self, path: Path, snapshots: SnapshotFolder) -> None:
        self._path = path
        self._snapshots = snapshots
        self._lock = threading.Lock()
        self._until_mono_s = 0.0
        self._connection = open_reader(path)
        self._connection.set_progress_handler(self._is_late, _STEPS)

    def close(self) -> None:
        """Let the database go. Calling it twice does no harm."""
        with translated(self._path, "closing the database"), self._lock:
            self._connection.close()

    def find(self, query: FindingQuery) -> FindingPage:
        """A page of findings. Raises QuestionError for a cursor that is none."""
        conditions, values = _conditions(query)
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        rows = self._read(
            f"SELECT number, ts, id, document FROM findings {where}"  # noqa: S608 (literals)
            " ORDER BY ts DESC, number DESC LIMIT ?",
            (*values, query.limit + 1),
        )
        shown = rows[: query.limit]
        cursor = f"{shown[-1][1]!r}-{shown[-1][0]}" if len(rows) > query.limit else ""
        return FindingPage(tuple(_parsed(shown)), cursor)

    def finding(self, finding_id: str) -> Finding | None:
        """The finding as last recorded, or None if there is none of that id."""
        rows = self._read(
            "SELECT number, ts, id, document FROM findings WHERE id = ?", (finding_id,)
        )
        return next(iter(_parsed(rows)), None)

    def snapshot(self, snapshot_id: str) -> bytes:
        """The JPEG. Raises SnapshotMissing for an id that is not kept, or is no id at all."""
        return self._snapshots.load(snapshot_id)

    def last_snapshot(self, camera: str) -> tuple[str, bytes]:
        """Id and JPEG of the camera's newest keyframe that is kept; raises SnapshotMissing."""
        rows = self._read(
            "SELECT snapshot FROM (SELECT CASE WHEN json_valid(document) THEN"
            " json_extract(document, '$.frame.snapshot') END AS snapshot FROM findings"
            " WHERE camera = ? ORDER BY ts DESC LIMIT ?) WHERE snapshot IS NOT NULL",
            (camera, _NEWEST),
        )
        for (snapshot_id,) in rows:
            try:
                return snapshot_id, self._snapshots.load(snapshot_id)
            except SnapshotMissing:
                continue
        raise SnapshotMissing(f"no keyframe of camera {camera} is kept")

    def _read(self, statement: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        with translated(self._path, "reading findings"), self._lock:
            self._until_mono_s = time.monotonic() + SEARCH_S
            try:
                return self._connection.execute(statement, values).fetchall()
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                    raise TooBusy(
                        f"the search took longer than {SEARCH_S:.0f} s; "
                        "narrow it by camera, rule or time"
                    ) from None
                raise

    def _is_late(self) -> bool:
        return time.monotonic() > self._until_mono_s


def read_latest(path: Path, limit: int) -> tuple[Finding, ...]:
    """The latest findings in a database that another process may hold; changes nothing.

    Raises StoreError if it is not there or cannot be read.
    """
    with translated(path, "reading findings"), closing(open_reader(path)) as connection:
        rows = connection.execute(
            "SELECT number, ts, id, document FROM findings ORDER BY ts DESC, number DESC LIMIT ?",
            (limit,),
        ).fetchall()
    return tuple(_parsed(rows))


def _conditions(query: FindingQuery) -> tuple[list[str], list[object]]:
    listed: list[tuple[str, list[object]]] = []
    if query.camera is not None:
        listed.append(("camera = ?", [query.camera]))
    if query.since is not None:
        listed.append(("ts >= ?", [query.since]))
    if query.until is not None:
        listed.append(("ts < ?", [query.until]))
    if query.rule is not None:
        of_rule = "SELECT 1 FROM finding_rules WHERE rule = ? AND number = findings.number"
        listed.append((f"EXISTS ({of_rule})", [query.rule]))
    if words := query.text.split():
        listed.append(_having(words))
    if query.after:
        match = _CURSOR.fullmatch(query.after)
        if match is None:
            raise QuestionError(f"{query.after[:60]!r} is not a cursor of an earlier page")
        listed.append(("(ts, number) < (?, ?)", [float(match[1]), int(match[2])]))
    return [condition for condition, _ in listed], [value for _, own in listed for value in own]


def _having(words: Sequence[str]) -> tuple[str, list[object]]:
    """All of the words; short ones are looked for without the index."""
    conditions, values = [], list[object]()
    indexed = [word for word in words if len(word) >= _TRIGRAM]
    if indexed:
        conditions.append("findings_text MATCH ?")
        values.append(" ".join('"' + word.replace('"', '""') + '"' for word in indexed))
    for word in words:
        if len(word) < _TRIGRAM:
            conditions.append("words LIKE ? ESCAPE '\\'")
            values.append("%" + re.sub(r"([%_\\])", r"\\\1", word) + "%")
    found = f"SELECT rowid FROM findings_text WHERE {' AND '.join(conditions)}"  # noqa: S608
    return f"number IN ({found})", values


def _parsed(rows: Sequence[tuple[Any, ...]]) -> list[Finding]:
    found = []
    for _, _, finding_id, document in rows:
        try:
            found.append(Finding.model_validate_json(document))
        except ValidationError as error:
            _log.error("finding %s in the store cannot be read: %s", finding_id, error)
    return found
