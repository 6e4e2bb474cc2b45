"""Brings each message of the inbox to the part that it is for. Runs in the daemon's main thread.

Knows who says what: the analyzer and the tuner by the numbers of their processes, cameras by name,
people by the kind of their order. What a message means is the part's business.
"""

from __future__ import annotations

from edge.daemon.child import ChildGone, FromChild
from edge.daemon.commands import Commands
from edge.daemon.conversations import (
    CancelOrder,
    CloseOrder,
    LookOrder,
    ReloadOrder,
    TakeOrder,
    TurnOrder,
)
from edge.daemon.messages import EngineChanged, EngineReady
from edge.daemon.overview import Overview
from edge.daemon.parts import Parts
from edge.daemon.reload import Reloader
from edge.daemon.tuner import CancelTuneOrder, TuneOrder


class Dispatch:
    """From a message to a call."""

    def __init__(
        self, parts: Parts, overview: Overview, commands: Commands, reloader: Reloader
    ) -> None:
        self._analyst, self._tuner, self._cameras = parts.analyst, parts.tuner, parts.cameras
        self._overview = overview
        self._commands = commands
        self._reloader = reloader

    def deliver(self, message: object, now_mono_s: float) -> None:
        """Hand one message over; the late words of processes that were replaced go nowhere."""
        is_analyzer = self._analyst.host.slot.is_current
        match message:
            case FromChild(generation=generation, message=words) if is_analyzer(generation):
                self._analyst.heard(words)
                if isinstance(words, EngineReady | EngineChanged):
                    self._overview.announce_info()
            case ChildGone(generation=generation, exitcode=exitcode) if is_analyzer(generation):
                self._analyst.analyzer_gone(exitcode)
            case FromChild() | ChildGone() if self._tuner.is_current(message.generation):
                self._tuner.heard(message, now_mono_s)
            case FromChild(name, generation, words):
                self._cameras.heard(name, generation, words, now_mono_s)
            case ChildGone(name, generation, exitcode):
                self._cameras.gone(name, generation, exitcode, now_mono_s)
            case TurnOrder() | CancelOrder() | CloseOrder():
                self._analyst.obey(message)
            case TuneOrder() | CancelTuneOrder():
                self._tuner.obey(message, now_mono_s)
            case LookOrder(reply):
                self._overview.tell_present(reply)
            case TakeOrder(camera, give):
                self._cameras.take(
                    camera, now_mono_s, lambda taken: give(None if taken is None else taken.image)
                )
            case ReloadOrder(reply):
                self._reloader.request(reply)
            case _:
                self._commands.carry_out(message, now_mono_s)
