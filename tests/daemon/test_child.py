"""A child process and its pipe: real processes that say odd things."""

from __future__ import annotations

import gc
import operator
import os
import queue
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edge.daemon.child import (
    Child,
    ChildGone,
    FromChild,
    Inbox,
    kill_all_children,
    leave_signals_to_the_daemon,
    name_process,
    offer_memory_first,
)
from edge.daemon.pipe import MessagePipe


class Rubbish:
    """Unpickles into an error."""

    def __reduce__(self) -> tuple[object, ...]:
        return operator.truediv, (1, 0)


def say_rubbish(pipe: MessagePipe) -> None:
    """Process body: one good message, then one that cannot be read."""
    pipe.send("hello")
    pipe.send(Rubbish())
    time.sleep(60)


def ignore_everything(pipe: MessagePipe) -> None:
    """Process body: deaf to signals and to its pipe."""
    leave_signals_to_the_daemon()
    pipe.send("deaf")
    time.sleep(60)


def bear_a_name(pipe: MessagePipe) -> None:
    """Process body: tells what the kernel says of it."""
    before = Path("/proc/self/cmdline").read_bytes()
    name_process("a_camera_of_a_very_long_name")
    shown = (Path("/proc/self/cmdline").read_bytes(), Path("/proc/self/comm").read_text())
    pipe.send((before, *shown, os.environ["PATH"], Path("/proc/self/environ").read_bytes()))


def offer_memory(pipe: MessagePipe) -> None:
    """Process body: tells how willing it is to be ended, before and after."""
    score = Path("/proc/self/oom_score_adj")
    before = int(score.read_text())
    offer_memory_first()
    pipe.send((before, int(score.read_text())))


@pytest.fixture
def inbox() -> Inbox:
    return queue.Queue(8)


def test_a_child_that_cannot_be_understood_is_ended_and_told(inbox: Inbox) -> None:
    child = Child("odd", 7, say_rubbish, (), inbox)
    assert inbox.get(timeout=20) == FromChild("odd", 7, "hello")
    assert inbox.get(timeout=20) == ChildGone("odd", 7, -9)
    assert child.join(0)


def test_descriptors_are_given_back_without_the_collector_of_garbage(inbox: Inbox) -> None:
    def held() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    Child("first", 1, offer_memory, (), inbox).join(20)  # multiprocessing's own come with it
    before = held()
    gc.disable()
    try:
        children = [Child("porch", n, offer_memory, (), inbox) for n in (2, 3)]
        assert all(child.join(20) for child in children)
        assert held() == before
        for child in children:
            child.kill()  # too late, and no error
            assert child.pid > 0
    finally:
        gc.enable()


def test_a_process_has_its_name_in_ps(inbox: Inbox, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    child = Child("porch", 9, bear_a_name, (), inbox)
    said = inbox.get(timeout=20)
    assert isinstance(said, FromChild)
    before, line, short, path, environment = said.message  # type: ignore[misc]
    assert b"multiprocessing" in before
    assert line.rstrip(b"\0") == b"edge: a_camera_of_a_very_long_name"
    assert len(line) <= len(before)
    assert short == "edge: a_camera_\n"
    assert f"PATH={path}".encode() in environment.split(b"\0"), "what lies behind is untouched"
    assert f"porch: started as process {child.pid}" in caplog.text
    assert inbox.get(timeout=20) == ChildGone("porch", 9, 0)


def test_what_needs_the_most_memory_is_ended_first(inbox: Inbox) -> None:
    Child("willing", 10, offer_memory, (), inbox)
    said = inbox.get(timeout=20)
    assert isinstance(said, FromChild)
    before, after = said.message  # type: ignore[misc]
    assert after == 900 > before
    assert inbox.get(timeout=20) == ChildGone("willing", 10, 0)


def test_every_child_can_be_killed_at_the_end(inbox: Inbox) -> None:
    child = Child("deaf", 8, ignore_everything, (), inbox)
    assert inbox.get(timeout=20) == FromChild("deaf", 8, "deaf")
    os.kill(child.pid, 15)
    assert not child.join(0.2)
    kill_all_children()
    assert inbox.get(timeout=20) == ChildGone("deaf", 8, -9)


def test_a_cameras_process_loads_only_what_it_needs() -> None:
    """There is one for each camera, so what it loads is there as many times."""
    program = (
        "import edge.daemon.camera_process, edge.daemon.openers, edge.daemon.plans, sys;"
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    loaded = {name.decode().partition(".")[0] for name in done.stdout.split()}
    assert {"av", "cv2", "numpy"} <= loaded
    assert not loaded & {"openvino", "paho", "PIL", "pydantic", "sqlite3", "starlette", "yaml"}
