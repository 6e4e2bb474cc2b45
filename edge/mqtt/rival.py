"""Rival: another client with our name, seen from how our connections end.

A broker that gets a second client of one name closes the first one's connection, so two boxes of
one node would throw each other out for ever. Pure; the link asks after each connection.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from edge.mqtt.settings import MqttSettings

SHORT_S: Final = 30.0
NUM_SHORT: Final = 3  # the broker's restart or a bad line end one or two connections soon
GONE_S: Final = 3600.0  # must exceed the longest wait: that long a rival leaves us alone
LONG_WAITS: Final = 5  # of `retry_max_s`; the rival, if it does the same, has as long to itself


class Ending(Enum):
    """How a connection ended, as far as it tells of a rival."""

    EXPLAINED = auto()  # never accepted, given up by us, or ended for a reason that is known
    LOST = auto()  # accepted, then closed or broken without a word
    TAKEN_OVER = auto()  # the broker says so: MQTT 5, 0x8E


@dataclass(frozen=True, slots=True)
class Ended:
    """Why a connection ended, for the user, and what kind of end it was."""

    error: str
    ending: Ending = Ending.EXPLAINED


class RivalWatch:
    """Judges the ends of connections, one after the other.

    Mosquitto up to 2.0.11 takes a connection over without sending 0x8E, and 3.1.1 cannot say it:
    there, accepted connections that are lost soon, several in a row, raise the suspicion.
    """

    def __init__(self, settings: MqttSettings) -> None:
        self._settings = settings
        self._num_short = 0

    def judge(self, ended: Ended, lasted_s: float) -> tuple[str, float]:
        """What to tell the user, and how long to wait at least before the next try, in seconds."""
        if ended.ending is Ending.EXPLAINED:
            return ended.error, 0.0
        if lasted_s < SHORT_S:
            self._num_short += 1
        elif self._num_short < NUM_SHORT or lasted_s >= GONE_S:
            self._num_short = 0
        settings = self._settings
        name = f"the name {settings.effective_client_id!r} (node {settings.node!r})"
        remedy = "give this box another `node`"
        if ended.ending is Ending.TAKEN_OVER:
            return f"another client uses {name}; {remedy}", LONG_WAITS * settings.retry_max_s
        if self._num_short < NUM_SHORT:
            return ended.error, 0.0
        text = f"{ended.error}, as before soon after it was accepted; if another client uses {name}"
        return f"{text}, {remedy}", settings.retry_max_s
