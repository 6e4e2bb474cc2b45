"""PoolLine: a connection to the broker for the pool, with MQTT 5's means for work queues.

One class for both sides. A box that hands out jobs hears answers and workers' notes; a worker takes
jobs by a shared subscription, at most one before it has acknowledged the last (Receive Maximum 1),
and acknowledges a job when its answer has reached the broker. Reconnects for ever; each connection
begins with nothing, what is lost with one is the caller's to say again. Events are put into
`on_event` in paho's thread, which must be quick. The publisher of findings has its own connection.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from edge.errors import DeliveryError
from edge.mqtt.faults import describe_connect_fault, describe_connect_refusal
from edge.mqtt.settings import MqttSettings
from edge.mqtt.tls import build_tls_context

log = logging.getLogger(__name__)

NOBODY_CODE: Final = 0x10  # "no matching subscribers", of a PUBACK
MAX_PACKET_BYTES: Final = 4 * 2**20
RETRY_S: Final = (1, 30)


@dataclass(frozen=True, slots=True)
class LineUp:
    """Connected, and subscribed."""


@dataclass(frozen=True, slots=True)
class LineDown:
    """The connection ended, or did not come about."""

    error: str


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message. `token` acknowledges it."""

    topic: str
    payload: bytes = field(repr=False)
    response_topic: str
    correlation: bytes
    token: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Delivered:
    """The broker has what was published under `name`; `had_takers` is false if nobody hears it."""

    name: str
    had_takers: bool


LineEvent = LineUp | LineDown | Arrived | Delivered


class PoolLine:
    """Keeps a connection; its methods may be called from any thread and do not block."""

    def __init__(
        self,
        settings: MqttSettings,
        *,
        client_id: str,
        filters: Sequence[str],
        on_event: Callable[[LineEvent], None],
        will: tuple[str, bytes] | None = None,
        one_at_a_time: bool = False,
    ) -> None:
        if settings.version != "5":
            raise DeliveryError("the pool needs MQTT 5: set `mqtt.version: 5`")
        self._settings, self._filters, self._on_event = settings, tuple(filters), on_event
        self._one_at_a_time = one_at_a_time
        self._names: dict[int, str] = {}  # of what is on its way
        self._early: dict[int, ReasonCode] = {}  # acknowledged before its name was known
        self._lock = threading.Lock()
        self._is_up = False
        self._client = client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=MQTTProtocolVersion.MQTTv5,
            manual_ack=one_at_a_time,
        )
        client.connect_timeout = settings.connect_timeout_s
        client.reconnect_delay_set(*RETRY_S)
        if will is not None:
            client.will_set(*will, qos=1, retain=True)
        if settings.username:
            client.username_pw_set(settings.username, settings.password or None)
        if settings.tls is not None:
            client.tls_set_context(build_tls_context(settings.tls))
        client.on_connect = self._connected
        client.on_connect_fail = self._failed
        client.on_disconnect = self._disconnected
        client.on_subscribe = self._subscribed
        client.on_message = self._received
        client.on_publish = self._acknowledged

    def start(self) -> None:
        """Begin to connect. Raises DeliveryError for an address that cannot be one."""
        settings = self._settings
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho's lack
        properties.MaximumPacketSize = MAX_PACKET_BYTES
        if self._one_at_a_time:
            properties.ReceiveMaximum = 1
        try:
            self._client.connect_async(
                settings.host,
                settings.port,
                settings.keepalive_s,
                clean_start=True,
                properties=properties,
            )
        except ValueError as fault:
            raise DeliveryError(describe_connect_fault(fault, settings)) from None
        self._client.loop_start()

    def stop(self) -> None:
        """Say goodbye, so that no will is published, and end the thread."""
        client = self._client
        client.disconnect()
        client.loop_stop()
        # Out of the circle of references paho closes its sockets at once, not at some collection.
        client.on_connect = client.on_connect_fail = client.on_disconnect = None
        client.on_message = client.on_subscribe = client.on_publish = None

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        name: str = "",
        retain: bool = False,
        response_topic: str = "",
        correlation: bytes = b"",
        expiry_s: int = 0,
    ) -> bool:
        """Publish at QoS 1; False without a connection. `Delivered(name)` follows."""
        if not self._is_up:
            return False
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho's lack
        if response_topic:
            properties.ResponseTopic = response_topic
        if correlation:
            properties.CorrelationData = correlation
        if expiry_s:
            properties.MessageExpiryInterval = expiry_s
        # Not under the lock: paho holds one of its own here, and also where it calls us back.
        info = self._client.publish(topic, payload, 1, retain, properties)
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            return False
        with self._lock:
            early = self._early.pop(info.mid, None)
            if early is None:
                self._names[info.mid] = name
        if early is not None:
            self._tell(name, early)
        return True

    def acknowledge(self, token: tuple[int, int]) -> None:
        """The work that a message asked for is done. One of an earlier connection is ignored."""
        if self._is_up:
            self._client.ack(*token)

    def subscribe(self, topic_filter: str) -> None:
        """Hear what comes on another filter, until the connection ends."""
        self._client.subscribe(topic_filter, qos=1)

    def unsubscribe(self, topic_filter: str) -> None:
        """Hear it no more."""
        self._client.unsubscribe(topic_filter)

    def _connected(
        self, client: paho.Client, _data: Any, _flags: Any, code: ReasonCode, _properties: Any
    ) -> None:
        if code.is_failure:
            self._on_event(LineDown(describe_connect_refusal(code.value, self._settings)))
            return
        with self._lock:
            self._names.clear()
            self._early.clear()
        self._is_up = True
        if not self._filters:
            self._on_event(LineUp())
            return
        options = SubscribeOptions(qos=1)  # retained notes are wanted
        client.subscribe([(name, options) for name in self._filters])

    def _subscribed(
        self, _client: Any, _data: Any, _mid: int, codes: list[ReasonCode], _properties: Any
    ) -> None:
        for code in codes:
            if code.is_failure:
                log.error("pool: the broker refuses a subscription: %s", code)
        if len(codes) == len(self._filters):
            self._on_event(LineUp())

    def _failed(self, _client: Any, _data: Any) -> None:
        self._on_event(LineDown(f"{self._settings.address} cannot be reached"))

    def _disconnected(
        self, _client: Any, _data: Any, _flags: Any, code: ReasonCode, _properties: Any
    ) -> None:
        was_up, self._is_up = self._is_up, False
        if was_up:
            self._on_event(LineDown(f"the connection to {self._settings.address} ended: {code}"))

    def _received(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        properties = message.properties
        self._on_event(
            Arrived(
                topic=message.topic,
                payload=bytes(message.payload),
                response_topic=getattr(properties, "ResponseTopic", ""),
                correlation=getattr(properties, "CorrelationData", b""),
                token=(message.mid, message.qos),
            )
        )

    def _acknowledged(
        self, _client: Any, _data: Any, mid: int, code: ReasonCode, _properties: Any
    ) -> None:
        with self._lock:
            name = self._names.pop(mid, None)
            if name is None:
                self._early[mid] = code
        if name is not None:
            self._tell(name, code)

    def _tell(self, name: str, code: ReasonCode) -> None:
        if code.is_failure:
            log.warning("pool: the broker refuses a message: %s", code)
        if name:
            self._on_event(Delivered(name, not code.is_failure and code.value != NOBODY_CODE))
