"""The life of a person's turn: taken, queued before the cameras' work, told piece by piece, ended.

Runs in the daemon's main thread like the analyst, whose queue and analyzer it shares; other threads
come in by the `Door`. Every turn that comes in here ends in exactly one `on_end`.
"""

from __future__ import annotations

import queue
from collections.abc import Callable
from dataclasses import dataclass

from edge.conversation import Listener, Piece, Turn, TurnResult
from edge.daemon.analyzer_host import AnalyzerHost
from edge.daemon.child import Inbox
from edge.daemon.jobs import TurnJob
from edge.daemon.messages import CancelTurn, CloseSession
from edge.daemon.scheduler import MAX_USER_JOBS, Scheduler
from edge.daemon.tuner import CancelTuneOrder, TuneOrder
from edge.enhancement import MAX_DETAILS
from edge.errors import AnalysisFailed, EdgeError, QuestionError, SessionGone, TooBusy, Withdrawn
from edge.findings import ConfigReport
from edge.frames import Image
from edge.present import Present
from edge.tuning import TuneReport, TuneRequest

PICTURE_S = 10.0  # a whole frame takes 4.5 s on an N100; text's deadline does not count it


@dataclass(frozen=True, slots=True)
class TurnOrder:
    """Have a turn answered."""

    turn: Turn
    listener: Listener


@dataclass(frozen=True, slots=True)
class CancelOrder:
    """Nobody waits for a turn any more."""

    turn_id: str


@dataclass(frozen=True, slots=True)
class CloseOrder:
    """Forget a session."""

    session: str


@dataclass(frozen=True, slots=True)
class LookOrder:
    """Tell what the box is doing now."""

    reply: Callable[[Present], None]


@dataclass(frozen=True, slots=True)
class TakeOrder:
    """Take a picture with a camera; None is told if it gives none."""

    camera: str
    reply: Callable[[Image | None], None]


@dataclass(frozen=True, slots=True)
class ReloadOrder:
    """Read the configuration's file again; tell what became of it."""

    reply: Callable[[ConfigReport], None]


Order = TurnOrder | CancelOrder | CloseOrder


class Door:
    """Takes orders from any thread to the main one. Never blocks; raises TooBusy."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    def ask(self, turn: Turn, listener: Listener) -> None:
        """Have a turn answered; the listener is called in the main thread. Ids must be unique."""
        self._put(TurnOrder(turn, listener))

    def cancel(self, turn_id: str) -> None:
        """The client went away: a waiting turn is taken back, a text ends at the next token."""
        self._put(CancelOrder(turn_id))

    def close(self, session: str) -> None:
        """Forget a session; unknown ones are ignored."""
        self._put(CloseOrder(session))

    def look(self, reply: Callable[[Present], None]) -> None:
        """Have `reply` called in the main thread with what the box is doing now."""
        self._put(LookOrder(reply))

    def take(self, camera: str, reply: Callable[[Image | None], None]) -> None:
        """Have a camera take a picture; `reply` is called in the main thread within 10 s or so."""
        self._put(TakeOrder(camera, reply))

    def tune(
        self, ticket: str, request: TuneRequest, reply: Callable[[TuneReport | EdgeError], None]
    ) -> None:
        """Look closely at a camera or clip; `reply` is called in the main thread, minutes later."""
        self._put(TuneOrder(ticket, request, reply))

    def cancel_tune(self, ticket: str) -> None:
        """The client went away: `reply` is not called any more."""
        self._put(CancelTuneOrder(ticket))

    def reload(self, reply: Callable[[ConfigReport], None]) -> None:
        """Have the configuration read again; `reply` is called in the main thread afterwards."""
        self._put(ReloadOrder(reply))

    def _put(
        self,
        order: Order | LookOrder | TakeOrder | TuneOrder | CancelTuneOrder | ReloadOrder,
    ) -> None:
        try:
            self._inbox.put_nowait(order)
        except queue.Full:
            raise TooBusy("the daemon is too busy; try again in a moment") from None


class Conversations:
    """Turns that wait or are being answered, and who listens to them."""

    def __init__(self, scheduler: Scheduler, host: AnalyzerHost) -> None:
        self._scheduler, self._host = scheduler, host
        self._listeners: dict[str, Listener] = {}

    def obey(self, order: Order, now_mono_s: float) -> None:
        """Carry an order out."""
        match order:
            case TurnOrder(turn, listener):
                self._take(turn, listener, now_mono_s)
            case CancelOrder(turn_id):
                self._cancel(turn_id)
            case CloseOrder(session):
                self._host.tell(CloseSession(session))

    def submit(self, job: TurnJob, now_mono_s: float) -> None:
        """Send the running turn to the analyzer."""
        pictures = job.turn.num_pictures + (MAX_DETAILS if job.turn.enhance else 0)
        self._host.submit(job.turn, now_mono_s, extra_s=PICTURE_S * pictures)

    def heard(self, piece: Piece) -> None:
        """Some text was written."""
        if piece.turn_id in self._listeners:
            self._listeners[piece.turn_id].on_piece(piece)

    def end(self, turn_id: str, outcome: TurnResult | EdgeError) -> None:
        """A turn is over, whether it was answered or not; it is neither waiting nor running."""
        self._listeners.pop(turn_id).on_end(outcome)

    def analyzer_gone(self, job: TurnJob) -> None:
        """The analyzer's process ended while it had the turn; its sessions are gone with it."""
        if job.turn.continues:
            self.end(
                job.id,
                SessionGone(
                    f"session {job.turn.session} is not open any more, the analyzer had to be "
                    f"replaced: send the picture again"
                ),
            )
        else:
            self.end(job.id, AnalysisFailed("the analyzer process ended during the answer"))

    def _take(self, turn: Turn, listener: Listener, now_mono_s: float) -> None:
        if turn.id in self._listeners:
            listener.on_end(QuestionError(f"turn {turn.id} is waiting or being answered already"))
            return
        if not self._scheduler.offer_user(TurnJob(turn, now_mono_s)):
            listener.on_end(
                TooBusy(f"{MAX_USER_JOBS} questions are waiting already; try again later")
            )
            return
        self._listeners[turn.id] = listener

    def _cancel(self, turn_id: str) -> None:
        if self._scheduler.find_running(turn_id) is not None:
            self._host.tell(CancelTurn(turn_id))
        elif self._scheduler.withdraw(turn_id):
            self.end(turn_id, Withdrawn(f"turn {turn_id} was taken back"))
