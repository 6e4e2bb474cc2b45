"""Findings, outbox rows and states: what goes in comes out, all of it or nothing."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from edge.errors import StoreError
from edge.findings import Finding, new_finding_id
from edge.store.database import DATABASE_NAME, Store, open_store
from edge.store.outbox import OutboxMessage
from edge.store.settings import StoreSettings
from tests.support.finding_samples import build_finding, build_messages


def record_new(store: Store, camera: str = "porch", **fields: Any) -> Finding:
    finding = build_finding(camera, store.next_seq(camera), **fields)
    store.record(finding, build_messages(finding))
    return finding


def test_a_finding_and_its_messages_come_back_as_given(store: Store) -> None:
    details = {"people": 3, "queue": None, "signs": ["wet floor"], "place": {"row": 0.5}}
    finding = build_finding("porch", 1, summary="a parcel", details=details, truncated=True)
    messages = build_messages(finding, 3)

    store.record(finding, messages)

    assert store.finding(finding.id) == finding
    rows = store.pending(10)
    assert [OutboxMessage(r.camera, r.topic, r.payload, r.retain) for r in rows] == messages
    assert store.finding(new_finding_id()) is None


def test_seq_counts_each_camera_by_itself_and_goes_on_after_a_restart(
    settings: StoreSettings,
) -> None:
    with open_store(settings) as store:
        assert store.next_seq("porch") == 1
        assert store.next_seq("porch") == 1, "asking does not consume"
        assert [record_new(store).seq for _ in range(3)] == [1, 2, 3]
        assert record_new(store, "yard").seq == 1
    with open_store(settings) as store:
        assert store.next_seq("porch") == 4
        assert store.next_seq("yard") == 2


@pytest.mark.parametrize("seq", [0, 1, 2, 4, 99])
def test_a_seq_that_is_not_the_next_is_refused_and_changes_nothing(store: Store, seq: int) -> None:
    record_new(store)
    record_new(store)
    finding = build_finding("porch", seq)

    with pytest.raises(StoreError, match=f"camera porch: .* carries seq {seq}, .* next is 3"):
        store.record(finding, build_messages(finding), {"rule": {"on": True}})

    assert store.next_seq("porch") == 3
    assert store.finding(finding.id) is None
    assert len(store.pending(10)) == 2
    assert store.load_state("rule") is None


def test_update_and_end_replace_the_finding_and_add_messages(settings: StoreSettings) -> None:
    now = [1000.0]
    with open_store(settings, clock=lambda: now[0], uptime=lambda: now[0]) as store:
        first = record_new(store)
        now[0] = 2000.0
        record_new(store, kind="update", finding_id=first.id, summary="a parcel")
        end = record_new(store, kind="end", finding_id=first.id, summary="gone")

        assert store.finding(first.id) == end
        assert store.finding_ids() == [first.id]
        with closing(sqlite3.connect(settings.folder / DATABASE_NAME)) as connection:
            assert connection.execute("SELECT first_seen FROM findings").fetchall() == [(1000.0,)]
        assert [r.created_at for r in store.pending(10)] == [1000.0, 2000.0, 2000.0]


def test_an_update_of_a_finding_that_retention_removed_is_kept(store: Store) -> None:
    end = record_new(store, kind="end")
    assert store.finding(end.id) == end


def test_a_new_finding_with_a_known_id_is_refused(store: Store) -> None:
    known = record_new(store)
    with pytest.raises(StoreError, match=f"{known.id} is already known"):
        record_new(store, finding_id=known.id)
    with pytest.raises(StoreError, match="already known, of camera porch"):
        record_new(store, "yard", kind="update", finding_id=known.id)
    assert store.next_seq("porch") == 2
    assert store.next_seq("yard") == 1


def test_states_are_saved_with_the_finding_that_moved_them(store: Store) -> None:
    finding = build_finding("porch", 1)
    store.record(finding, [], {"rule": {"on": True, "since": None}, "other": {}})
    assert store.load_state("rule") == {"on": True, "since": None}
    assert store.load_state("other") == {}


@pytest.mark.parametrize(
    "value", [{"x": object()}, {"x": float("nan")}, {"x": "\ud800"}], ids=["object", "nan", "lone"]
)
def test_a_state_that_is_no_json_is_refused_and_nothing_of_its_finding_is_kept(
    store: Store, value: dict[str, Any]
) -> None:
    finding = build_finding("porch", 1)
    with pytest.raises(StoreError):
        store.record(finding, build_messages(finding), {"fine": {}, "rule": value})
    assert store.next_seq("porch") == 1
    assert store.pending(1) == []
    assert store.load_state("fine") is None
    with pytest.raises(StoreError):
        store.save_state("rule", value)
    assert store.load_state("rule") is None


def test_states_outlive_the_process_and_are_replaced(settings: StoreSettings) -> None:
    with open_store(settings) as store:
        store.save_state("porch/parcel", {"on": False})
        store.save_state("porch/parcel", {"on": True, "count": 3, "text": "Grüße 🙂"})
    with open_store(settings) as store:
        assert store.load_state("porch/parcel") == {"on": True, "count": 3, "text": "Grüße 🙂"}
        assert store.load_state("porch/other") is None


def test_a_message_that_cannot_be_written_takes_the_whole_record_with_it(store: Store) -> None:
    finding = build_finding("porch", 1)
    messages = [*build_messages(finding), OutboxMessage("porch", "edge/\ud800", b"x")]
    with pytest.raises(StoreError, match="recording finding"):
        store.record(finding, messages)
    assert store.finding_ids() == []
    assert store.pending(10) == []
    record_new(store)


def test_any_text_survives(store: Store) -> None:
    camera, text = (
        "Einfahrt-Süd 门口 🚪",
        "naïve \u0000 \u202e Straße 猫 👩\u200d👩\u200d👧 ' \" ; DROP TABLE",
    )
    finding = record_new(store, camera, summary=text, texts=[text[:50]])
    store.save_state(text, {text: text})
    assert store.finding(finding.id) == finding
    assert store.findings(camera=camera) == [finding]
    assert store.pending(1)[0].camera == camera
    assert store.load_state(text) == {text: text}


def test_pending_pages_in_id_order_and_retired_rows_are_gone(store: Store) -> None:
    for _ in range(5):
        finding = build_finding("porch", store.next_seq("porch"))
        store.record(finding, build_messages(finding, 2))
    ids = [r.id for r in store.pending(100)]
    assert ids == sorted(ids)
    assert len(ids) == 10
    assert [r.id for r in store.pending(3)] == ids[:3]
    assert [r.id for r in store.pending(3, after_id=ids[2])] == ids[3:6]

    store.retire([ids[0], ids[4], 12345])
    store.retire([ids[0]])
    store.retire([])
    assert [r.id for r in store.pending(100)] == [*ids[1:4], *ids[5:]]


def test_an_id_is_never_used_again(settings: StoreSettings) -> None:
    with open_store(settings) as store:
        record_new(store)
        last = store.pending(1)[0].id
        store.retire([last])
    with open_store(settings) as store:
        record_new(store)
        assert store.pending(1)[0].id > last


def test_outbox_stats_follow_every_change(settings: StoreSettings) -> None:
    now = [1000.0]
    with open_store(settings, clock=lambda: now[0], uptime=lambda: now[0]) as store:
        assert store.outbox_stats().pending == 0
        assert store.outbox_stats().pending_bytes == 0
        assert store.outbox_stats().oldest_age_s is None
        for _ in range(3):
            record_new(store)
        now[0] = 1060.0
        stats = store.outbox_stats()
        assert (stats.pending, stats.oldest_age_s) == (3, 60.0)
        assert stats.pending_bytes > sum(len(r.payload) for r in store.pending(10))
        now[0] = 900.0
        assert store.outbox_stats().oldest_age_s == 0.0, "a clock set back makes no negative age"
        store.retire([r.id for r in store.pending(10)])
        assert store.outbox_stats().pending_bytes == 0


def test_findings_are_listed_latest_first_by_camera_and_time(store: Store) -> None:
    made = [
        record_new(store, camera, ts=ts)
        for camera, ts in [("a", 10.0), ("b", 20.0), ("a", 30.0), ("b", 40.0), ("a", 5.0)]
    ]
    a10, b20, a30, b40, a5 = made
    assert store.findings() == [b40, a30, b20, a10, a5]
    assert store.findings(camera="a") == [a30, a10, a5]
    assert store.findings(since=20.0) == [b40, a30, b20]
    assert store.findings(camera="a", since=10.0, limit=1) == [a30]
    assert store.findings(camera="c") == []
    assert store.finding_ids() == [f.id for f in made]


def test_open_findings_are_those_without_an_end(settings: StoreSettings) -> None:
    with open_store(settings) as store:
        done, untouched, updated = (record_new(store) for _ in range(3))
        record_new(store, kind="update", finding_id=done.id)
        record_new(store, kind="end", finding_id=done.id)
        updated = record_new(store, kind="update", finding_id=updated.id)
    with open_store(settings) as store:
        assert store.open_findings() == [untouched, updated]


def test_a_finding_that_cannot_be_read_is_told_and_does_not_hide_the_others(
    settings: StoreSettings, caplog: pytest.LogCaptureFixture
) -> None:
    with open_store(settings) as store:
        bad, good = record_new(store), record_new(store)
        with store._connections.transaction("damaging a row") as connection:
            connection.execute("UPDATE findings SET document = '{}' WHERE id = ?", (bad.id,))
        assert store.findings() == [good]
        assert bad.id in caplog.text


def test_a_waiting_publisher_is_woken_by_a_commit(store: Store) -> None:
    assert not store.wait_for_rows(0)
    woken: list[bool] = []
    waiting = threading.Thread(target=lambda: woken.append(store.wait_for_rows(30)))
    waiting.start()
    record_new(store)
    waiting.join(30)
    assert woken == [True]
    assert not store.wait_for_rows(0), "told once"

    store.record(build_finding("porch", 2), [])
    assert not store.wait_for_rows(0), "no message, nothing to tell"


def test_rows_left_by_an_earlier_run_are_told_at_once(settings: StoreSettings) -> None:
    with open_store(settings) as store:
        record_new(store)
    with open_store(settings) as store:
        assert store.wait_for_rows(0)


def test_notify_is_called_after_the_rows_can_be_read(store: Store) -> None:
    seen: list[int] = []
    store.notify = lambda: seen.append(len(store.pending(10)))
    record_new(store)
    record_new(store)
    with pytest.raises(StoreError):
        store.record(build_finding("porch", 99), [OutboxMessage("porch", "t", b"")])
    assert seen == [1, 2]


def test_a_hundred_thousand_rows_are_paged_through_completely(store: Store) -> None:
    num_rows, page = 100_000, 40
    finding = build_finding("porch", 1)
    store.record(
        finding, [OutboxMessage("porch", f"edge/{i}", b"x" * 200) for i in range(num_rows)]
    )
    assert store.outbox_stats().pending == num_rows
    after_id, topics = 0, []
    while rows := store.pending(page, after_id):
        after_id = rows[-1].id
        topics += [row.topic for row in rows]
    assert topics == [f"edge/{i}" for i in range(num_rows)]


def test_threads_record_retire_read_and_trim_together(store: Store) -> None:
    num_each, cameras = 40, ("a", "b", "c")
    sent: dict[str, list[bytes]] = {camera: [] for camera in cameras}
    written = threading.Event()

    def record(camera: str) -> None:
        for _ in range(num_each):
            record_new(store, camera)

    def publish() -> None:
        while not (written.is_set() and not store.pending(1)):
            store.wait_for_rows(0.01)
            rows = store.pending(7)
            for row in rows:
                sent[row.camera].append(row.payload)
            store.retire([row.id for row in rows])

    def read() -> None:
        while not written.is_set():
            store.findings(limit=20)
            store.outbox_stats()
            store.enforce_limits()

    with ThreadPoolExecutor() as threads:
        others = [threads.submit(publish), threads.submit(read)]
        try:
            for writer in [threads.submit(record, camera) for camera in cameras]:
                writer.result(60)
        finally:
            written.set()
        for other in others:
            other.result(60)

    for camera in cameras:
        seqs = [Finding.model_validate_json(payload).seq for payload in sent[camera]]
        assert seqs == list(range(1, num_each + 1))
    assert len(store.finding_ids()) == num_each * len(cameras)
    assert store.outbox_stats().pending_bytes == 0


def test_a_closed_store_says_so(settings: StoreSettings) -> None:
    store = open_store(settings)
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed database"):
        store.pending(1)
    with pytest.raises(StoreError, match="closed database"):
        store.record(build_finding("porch", 1), [])


@pytest.mark.parametrize(
    "wrong",
    [
        {"findings_max_age_s": 0},
        {"outbox_max_bytes": -1},
        {"snapshots_max_age_s": float("nan")},
        {"snapshot_quality": 0},
        {"snapshot_quality": 101},
    ],
    ids=str,
)
def test_impossible_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        StoreSettings(folder=Path("x"), **wrong)
