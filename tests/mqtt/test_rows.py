"""RowFeed: which row is next, whatever the broker says and whenever the connection breaks."""

from __future__ import annotations

import random

import pytest

from edge.errors import StoreError
from edge.mqtt.outbox import OutboxRow
from edge.mqtt.rows import RowFeed
from tests.support.memory_outbox import MemoryOutbox, Row


def make(*cameras: str) -> tuple[MemoryOutbox, RowFeed]:
    outbox = MemoryOutbox()
    for camera in cameras:
        outbox.add(camera, b"")
    return outbox, RowFeed(outbox, retry_first_s=1, retry_max_s=8)


def take_ids(feed: RowFeed, now_mono_s: float = 0.0) -> list[int]:
    """Everything there is to send now."""
    ids: list[int] = []
    while (row := feed.take(now_mono_s)) is not None:
        ids.append(row.id)
    return ids


def test_each_row_is_handed_out_once_in_order() -> None:
    outbox, feed = make(*"abc" * 100)
    assert take_ids(feed) == list(range(1, 301))
    outbox.add("a", b"")
    assert take_ids(feed) == [301]


def test_rows_leave_the_outbox_only_when_accepted_and_retired() -> None:
    outbox, feed = make("a", "a")
    take_ids(feed)
    assert feed.retire() == 0
    feed.accepted(1)
    assert outbox.num_pending == 2
    assert feed.retire() == 1
    assert outbox.retired == [1]


def test_after_a_lost_connection_what_was_not_accepted_comes_again() -> None:
    _outbox, feed = make(*"aaaa")
    take_ids(feed)
    feed.accepted(2)  # not retired yet: it must not come again all the same
    feed.restart(0)
    assert take_ids(feed) == [1, 3, 4]


def test_a_refused_row_holds_its_camera_and_no_other() -> None:
    outbox, feed = make(*"abab")
    assert feed.take(0) is not None
    assert feed.take(0) is not None
    assert feed.refused(1, now_mono_s=0)
    assert feed.held_cameras == ("a",)
    assert take_ids(feed) == [4]
    outbox.add("a", b"")
    outbox.add("b", b"")
    assert take_ids(feed) == [6]


def test_the_oldest_row_alone_is_tried_again_and_the_others_follow_it() -> None:
    _outbox, feed = make(*"aaaa")
    assert take_ids(feed) == [1, 2, 3, 4]
    feed.accepted(1)
    for row_id in (3, 2, 4):
        feed.refused(row_id, now_mono_s=0)
    assert take_ids(feed, 0.1) == []
    due_s = feed.retry_mono_s()
    assert due_s is not None
    assert 0.8 <= due_s <= 1.2
    assert take_ids(feed, due_s) == [2]
    feed.accepted(2)
    assert take_ids(feed, due_s) == [3, 4]
    assert feed.held_cameras == ()


def test_it_waits_longer_each_time() -> None:
    _outbox, feed = make("a")
    now_s, waits = 0.0, []
    for _ in range(6):
        assert take_ids(feed, now_s) == [1]
        feed.refused(1, now_s)
        due_s = feed.retry_mono_s()
        assert due_s is not None
        waits.append(due_s - now_s)
        now_s = due_s
    assert all(0.8 * w <= wait <= 1.2 * w for w, wait in zip([1, 2, 4, 8], waits, strict=False))
    assert max(waits) <= 8 + 1e-9  # they are differences of times


def test_it_does_not_try_again_while_a_later_row_is_under_way() -> None:
    _outbox, feed = make("a", "a")
    take_ids(feed)
    feed.refused(1, 0)
    assert take_ids(feed, 100) == []
    assert feed.retry_mono_s() is None  # the acknowledgement of row 2 comes first
    feed.accepted(2)
    assert take_ids(feed, 100) == [1]


