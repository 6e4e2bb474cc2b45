"""One spawned, killable child process and the two threads that talk to it.

Nothing here can block the caller: a reader thread moves the child's messages into the daemon's
inbox, a writer thread moves messages into the pipe. A child that is stuck in native code
is killed; its pipe then closes and both threads end. A child whose parent is gone sees its pipe
close and ends as well (`serve_commands`).
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import pickle
import queue
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeAlias

log = logging.getLogger(__name__)

_context = multiprocessing.get_context("spawn")
ParentConnection: TypeAlias = "Connection[Any, Any]"  # generic for mypy alone


@dataclass(frozen=True, slots=True)
class FromChild:
    """A message of a child; `generation` tells a replaced child's late messages apart."""

    name: str
    generation: int
    message: object


@dataclass(frozen=True, slots=True)
class ChildGone:
    """A child process has ended, by itself or killed."""

    name: str
    generation: int
    exitcode: int | None


Inbox = queue.Queue[object]


class Child:
    """A running child process. Made by `spawn`; ends with `stop` or `kill`."""

    def __init__(
        self,
        name: str,
        generation: int,
        body: Callable[..., None],
        arguments: tuple[object, ...],
        inbox: Inbox,
    ) -> None:
        self.name = name
        self.generation = generation
        self._inbox = inbox
        self._outgoing: queue.SimpleQueue[object] = queue.SimpleQueue()
        ours, theirs = _context.Pipe()
        self._pipe: ParentConnection = ours
        self._process = _context.Process(
            target=body, args=(theirs, *arguments), name=name, daemon=True
        )
        self._process.start()
        theirs.close()
        for role, run in (("read", self._read), ("write", self._write)):
            threading.Thread(target=run, name=f"{name}-{role}", daemon=True).start()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid or 0

    def send(self, message: object) -> None:
        """Queue a message for the child; returns at once. Lost if the child dies first."""
        self._outgoing.put(message)

    def kill(self) -> None:
        """SIGKILL. A ChildGone follows in the inbox."""
        self._process.kill()

    def join(self, timeout_s: float) -> bool:
        """Wait for the process to end; whether it has."""
        self._process.join(timeout_s)
        return self._process.exitcode is not None

    def _read(self) -> None:
        while True:
            try:
                message = self._pipe.recv()
            except (EOFError, OSError, pickle.UnpicklingError):
                break
            self._inbox.put(FromChild(self.name, self.generation, message))
        self._process.join(5.0)
        if self._process.exitcode is None:  # closed its pipe but lives on
            self._process.kill()
            self._process.join()
        self._outgoing.put(None)
        self._inbox.put(ChildGone(self.name, self.generation, self._process.exitcode))

    def _write(self) -> None:
        while (message := self._outgoing.get()) is not None:
            try:
                self._pipe.send(message)
            except OSError:  # the reader thread reports the end of the child
                return


def leave_signals_to_the_daemon() -> None:
    """In a child: Ctrl-C and SIGTERM reach the whole group, but the daemon ends its children."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def name_process(name: str) -> None:
    """Show `edge NAME` in top and ps -c, cut to the 15 bytes that Linux keeps."""
    with contextlib.suppress(OSError):
        Path("/proc/self/comm").write_text(f"edge {name}"[:15], encoding="utf-8")


def serve_commands(pipe: ParentConnection, take: Callable[[object], None]) -> None:
    """In a child: start the thread that receives the parent's messages and hands each to `take`.

    The thread runs even while the child's main thread is inside a native call. When the parent is
    gone the pipe closes, and the child ends at once: an orphan would hold the camera.
    """

    def listen() -> None:
        while True:
            try:
                message = pipe.recv()
            except (EOFError, OSError):
                os._exit(0)
            take(message)

    threading.Thread(target=listen, name="commands", daemon=True).start()
