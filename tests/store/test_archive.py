from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

from edge.errors import QuestionError, SnapshotMissing, StoreError, TooBusy
from edge.findings import Finding, VerdictReport
from edge.search import FindingQuery
from edge.store import archive as archive_file
from edge.store import opening, schema
from edge.store.archive import Archive
from edge.store.database import DATABASE_NAME, Store, open_store
from edge.store.settings import StoreSettings
from tests.support.finding_samples import build_finding

T0 = 1_764_000_000.123456


def verdict(rule: str, answer: str = "yes", **fields: object) -> VerdictReport:
    typed = {"probabilities": {"yes": 0.9, "no": 0.1}} if answer in ("yes", "no") else {}
    return VerdictReport(
        rule=rule, answer=answer, probability=0.9, verdict="yes", state="on", **typed
    )


def keep(store: Store, camera: str = "porch", kind: str = "end", **fields: object) -> Finding:
    finding = build_finding(camera, store.next_seq(camera), kind, **fields)  # type: ignore[arg-type]
    store.record(finding, [])
    return finding


@pytest.fixture
def archive(store: Store) -> Iterator[Archive]:
    opened = store.open_archive()
    yield opened
    opened.close()


def ids(archive: Archive, **query: object) -> list[str]:
    return [f.id for f in archive.find(FindingQuery(**query)).findings]  # type: ignore[arg-type]


def test_filters(store: Store, archive: Archive) -> None:
    a = keep(store, ts=T0, verdicts=[verdict("parcel")])
    b = keep(store, "yard", ts=T0 + 10, verdicts=[verdict("person"), verdict("parcel")])
    c = keep(store, ts=T0 + 20)
    assert ids(archive) == [c.id, b.id, a.id]
    assert ids(archive, camera="porch") == [c.id, a.id]
    assert ids(archive, rule="parcel") == [b.id, a.id]
    assert ids(archive, rule="person", camera="porch") == []
    assert ids(archive, since=T0 + 10) == [c.id, b.id]
    assert ids(archive, since=T0, until=T0 + 10) == [a.id]


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        ("parcel", True),
        ("PARCEL lies", True),
        ("arce", True),
        ("XY 12", True),
        ("b-xy", True),
        ("1", True),
        ("包裹", True),
        ("红色的包", True),
        ("blue", True),
        ("3 o'clock", True),
        ("boat", False),
        ("parcel boat", False),
        ("1_", False),
        ("%", False),
        ('"', False),
        ("yes", False),  # an answer that was chosen is no text that was read
        ("parcel OR boat", False),
    ],
)
def test_every_word_must_occur(store: Store, archive: Archive, text: str, is_found: bool) -> None:
    finding = keep(
        store,
        ts=T0,
        summary="A parcel lies there. 门口有红色的包裹",
        texts=["B-XY 1234"],
        details={"car": {"colour": "blue"}, "number": 7},
        verdicts=[verdict("person"), verdict("clock", "3 o'clock")],
    )
    keep(store, "yard", ts=T0 + 1, summary="Nothing")
    assert ids(archive, text=text) == ([finding.id] if is_found else [])


def test_the_index_follows_updates_and_removal(settings: StoreSettings) -> None:
    room_for_none = replace(settings, findings_max_bytes=1)
    with open_store(room_for_none) as store, closing(store.open_archive()) as archive:
        first = keep(store, kind="new", ts=T0)
        assert ids(archive, text="dog") == []
        keep(store, finding_id=first.id, ts=T0, summary="A dog", verdicts=[verdict("dog")])
        assert ids(archive, text="dog") == ids(archive, rule="dog") == [first.id]
        keep(store, finding_id=first.id, ts=T0, summary="A cat")
        assert ids(archive, text="dog") == ids(archive, rule="dog") == []
        store.enforce_limits()
        assert ids(archive) == ids(archive, text="cat") == []


