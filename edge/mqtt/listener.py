"""Listener: follows topics on a broker, for `edge watch` and the demo.

A client of its own beside the publisher: it only reads and reconnects for ever. It keeps no session
unless it is told for how long.
"""

from __future__ import annotations

import queue
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge.errors import DeliveryError
from edge.mqtt.faults import describe_connect_fault, describe_connect_refusal
from edge.mqtt.settings import MqttSettings
from edge.mqtt.tls import build_tls_context

RETRY_S = (1, 30)
MAX_WAITING = 1000  # messages not read yet; beyond it the newest are dropped and counted


@dataclass(frozen=True, slots=True)
class Heard:
    """One message. `retained` is true for what the broker kept from before we came."""

    topic: str
    payload: bytes = field(repr=False)
    retained: bool


class Listener:
    """Messages on `filters`. A context manager: connected inside, or DeliveryError on entering."""

    def __init__(
        self, settings: MqttSettings, filters: Sequence[str], *, keep_session_s: int = 0
    ) -> None:
        """With `keep_session_s` nothing is missed while it is away for less, if the broker keeps
        sessions; the client's id is then that of the settings, and MQTT is 5.
        """
        self.dropped = 0
        self._keep_session_s = keep_session_s
        self._settings = settings
        self._filters = filters
        self._heard: queue.Queue[Heard] = queue.Queue(MAX_WAITING)
        self._answer: queue.Queue[str] = queue.Queue(1)  # "" or why we are refused
        is_v5 = settings.version == "5"
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=settings.effective_client_id if keep_session_s else "",
            protocol=MQTTProtocolVersion.MQTTv5 if is_v5 else MQTTProtocolVersion.MQTTv311,
        )
        self._client.reconnect_delay_set(*RETRY_S)
        self._client.connect_timeout = settings.connect_timeout_s
        if settings.username:
            self._client.username_pw_set(settings.username, settings.password or None)
        if settings.tls is not None:
            self._client.tls_set_context(build_tls_context(settings.tls))
        self._client.on_connect = self._connected
        self._client.on_subscribe = self._subscribed
        self._client.on_message = self._received

    def __enter__(self) -> Self:
        settings = self._settings
        try:
            self._connect()
        except (OSError, ValueError) as fault:
            raise DeliveryError(describe_connect_fault(fault, settings)) from None
        self._client.loop_start()
        try:
            refusal = self._answer.get(timeout=settings.connect_timeout_s)
        except queue.Empty:
            refusal = f"no answer from {settings.address}"
        if refusal:
            self._end()
            raise DeliveryError(refusal)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end()

    def _end(self) -> None:
        client = self._client
        client.disconnect()
        client.loop_stop()
        # Out of the circle of references paho closes its sockets at once, not at some collection.
        client.on_connect = client.on_subscribe = client.on_message = None

    def messages(self, idle_s: float) -> Iterator[Heard | None]:
        """Messages as they come; None after each `idle_s` without one, so the caller may end."""
        while True:
            try:
                yield self._heard.get(timeout=idle_s)
            except queue.Empty:
                yield None

    def _connect(self) -> None:
        settings = self._settings
        host, port, keepalive_s = settings.host, settings.port, settings.keepalive_s
        if not self._keep_session_s:
            self._client.connect(host, port, keepalive_s)
            return
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho's lack
        properties.SessionExpiryInterval = self._keep_session_s
        self._client.connect(host, port, keepalive_s, clean_start=False, properties=properties)

    def _connected(
        self, client: paho.Client, _data: Any, _flags: Any, code: ReasonCode, _properties: Any
    ) -> None:
        if code.is_failure:
            self._tell(describe_connect_refusal(code.value, self._settings))
            return
        client.subscribe([(name, 1) for name in self._filters])

    def _subscribed(
        self,
        _client: paho.Client,
        _data: Any,
        _message_id: int,
        codes: list[ReasonCode],
        _properties: Any,
    ) -> None:
        refused = [
            name for name, code in zip(self._filters, codes, strict=False) if code.is_failure
        ]
        where = self._settings.address
        self._tell(f"{where} refuses to send us {', '.join(refused)}" if refused else "")

    def _tell(self, refusal: str) -> None:
        """What came of the first connection; later ones are nobody's question."""
        with suppress(queue.Full):
            self._answer.put_nowait(refusal)

    def _received(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        try:
            self._heard.put_nowait(Heard(message.topic, bytes(message.payload), message.retain))
        except queue.Full:
            self.dropped += 1
