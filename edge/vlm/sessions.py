"""Open conversations: whose KV is in the runner now, whose is put aside, and which are given up.

The runner has one KV cache. A conversation that was last computed stays in it until somebody else
needs it, and is then copied aside; so a follow-up question on an idle box restores nothing. Bounded
by number, memory and idle time, the one unused longest goes first. Knows no words.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edge.errors import SessionGone
from edge.vlm.dialogue import Script
from edge.vlm.runner import Runner
from edge.vlm.transcript import Transcript
from edge.vlm.tree import ROOT, Branch

# What is put aside of a KV cache that the plugin holds in 8 bits. Twice as fine as it needs to be:
# brought back, nearly all values fall on the same 8 bits again; and half the memory of f32.
ASIDE_TYPE = np.float16


@dataclass(frozen=True, slots=True)
class SessionBounds:
    """How many conversations are kept, in how much memory, and how long after their last turn."""

    max_sessions: int
    max_bytes: int
    idle_s: float


@dataclass(frozen=True, slots=True)
class _Aside:
    """The KV of the first `num` tokens of a conversation, by the name of the runner's tensor."""

    tensors: dict[str, NDArray[np.floating]]
    num: int


@dataclass(eq=False)
class Session:
    """A conversation that can go on. Its KV holds the first tokens of the script: `rows` of the
    runner's cache while `epoch` is the runner's, else what was put aside.
    """

    script: Script
    used_mono_s: float = 0.0
    rows: NDArray[np.int64] = field(default_factory=lambda: ROOT.rows)
    epoch: int = -1
    aside: _Aside | None = None


class Sessions:
    """The sessions of one runner. Not thread-safe."""

    def __init__(
        self,
        runner: Runner,
        bounds: SessionBounds,
        *,
        exact: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`exact` keeps what is put aside in f32, as where the plugin's cache is f32."""
        self.bounds = bounds
        self._runner, self._clock = runner, clock
        self._type = np.float32 if exact else ASIDE_TYPE
        dims = runner.layout.text
        self.token_bytes = (
            2 * dims.layers * dims.kv_heads * dims.head_dim * np.dtype(self._type).itemsize
        )
        self._open: OrderedDict[str, Session] = OrderedDict()
        self._seated: Session | None = None  # whose KV the runner holds

    def __len__(self) -> int:
        return len(self._open)

    def __contains__(self, name: str) -> bool:
        return name in self._open

    def get(self, name: str) -> Session:
        """The session of that name. Raises SessionGone."""
        if name not in self._open:
            raise SessionGone(f"session {name} is not open any more: send the picture again")
        return self._open[name]

    def closest(self, transcript: Transcript) -> tuple[str, int]:
        """The session that begins with most of the same tokens, and how many; "" and 0 if none."""
        shared = [
            (s.script.transcript.num_shared(transcript), name) for name, s in self._open.items()
        ]
        num, name = max(shared, default=(0, ""))
        return (name, num) if num else ("", 0)

    def num_known(self, session: Session) -> int:
        """How many of a session's first tokens have their KV."""
        if self._is_seated(session):
            return len(session.rows)
        return 0 if session.aside is None else session.aside.num

    def seat(self, session: Session, num: int) -> Branch | None:
        """Have the runner's cache hold the session's first `num` tokens, at most `num_known`.

        Gives their branch; None, with no change, where there are none.
        """
        num = min(num, self.num_known(session))
        if num == 0:
            return None
        position = session.script.transcript.position(num)
        if not self._is_seated(session):
            aside = session.aside
            assert aside is not None  # noqa: S101 - or nothing would be known of it
            self.put_aside()
            self._runner.restore_arrays({k: v[:, :, :num] for k, v in aside.tensors.items()}, num)
            session.rows, session.epoch = np.arange(num), self._runner.epoch
            self._seated = session
        return Branch(session.rows[:num], position)

    def fork(self, session: Session) -> Session:
        """A conversation that begins as this one, which stays as it is."""
        if self._is_seated(session):
            self.put_aside()
        return Session(session.script, aside=session.aside)

    def has_grown(self, session: Session, script: Script, rows: NDArray[np.int64]) -> None:
        """The session is now this script, of which `rows` of the runner's cache hold the first
        tokens.
        """
        self._seated = session
        session.script, session.rows, session.epoch = script, rows, self._runner.epoch
        session.aside = None

    def put_aside(self) -> None:
        """Copy the KV in the runner aside, if it is an open session's: somebody else needs the
        cache.
        """
        session, self._seated = self._seated, None
        if session is None or session.epoch != self._runner.epoch:
            return
        if any(session is kept for kept in self._open.values()):
            tensors = self._runner.snapshot_rows(session.rows, self._type)
            session.aside = _Aside(tensors, len(session.rows))
        session.rows, session.epoch = ROOT.rows, -1

    def keep(self, name: str, session: Session) -> None:
        """Have the session open under this name, as the one used last; others may have to go."""
        for other in [n for n, s in self._open.items() if s is session and n != name]:
            del self._open[other]
        session.used_mono_s = self._clock()
        self._open[name] = session
        self._open.move_to_end(name)
        while len(self._open) > self.bounds.max_sessions or (
            self.num_bytes > self.bounds.max_bytes and len(self._open) > 1
        ):
            self.close(next(iter(self._open)))

    def close(self, name: str) -> None:
        """Forget a session; unknown names are ignored."""
        session = self._open.pop(name, None)
        if session is not None and self._seated is session:
            self._seated = None

    def close_idle(self) -> None:
        """Forget the sessions that nobody has used for too long."""
        latest = self._clock() - self.bounds.idle_s
        for name in [name for name, s in self._open.items() if s.used_mono_s < latest]:
            self.close(name)

    @property
    def num_bytes(self) -> int:
        """Memory that the open sessions take once they are put aside."""
        return sum(
            len(s.script.transcript) * self.token_bytes + s.script.transcript.num_bytes
            for s in self._open.values()
        )

    def _is_seated(self, session: Session) -> bool:
        return self._seated is session and session.epoch == self._runner.epoch
