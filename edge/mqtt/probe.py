"""Probe: tries what a node needs of its broker, and says what of it was refused.

A connection of its own under a name of its own, so that a running daemon keeps its connection. What
it publishes is not retained and means nothing to anyone. Called by `edge doctor`.
"""

from __future__ import annotations

import queue
import secrets
import time
from dataclasses import dataclass, replace
from typing import Final

from edge.errors import DeliveryError
from edge.mqtt.attempt import Filter
from edge.mqtt.commands import Incoming
from edge.mqtt.faults import describe_publish_refusal
from edge.mqtt.link import GOODBYE_S, Link
from edge.mqtt.session import (
    FIRST_FAILURE_CODE,
    Acknowledged,
    LinkDown,
    LinkEvent,
    LinkUp,
    Session,
)
from edge.mqtt.settings import MqttSettings
from edge.mqtt.topics import Topics

ANSWER_S: Final = 5.0  # for an acknowledgement
BACK_S: Final = 2.0  # for a message to come back, once it is acknowledged
DISCOVERY_ID: Final = "edge_doctor"  # no device has it; an empty document removes the device


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """What an accepted connection was good for.

    `own_refusal` and `discovery_refusal` say why a message on our own topics, or on Home
    Assistant's, was not taken; "" where it was (or where nothing is to be discovered). `came_back`:
    what was published on the topic of commands was received from it, after `round_trip_s`.
    """

    own_refusal: str
    discovery_refusal: str
    came_back: bool
    round_trip_s: float


def probe(settings: MqttSettings) -> ProbeReport:
    """Connect, publish, read back, leave; raises DeliveryError if no connection comes about.

    Blocks for up to three connect time-outs (TCP, TLS, CONNACK) and some ANSWER_S.
    """
    name = f"edge-doctor-{secrets.token_hex(4)}"
    prober = _Prober(replace(settings, client_id=name), name.encode())
    try:
        return prober.run()
    finally:
        prober.close()


class _Prober:
    """One link, and what it tells, taken one event at a time."""

    def __init__(self, settings: MqttSettings, token: bytes) -> None:
        self._settings = settings
        self._token = token
        self._topics = Topics(settings.node, settings.prefix, settings.discovery_prefix)
        self._events: queue.SimpleQueue[LinkEvent] = queue.SimpleQueue()
        self._heard: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._session: Session | None = None
        self._link = Link(
            settings,
            will=None,
            filters=[Filter(self._topics.probe)],
            on_event=self._events.put,
            on_message=self._receive,
        )

    def run(self) -> ProbeReport:
        """Connect and try everything."""
        self._link.start()
        event = self._next_event(3 * self._settings.connect_timeout_s + 1)
        if isinstance(event, LinkDown):
            raise DeliveryError(event.error)
        if not isinstance(event, LinkUp):
            raise DeliveryError(f"no answer from {self._settings.address}")
        self._session = event.session
        began_mono_s = time.monotonic()
        own_refusal = self._publish(self._topics.probe, self._token)
        came_back = not own_refusal and self._comes_back()
        round_trip_s = time.monotonic() - began_mono_s
        discovery_refusal = ""
        if self._settings.discovery and self._session is not None:
            discovery_refusal = self._publish(self._topics.discovery(DISCOVERY_ID), b"")
        return ProbeReport(own_refusal, discovery_refusal, came_back, round_trip_s)

    def close(self) -> None:
        """Say goodbye."""
        if self._session is not None:
            self._session.close()
        self._link.stop()
        self._link.join(GOODBYE_S + 1)

    def _publish(self, topic: str, payload: bytes) -> str:
        """Publish; why the broker did not take it, or "". Brokers before MQTT 5 do not tell."""
        if self._session is None:
            return "the connection has ended"
        message_id = self._session.publish(topic, payload, retain=False)
        event = self._next_event(ANSWER_S)
        match event:
            case Acknowledged(found, code) if found == message_id:
                return describe_publish_refusal(code) if code >= FIRST_FAILURE_CODE else ""
            case LinkDown():
                self._session = None
                return event.error
            case _:
                return f"no acknowledgement within {ANSWER_S:g} s"

    def _comes_back(self) -> bool:
        until_mono_s = time.monotonic() + BACK_S
        while (left_s := until_mono_s - time.monotonic()) > 0:
            try:
                if self._heard.get(timeout=left_s) == self._token:
                    return True
            except queue.Empty:
                break
        return False

    def _next_event(self, timeout_s: float) -> LinkEvent | None:
        try:
            return self._events.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def _receive(self, message: Incoming) -> None:
        """In the link's thread."""
        self._heard.put(message.payload)