def test_pages_follow_each_other_without_gap_or_repetition(store: Store, archive: Archive) -> None:
    times = [T0, T0, T0 + 1e-6, T0 + 1, T0 + 1, T0 + 2, T0 + 3]
    recorded = [keep(store, ts=ts).id for ts in times]
    seen: list[str] = []
    after = ""
    while True:
        page = archive.find(FindingQuery(limit=2, after=after))
        seen += [finding.id for finding in page.findings]
        after = page.cursor
        if not after:
            break
        keep(store, "late", ts=T0 + 100)  # what comes meanwhile is on no later page
    assert sorted(seen) == sorted(recorded)
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize("cursor", ["x", "1-", "1-2-3", "1;DROP TABLE findings-1", "nan-1"])
def test_a_wrong_cursor_is_refused(archive: Archive, cursor: str) -> None:
    with pytest.raises(QuestionError, match="not a cursor"):
        archive.find(FindingQuery(after=cursor))


@pytest.mark.parametrize("fields", [{"limit": 0}, {"limit": 201}, {"text": "x" * 201}])
def test_bounds_of_a_query(fields: dict[str, object]) -> None:
    with pytest.raises(QuestionError):
        FindingQuery(**fields)  # type: ignore[arg-type]


def test_the_last_keyframe_that_is_kept(store: Store, archive: Archive) -> None:
    with pytest.raises(SnapshotMissing):
        archive.last_snapshot("porch")
    image = np.zeros((40, 60, 3), np.uint8)
    for n in range(3):
        finding = build_finding("porch", n + 1, "end", ts=T0 + n)
        frame = finding.frame.model_copy(update={"snapshot": finding.id})
        store.record(finding.model_copy(update={"frame": frame}), [])
        if n < 2:  # the third was never written
            store.snapshots.save(finding.id, image)
            newest = finding.id
    assert archive.last_snapshot("porch")[0] == newest
    assert archive.last_snapshot("porch")[1] == archive.snapshot(newest)
    assert archive.finding(newest) is not None
    assert archive.finding("x") is None


def test_a_long_search_is_ended(
    store: Store, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(sqlite3.connect(store.settings.folder / DATABASE_NAME)) as connection:
        connection.execute(
            "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
            " INSERT INTO findings_text (rowid, words) SELECT i, 'some words' FROM n"
        )
        connection.commit()
    monkeypatch.setattr(archive_file, "SEARCH_S", -1.0)
    with pytest.raises(TooBusy, match="narrow it"):
        archive.find(FindingQuery(text="qq"))
    monkeypatch.undo()
    assert ids(archive, text="qq") == []


def test_an_older_database_becomes_searchable(
    settings: StoreSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as older:
        older.setattr(opening, "MIGRATIONS", schema.MIGRATIONS[:1])
        older.setattr(opening, "_mend_search", lambda *_: None)
        with open_store(settings) as store:
            finding = keep(store, ts=T0, summary="A dog", verdicts=[verdict("dog")])
            other = keep(store, ts=T0)
        with closing(sqlite3.connect(settings.folder / DATABASE_NAME)) as connection:
            connection.execute("UPDATE findings SET document = '{broken' WHERE id = ?", (other.id,))
            connection.commit()
    with open_store(settings) as store, closing(store.open_archive()) as archive:
        assert ids(archive, text="dog") == ids(archive, rule="dog") == [finding.id]


def test_a_damaged_index_is_made_anew(settings: StoreSettings) -> None:
    with open_store(settings) as store:
        keep(store, ts=T0, summary="A dog at the door")
    with closing(sqlite3.connect(settings.folder / DATABASE_NAME)) as connection:
        connection.execute("UPDATE findings_text_data SET block = x'00' WHERE id > 10")
        connection.commit()
    with open_store(settings) as store, closing(store.open_archive()) as archive:
        assert len(ids(archive, text="dog")) == 1
        keep(store, ts=T0, summary="Another dog")
        assert len(ids(archive, text="dog")) == 2


def test_a_closed_archive_says_so(archive: Archive) -> None:
    archive.close()
    archive.close()
    with pytest.raises(StoreError):
        archive.find(FindingQuery())
