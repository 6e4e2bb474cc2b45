"""A child process and its pipe: real processes that say odd things."""

from __future__ import annotations

import os
import pickle
import queue
import time
from multiprocessing.connection import Connection

import pytest

from edge.daemon.child import (
    Child,
    ChildGone,
    FromChild,
    Inbox,
    kill_all_children,
    leave_signals_to_the_daemon,
)


def say_rubbish(pipe: Connection) -> None:
    """Process body: one good message, then bytes that unpickle into an error."""
    pipe.send("hello")
    pipe.send_bytes(pickle.dumps(print).replace(b"print", b"prynt"))
    time.sleep(60)


def ignore_everything(pipe: Connection) -> None:
    """Process body: deaf to signals and to its pipe."""
    leave_signals_to_the_daemon()
    pipe.send("deaf")
    time.sleep(60)


@pytest.fixture
def inbox() -> Inbox:
    return queue.Queue(8)


def test_a_child_that_cannot_be_understood_is_ended_and_told(inbox: Inbox) -> None:
    child = Child("odd", 7, say_rubbish, (), inbox)
    assert inbox.get(timeout=20) == FromChild("odd", 7, "hello")
    assert inbox.get(timeout=20) == ChildGone("odd", 7, -9)
    assert child.join(0)


def test_every_child_can_be_killed_at_the_end(inbox: Inbox) -> None:
    child = Child("deaf", 8, ignore_everything, (), inbox)
    assert inbox.get(timeout=20) == FromChild("deaf", 8, "deaf")
    os.kill(child.pid, 15)
    assert not child.join(0.2)
    kill_all_children()
    assert inbox.get(timeout=20) == ChildGone("deaf", 8, -9)
