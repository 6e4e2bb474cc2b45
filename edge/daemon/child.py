"""One spawned, killable child process and the two threads that talk to it.

Nothing here can block the caller: a reader thread moves the child's messages into the daemon's
inbox, a writer thread moves messages into the pipe. A child that is stuck in native code
is killed; its pipe then closes and both threads end. A child whose parent is gone sees its pipe
close and ends as well (`serve_commands`).
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge.daemon.pipe import MessagePipe

log = logging.getLogger(__name__)

_context = multiprocessing.get_context("spawn")


@dataclass(frozen=True, slots=True)
class FromChild:
    """A message of a child; `generation` is the child's own and tells late messages apart."""

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

OOM_SCORE = 900  # of -1000 to 1000, where 1000 is the first of the whole box in any case
END_AFTER_PIPE_S = 5.0  # a process that closed its pipe and lives on this long is killed


class Child:
    """A running child process. Ends by itself when it is told to, or with `kill`."""

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
        ours, theirs = map(MessagePipe, _context.Pipe())
        self._pipe = ours
        self._process = _context.Process(
            target=body, args=(theirs, *arguments), name=name, daemon=True
        )
        self._process.start()
        theirs.close()
        self._pid = self._process.pid or 0
        self._lock = threading.Lock()  # held to close the process's handle, or to use it
        self._ended = threading.Event()
        log.info("%s: started as process %d", name, self.pid)
        self._writer = threading.Thread(target=self._write, name=f"{name}-write", daemon=True)
        self._writer.start()
        threading.Thread(target=self._read, name=f"{name}-read", daemon=True).start()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._pid

    def send(self, message: object) -> None:
        """Queue a message for the child; returns at once. Lost if the child dies first."""
        self._outgoing.put(message)

    def kill(self) -> None:
        """SIGKILL. A ChildGone follows in the inbox."""
        with self._lock:
            if not self._ended.is_set():
                self._process.kill()

    def join(self, timeout_s: float) -> bool:
        """Wait for the process to end and all it said to be in the inbox; whether it has."""
        return self._ended.wait(timeout_s)

    def _read(self) -> None:
        """Thread body: whatever ends the reading, the process is ended and ChildGone told."""
        try:
            while True:
                message = self._pipe.recv()
                self._inbox.put(FromChild(self.name, self.generation, message))
        except (EOFError, OSError):
            pass  # the process has ended, or closed its pipe
        except Exception:  # half a message, or one that is none
            log.exception("%s: its process said what cannot be read; it is ended", self.name)
            self._process.kill()
        self._process.join(END_AFTER_PIPE_S)
        if self._process.exitcode is None:
            self._process.kill()
            self._process.join()
        exitcode = self._process.exitcode
        self._close()
        self._inbox.put(ChildGone(self.name, self.generation, exitcode))

    def _close(self) -> None:
        """Give the descriptors back now: the collector of garbage may come hours later."""
        self._outgoing.put(None)
        self._writer.join()  # soon: the pipe's other end is closed
        self._pipe.close()
        with self._lock:
            self._process.close()
            self._ended.set()

    def _write(self) -> None:
        while (message := self._outgoing.get()) is not None:
            try:
                self._pipe.send(message)
            except OSError:  # the reader thread reports the end of the child
                return


def kill_all_children() -> None:
    """SIGKILL every child process that still lives, whoever started it.

    At the exit multiprocessing waits for its children for ever, and ours ignore its SIGTERM.
    """
    for process in multiprocessing.active_children():
        with contextlib.suppress(ValueError):  # it has ended just now, and its handle is closed
            process.kill()


def leave_signals_to_the_daemon() -> None:
    """In a child: Ctrl-C and SIGTERM reach the whole group, but the daemon ends its children."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def offer_memory_first() -> None:
    """Let the kernel end this process before any other of the box when memory runs out.

    A process may always raise its own score; children of this one would inherit it.
    """
    with contextlib.suppress(OSError):  # /proc may be hidden, as in some containers
        Path("/proc/self/oom_score_adj").write_text(f"{OOM_SCORE}\n")


def name_process(name: str) -> None:
    """Show `edge: NAME` in ps and top, in place of the command line that spawned the process.

    The short name is cut to the 15 bytes that Linux keeps, the long one to the room there is.
    """
    title = f"edge: {name}".encode()
    with contextlib.suppress(OSError):
        Path("/proc/self/comm").write_bytes(title[:15])
        # proc(5): fields 48 and 49 are where the kernel reads the command line, in this process's
        # own memory. Python has its own copy. The rest is filled with zeros, which ends the text.
        fields = Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        start, end = int(fields[45]), int(fields[46])
        if start and end - start > 1:
            ctypes.memmove(start, title[: end - start - 1].ljust(end - start, b"\0"), end - start)


def serve_commands(pipe: MessagePipe, take: Callable[[object], None]) -> None:
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