def test_a_row_that_overtook_a_refused_one_goes_out_again_behind_it() -> None:
    outbox, feed = make(*"aaa")
    take_ids(feed)
    feed.refused(1, 0)
    feed.accepted(2)
    feed.accepted(3)
    assert feed.retire() == 0
    assert outbox.num_pending == 3
    assert take_ids(feed, 10) == [1]
    feed.accepted(1)
    assert take_ids(feed, 10) == [2, 3]
    feed.accepted(2)
    feed.accepted(3)
    assert feed.retire() == 3
    assert outbox.retired == [1, 2, 3]


def test_a_refused_camera_keeps_waiting_over_a_lost_connection() -> None:
    """A broker that hangs up on what it refuses must not keep the other cameras' rows away."""
    _outbox, feed = make(*"abab")
    take_ids(feed)
    feed.refused(1, 0)
    feed.restart(0.1)
    assert take_ids(feed, 0.2) == [2, 4]
    due_s = feed.retry_mono_s()
    assert due_s is not None
    assert take_ids(feed, due_s) == [1]
    feed.restart(due_s)  # it hung up on row 1
    again_s = feed.retry_mono_s()
    assert again_s is not None
    assert again_s - due_s > 1.5  # and waits longer


def test_a_row_dropped_by_retention_releases_its_camera() -> None:
    outbox, feed = make(*"aaa")
    take_ids(feed)
    for row_id in (1, 2, 3):
        feed.refused(row_id, 0)
    outbox.drop(1)
    assert take_ids(feed, 10) == [2, 3]


def test_retired_rows_never_return_even_if_retiring_failed_at_first() -> None:
    outbox, feed = make(*"aa")
    take_ids(feed)
    feed.accepted(1)
    outbox.is_broken = True
    with pytest.raises(StoreError):
        feed.retire()
    with pytest.raises(StoreError):
        feed.take(0)
    outbox.is_broken = False
    feed.restart(0)
    assert take_ids(feed) == [2]
    assert feed.retire() == 1


def test_an_outbox_begun_anew_is_noticed() -> None:
    outbox, feed = make(*"aaa")
    for row_id in take_ids(feed):
        feed.accepted(row_id)
    feed.retire()
    assert take_ids(feed) == []
    outbox._last_id = 0
    outbox.add("a", b"")
    assert take_ids(feed) == [1]


@pytest.mark.parametrize("seed", range(20))
def test_whatever_happens_nothing_is_lost_and_order_is_kept(seed: int) -> None:
    """A broker that takes, refuses and hangs up at random; a window of 5, rows added meanwhile.

    What counts is the last time each row arrives: a row under way behind a refused one arrives
    early, and again in its turn.
    """
    chance = random.Random(seed)
    outbox, feed = make(*chance.choices("abc", k=40))
    under_way: list[OutboxRow] = []
    taken: dict[str, list[int]] = {}
    now_s, left_to_add = 0.0, 60
    for _ in range(20_000):
        now_s += 0.3
        if left_to_add and chance.random() < 0.3:
            outbox.add(chance.choice("abc"), b"")
            left_to_add -= 1
        while len(under_way) < 5 and (row := feed.take(now_s)) is not None:
            assert row not in under_way
            under_way.append(row)
        event = chance.random()
        if event < 0.05:
            feed.restart(now_s)
            under_way.clear()
        elif under_way:
            row = under_way.pop(0)  # a broker answers in order
            if event < 0.3:
                feed.refused(row.id, now_s)
            else:
                feed.accepted(row.id)
                taken.setdefault(row.camera, []).append(row.id)
        feed.retire()
        if not left_to_add and not outbox.num_pending:
            break
    assert outbox.num_pending == 0
    assert sorted(outbox.retired) == list(range(1, 101))
    for ids in taken.values():
        last = list(dict.fromkeys(reversed(ids)))
        assert last == sorted(last, reverse=True)


def test_a_page_of_rows_at_most_is_held_in_memory() -> None:
    asked: list[int] = []

    class Counting(MemoryOutbox):
        def pending(self, limit: int, after_id: int) -> list[Row]:
            asked.append(limit)
            return super().pending(limit, after_id)

    outbox = Counting()
    for _ in range(1000):
        outbox.add("a", b"")
    feed = RowFeed(outbox, 1, 8)
    for _ in range(20):
        feed.take(0)
    assert asked == [64]
