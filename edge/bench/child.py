"""A side of the bench in a process of its own, so that its memory and its start are its alone.

The parent holds a SideProcess; the child builds the side and serves one call at a time over a pipe.
"""

from __future__ import annotations

import logging
import multiprocessing
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol, Self, cast

from edge.bench.cases import Case
from edge.bench.figures import Memory, Sample, Start, read_memory
from edge.errors import AnalysisFailed, EdgeError

SideName = Literal["engine", "genai"]
RUN_TIMEOUT_S = 900.0  # one answer; a start may take as long


@dataclass(frozen=True, slots=True)
class SideOptions:
    """How a side is to run. `cache_dir` holds its compiled models, `work_dir` its other files;
    `backend` is openvino-genai's way of attention.
    """

    model_dir: Path
    cache_dir: Path
    work_dir: Path
    threads: int | None = None
    backend: str = "PA"


class Side(Protocol):
    """An engine under test, loaded by its constructor."""

    load_s: float
    self_test_s: float

    def run(self, case: Case, round_index: int) -> Sample:
        """Measure one case once."""

    def notes(self) -> tuple[str, ...]:
        """What is to be known of how it runs."""


class SideProcess:
    """Drives a side from the parent. Use as a context manager.

    Every call raises the EdgeError that the side raised, or AnalysisFailed if its process died.
    """

    def __init__(self, name: SideName, options: SideOptions) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=serve, args=(theirs, name, options, time.monotonic()), name=f"bench-{name}"
        )
        self._name = name
        self._num_calls = 0
        self._process.start()
        theirs.close()

    def start(self, case: Case) -> Start:
        """Wait until the side is loaded, and have its first answer."""
        return cast("Start", self._call("start", case))

    def run(self, case: Case, round_index: int) -> Sample:
        """Measure one case once."""
        return cast("Sample", self._call("run", case, round_index))

    def memory(self) -> Memory:
        """The side's memory now."""
        return cast("Memory", self._call("memory"))

    def notes(self) -> tuple[str, ...]:
        """What the side says of how it runs."""
        return cast("tuple[str, ...]", self._call("notes"))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pipe.close()  # the child ends when its pipe does
        self._process.join(10)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def _call(self, *call: object) -> object:
        self._num_calls += 1
        answered = 0
        try:
            self._pipe.send((self._num_calls, *call))
            while answered != self._num_calls:  # older: of a call that was interrupted
                if not self._pipe.poll(RUN_TIMEOUT_S):
                    raise AnalysisFailed(f"{self._name}: no answer within {RUN_TIMEOUT_S:.0f} s")
                answered, reply = self._pipe.recv()
        except (EOFError, OSError) as error:
            self._process.join(10)
            raise AnalysisFailed(
                f"{self._name}: its process ended with status {self._process.exitcode}"
            ) from error
        if isinstance(reply, EdgeError):
            raise reply
        return reply


def serve(pipe: Connection, name: SideName, options: SideOptions, spawned_at: float) -> None:
    """The child's body: build the side at the first call, then answer calls until the pipe ends.

    `spawned_at` is time.monotonic() in the parent: one clock for all processes, on Linux.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's; the pipe tells
    logging.basicConfig(level=logging.WARNING)
    side: Side | None = None
    while True:
        try:
            number, call, *args = pipe.recv()
        except (EOFError, OSError):
            return
        reply: object
        try:
            if call == "start":
                side, reply = _start(name, options, spawned_at, *args)
            elif call == "memory":
                reply = read_memory()
            elif side is None:
                raise AnalysisFailed(f"{name}: not started")
            else:
                reply = getattr(side, call)(*args)
        except EdgeError as error:
            reply = error
        try:
            pipe.send((number, reply))
        except OSError:
            return


def _start(
    name: SideName, options: SideOptions, spawned_at: float, case: Case
) -> tuple[Side, Start]:
    build = _side_class(name)
    process_s = time.monotonic() - spawned_at
    side = build(options)
    begun_s = time.monotonic()
    side.run(case, -1)
    first_s = time.monotonic() - begun_s
    return side, Start(process_s, side.load_s, side.self_test_s, first_s)


def _side_class(name: SideName) -> Callable[[SideOptions], Side]:
    """The side's class; only its own libraries are imported."""
    if name == "engine":
        from edge.bench.engine import EngineSide  # noqa: PLC0415 - as said

        return EngineSide
    from edge.bench.genai import GenaiSide  # noqa: PLC0415 - as said

    return GenaiSide
