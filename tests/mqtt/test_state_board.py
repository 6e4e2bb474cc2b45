"""StateBoard: which state is published next."""

from __future__ import annotations

import pytest

from edge.mqtt.states import StateBoard, StateMessage


@pytest.fixture
def board() -> StateBoard:
    return StateBoard(retry_first_s=1, retry_max_s=8)


def take(board: StateBoard, now_mono_s: float = 0.0) -> StateMessage:
    message = board.take(now_mono_s)
    assert message is not None
    return message


def test_a_topic_has_one_value_in_flight_and_the_last_one_wins(board: StateBoard) -> None:
    board.set("t", b"1", retain=True)
    first = take(board)
    board.set("t", b"2", retain=True)
    board.set("t", b"3", retain=True)
    assert board.take(0) is None
    board.accepted(first)
    assert take(board).payload == b"3"


def test_a_value_that_returned_to_the_one_in_flight_is_still_sent(board: StateBoard) -> None:
    board.set("t", b"ON", retain=True)
    first = take(board)
    board.set("t", b"OFF", retain=True)
    board.set("t", b"ON", retain=True)
    board.accepted(first)
    assert take(board).payload == b"ON"


def test_changed_values_go_in_the_order_of_the_changes(board: StateBoard) -> None:
    for topic in ("a", "b", "c"):
        board.set(topic, b"1", retain=True)
    assert [take(board).topic for _ in range(3)] == ["a", "b", "c"]


def test_a_connection_makes_every_value_due_the_first_topic_first(board: StateBoard) -> None:
    for topic in ("status", "b", "c"):
        board.set(topic, b"1", retain=True)
    board.accepted(take(board))
    board.set("status", b"2", retain=True)
    board.all_due()
    assert [take(board).topic for _ in range(3)] == ["status", "b", "c"]
    assert board.take(0) is None


def test_a_value_in_flight_when_the_connection_breaks_goes_again(board: StateBoard) -> None:
    board.set("t", b"1", retain=False)
    take(board)
    board.all_due()
    board.accepted(take(board))
    board.all_due()
    assert board.take(0) is None  # it was delivered and is not retained


def test_a_refused_topic_waits_and_no_other(board: StateBoard) -> None:
    board.set("a", b"1", retain=True)
    board.set("b", b"1", retain=True)
    assert board.refused(take(board), now_mono_s=0)
    assert take(board).topic == "b"
    assert board.take(0.5) is None
    due_s = board.retry_mono_s()
    assert due_s is not None
    assert 0.8 <= due_s <= 1.2
    board.all_due()  # neither does a reconnect hurry it
    assert take(board, 0.5).topic == "b"
    assert board.take(0.5) is None
    assert not board.refused(take(board, due_s), due_s)
    board.set("a", b"2", retain=True)
    assert board.take(due_s) is None
    again_s = board.retry_mono_s()
    assert again_s is not None
    board.accepted(take(board, again_s))
    assert board.retry_mono_s() is None


def test_a_forgotten_topic_is_cleared_once_and_gone(board: StateBoard) -> None:
    board.set("t", b"1", retain=True)
    board.accepted(take(board))
    board.forget("t")
    message = take(board)
    assert (message.payload, message.retain) == (b"", True)
    board.accepted(message)
    board.all_due()
    assert board.take(0) is None


def test_a_topic_set_again_while_it_is_cleared_lives_on(board: StateBoard) -> None:
    board.forget("t")
    clearing = take(board)
    board.set("t", b"", retain=True)
    board.accepted(clearing)
    again = take(board)
    board.accepted(again)
    board.all_due()
    assert take(board).topic == "t"


def test_again_repeats_the_values_below_a_prefix(board: StateBoard) -> None:
    for topic in ("ha/device/x/config", "ha/other", "edge/x"):
        board.set(topic, b"1", retain=True)
        board.accepted(take(board))
    board.again("ha/device/")
    assert take(board).topic == "ha/device/x/config"
    assert board.take(0) is None
