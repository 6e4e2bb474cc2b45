"""What is written for one finding, message or state, and what each is counted as taking.

Statements inside a transaction that the store has begun. Called by `Store` only.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from edge.errors import StoreError
from edge.findings import Finding
from edge.store.outbox import OutboxMessage

# What a row takes beside its texts and payload, indexes included: measured with 20,000 messages of
# 2 and of 200 bytes. (Payloads of just over half a page, 2 to 3 kB, waste the rest of it.)
ROW_BYTES = 120

# What the search index takes: for each character of words and for each verdict. Measured with
# 30,000 findings of 30 words.
_WORD_BYTES = 4
_VERDICT_BYTES = 60

State = dict[str, Any]


def advance_seq(connection: sqlite3.Connection, finding: Finding) -> None:
    """Count the camera's sequence number on; raises StoreError if the finding's is another."""
    row = connection.execute(
        "SELECT last_seq FROM cameras WHERE camera = ?", (finding.camera,)
    ).fetchone()
    expected = row[0] + 1 if row else 1
    if finding.seq != expected:
        raise StoreError(
            f"camera {finding.camera}: finding {finding.id} carries seq {finding.seq}, "
            f"but the next is {expected}"
        )
    connection.execute(
        "INSERT INTO cameras VALUES (?, ?)"
        " ON CONFLICT (camera) DO UPDATE SET last_seq = excluded.last_seq",
        (finding.camera, finding.seq),
    )


def write_finding(connection: sqlite3.Connection, finding: Finding, now: float) -> None:
    """Insert the finding, stamped `now` (the store's time), or replace its earlier message.

    Raises StoreError for a `new` one that is known already, and for one of another camera.
    """
    known = connection.execute("SELECT camera FROM findings WHERE id = ?", (finding.id,)).fetchone()
    if known and (finding.type == "new" or known[0] != finding.camera):
        raise StoreError(
            f"camera {finding.camera}: finding {finding.id} is already known, of camera {known[0]}"
        )
    document = finding.model_dump_json()
    connection.execute(
        "INSERT INTO findings (id, camera, seq, type, ts, first_seen, bytes, document)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
        " seq = excluded.seq, type = excluded.type, ts = excluded.ts, bytes = excluded.bytes,"
        " document = excluded.document",
        (
            finding.id,
            finding.camera,
            finding.seq,
            finding.type,
            finding.ts,
            now,
            len(document.encode()) + _search_bytes(finding) + ROW_BYTES,
            document,
        ),
    )


def _search_bytes(finding: Finding) -> int:
    listed = (*finding.objects, *finding.texts, *finding.spatial_relations)
    words = len(finding.summary) + sum(map(len, listed)) + len(json.dumps(finding.details))
    return _WORD_BYTES * words + _VERDICT_BYTES * len(finding.verdicts)


def row_bytes(message: OutboxMessage) -> int:
    """What a message in the outbox counts as."""
    texts = len(message.topic.encode()) + len(message.camera.encode())
    return len(message.payload) + texts + ROW_BYTES


def write_state(connection: sqlite3.Connection, key: str, value: State) -> None:
    """Keep a small JSON object under `key`; raises StoreError for what is no plain JSON."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise StoreError(f"the state {key} is not plain JSON: {error}") from error
    connection.execute(
        "INSERT INTO states VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (key, text),
    )
