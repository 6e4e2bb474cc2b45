"""Link: the connection to the broker and its thread; the only file that knows paho.

Each connection gets a paho client of its own, which is thrown away with it. paho keeps each message
that was not acknowledged and sends all of them at once when it connects again, past its own limit
(`Client._handle_connack` in 2.x); a new client with a clean start holds nothing, so the pump alone
knows what is in flight. Reports by `LinkEvent`s; decides nothing about messages.
"""

from __future__ import annotations

import logging
import struct
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, LogLevel, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.exception import MQTTException
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from edge.errors import DeliveryError
from edge.mqtt.backoff import Backoff
from edge.mqtt.commands import Incoming
from edge.mqtt.faults import describe_connect_fault, describe_connect_refusal
from edge.mqtt.settings import MqttSettings
from edge.mqtt.tls import build_tls_context

logger = logging.getLogger(__name__)

LOOP_S: Final = 0.5  # how late a stop or a drop may be noticed
GOODBYE_S: Final = 1.0  # for the DISCONNECT packet to leave
STABLE_S: Final = 30.0  # a connection that lasted this long starts the back-off anew
MAX_INCOMING_BYTES: Final = 256 * 1024  # the broker keeps larger packets from us (MQTT 5)
_KEEPALIVE_CODE: Final = 0x8D


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker publishes, retained, when the connection ends without a goodbye."""

    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class LinkUp:
    """The broker accepted a connection."""

    session: Session


@dataclass(frozen=True, slots=True)
class LinkDown:
    """The connection ended, or did not come about. Nothing more comes from its session."""

    error: str


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The broker answered a published message. From 0x80 on the code is a refusal."""

    message_id: int
    code: int


LinkEvent = LinkUp | LinkDown | Acknowledged


class Session:
    """One accepted connection, as the publisher uses it. Its methods never block on the network."""

    def __init__(
        self, client: paho.Client, max_in_flight: int, max_packet_bytes: int | None
    ) -> None:
        self.max_in_flight = max_in_flight
        self._client = client
        self._max_packet_bytes = max_packet_bytes
        self.drop_reason = ""

    def fits(self, topic: str, payload: bytes, correlation: bytes = b"") -> bool:
        """Whether the broker takes a packet of this size; it would hang up on a larger one."""
        # fixed header, topic length, packet id, property length: at most 5 + 2 + 2 + 4 bytes
        size_bytes = 13 + len(topic.encode()) + len(payload)
        if correlation:
            size_bytes += 3 + len(correlation)
        return self._max_packet_bytes is None or size_bytes <= self._max_packet_bytes

    def publish(self, topic: str, payload: bytes, *, retain: bool, correlation: bytes = b"") -> int:
        """Hand a message to the network thread at QoS 1; the id its acknowledgement will have.

        On a connection that has just ended the message is lost, and LinkDown follows.
        """
        properties = None
        if correlation:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho's lack
            properties.CorrelationData = correlation
        info = self._client.publish(topic, payload, qos=1, retain=retain, properties=properties)
        return info.mid

    def drop(self, reason: str) -> None:
        """Give the connection up without a goodbye, so that the will is published."""
        self.drop_reason = reason

    def close(self) -> None:
        """Say goodbye: the broker discards the will. LinkDown follows."""
        self._client.disconnect()


class _Attempt:
    """One connection from the first packet to the last: what it came to, told by paho's callbacks.

    All callbacks run in the link's thread, inside `Client.loop`.
    """

    def __init__(
        self,
        settings: MqttSettings,
        filters: Sequence[str],
        on_event: Callable[[LinkEvent], None],
        on_message: Callable[[Incoming], None],
    ) -> None:
        self._settings = settings
        self._filters = filters
        self._on_event = on_event
        self._on_message = on_message
        self.error = ""
        self._detail = ""
        self.session: Session | None = None

    def attach(self, client: paho.Client) -> None:
        """Listen to `client`."""
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_publish = self._acknowledged
        client.on_message = self._received
        client.on_subscribe = self._subscribed
        client.on_log = self._logged

    @staticmethod
    def detach(client: paho.Client) -> None:
        """Close what `client` left open, and break the circle of references through callbacks."""
        sock = client.socket()
        if sock is not None:
            sock.close()
        client.on_connect = client.on_disconnect = client.on_publish = None
        client.on_message = client.on_subscribe = client.on_log = None

    def _connected(
        self,
        client: paho.Client,
        _userdata: Any,
        _flags: paho.ConnectFlags,
        code: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if code.is_failure:
            self.error = describe_connect_refusal(code.value, self._settings)
            return
        limit = getattr(properties, "ReceiveMaximum", self._settings.max_in_flight)
        self.session = Session(
            client,
            min(limit, self._settings.max_in_flight),
            getattr(properties, "MaximumPacketSize", None),
        )
        self._subscribe(client)
        self._on_event(LinkUp(self.session))

    def _subscribe(self, client: paho.Client) -> None:
        if not self._filters:
            return
        if self._settings.version == "5":
            # Retain handling 2: a retained command would come again at every connection.
            options = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND)
            client.subscribe([(name, options) for name in self._filters])
        else:
            client.subscribe([(name, 1) for name in self._filters])

    def _subscribed(
        self,
        _client: paho.Client,
        _userdata: Any,
        _message_id: int,
        codes: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        for name, code in zip(self._filters, codes, strict=False):
            if code.is_failure:
                logger.warning("mqtt: the broker refused to send us %s: %s", name, code)

    def _disconnected(
        self,
        _client: paho.Client,
        _userdata: Any,
        flags: paho.DisconnectFlags,
        code: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if self.error:
            return
        if flags.is_disconnect_packet_from_server:
            self.error = f"the broker closed the connection: {code}"
        elif code.value == _KEEPALIVE_CODE:
            self.error = f"no sign of life from {self._settings.address}: keepalive timeout"

    def _acknowledged(
        self,
        _client: paho.Client,
        _userdata: Any,
        message_id: int,
        code: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        # Under 3.1.1 a PUBACK has no code and paho reports 0, success.
        self._on_event(Acknowledged(message_id, code.value))

    def _received(self, _client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        properties = message.properties
        self._on_message(
            Incoming(
                topic=message.topic,
                payload=bytes(message.payload),
                retained=message.retain,
                response_topic=getattr(properties, "ResponseTopic", ""),
                correlation=getattr(properties, "CorrelationData", b""),
            )
        )

    def _logged(self, _client: paho.Client, _userdata: Any, level: int, text: str) -> None:
        """The only place where paho says why a socket failed."""
        if level == LogLevel.MQTT_LOG_ERR:
            self._detail = text

    def outcome(self) -> str:
        """Why the connection ended, for the user."""
        if self.session is not None and self.session.drop_reason:
            return self.session.drop_reason
        if self.error:
            return self.error
        detail = f" ({self._detail})" if self._detail else ""
        address = self._settings.address
        if self.session is not None:
            return f"the connection to {address} was lost{detail}"
        return (
            f"{address} closed the connection instead of answering{detail}; "
            f"it may not speak MQTT {self._settings.version}"
        )


class Link:
    """Keeps a connection to the broker for ever, in a thread of its own.

    `on_event` and `on_message` are called in that thread and must be quick.
    """

    def __init__(
        self,
        settings: MqttSettings,
        *,
        will: Will,
        filters: Sequence[str],
        on_event: Callable[[LinkEvent], None],
        on_message: Callable[[Incoming], None],
    ) -> None:
        self._settings = settings
        self._will = will
        self._filters = tuple(filters)
        self._on_event = on_event
        self._on_message = on_message
        self._stopping = threading.Event()
        self._drop_mono_s = 0.0
        self._thread = threading.Thread(target=self._run, name="mqtt-link", daemon=True)

    def start(self) -> None:
        """Begin to connect."""
        self._thread.start()

    def stop(self) -> None:
        """Connect no more, and drop a connection that a goodbye has not closed a moment later."""
        self._drop_mono_s = time.monotonic() + GOODBYE_S
        self._stopping.set()

    def join(self, timeout_s: float) -> bool:
        """Wait for the thread; whether it has ended."""
        self._thread.join(max(timeout_s, 0))
        return not self._thread.is_alive()

    def is_alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def _run(self) -> None:
        backoff = Backoff(self._settings.retry_first_s, self._settings.retry_max_s)
        while not self._stopping.is_set():
            began_mono_s = time.monotonic()
            try:
                error = self._connect_once()
            except Exception:
                logger.exception("mqtt: the connection failed by a fault of this program")
                error = "internal error, see the log"
            self._on_event(LinkDown(error))
            if time.monotonic() - began_mono_s >= STABLE_S:
                backoff.reset()
            self._stopping.wait(backoff.next_s())

    def _connect_once(self) -> str:
        """One connection, from connecting to its end; why it ended."""
        attempt = _Attempt(self._settings, self._filters, self._on_event, self._on_message)
        try:
            client = self._build_client()
        except DeliveryError as error:
            return str(error)
        attempt.attach(client)
        try:
            self._open(client)
            self._serve(client, attempt)
        except DeliveryError as error:
            return str(error)
        finally:
            attempt.detach(client)
        return attempt.outcome()

    def _build_client(self) -> paho.Client:
        settings = self._settings
        is_v5 = settings.version == "5"
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=settings.effective_client_id,
            clean_session=None if is_v5 else True,
            protocol=MQTTProtocolVersion.MQTTv5 if is_v5 else MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
        )
        client.connect_timeout = settings.connect_timeout_s
        client.max_inflight_messages_set(0)  # the publisher counts; paho must not queue
        client.will_set(self._will.topic, self._will.payload, qos=1, retain=True)
        if settings.username:
            client.username_pw_set(settings.username, settings.password or None)
        if settings.tls is not None:
            client.tls_set_context(build_tls_context(settings.tls))
        # Without its own loop thread paho writes to the socket in whichever thread publishes. With
        # a (here empty) hook for an outside event loop it only queues, and wakes `loop`.
        client.on_socket_register_write = _leave_to_loop
        return client

    def _open(self, client: paho.Client) -> None:
        settings = self._settings
        clean: dict[str, Any] = {}  # under 3.1.1 the client was made with a clean session
        if settings.version == "5":
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho's lack
            properties.MaximumPacketSize = MAX_INCOMING_BYTES
            clean = {"clean_start": True, "properties": properties}
        try:
            client.connect(settings.host, settings.port, settings.keepalive_s, **clean)
        except (OSError, UnicodeError) as fault:  # UnicodeError: cannot be a host name
            raise DeliveryError(describe_connect_fault(fault, settings)) from None

    def _serve(self, client: paho.Client, attempt: _Attempt) -> None:
        answer_by_mono_s = time.monotonic() + self._settings.connect_timeout_s
        while self._loop(client) == MQTTErrorCode.MQTT_ERR_SUCCESS:
            now_mono_s = time.monotonic()
            session = attempt.session
            if self._stopping.is_set() and (session is None or now_mono_s >= self._drop_mono_s):
                return
            if session is not None and session.drop_reason:
                return
            if session is None and now_mono_s >= answer_by_mono_s:
                attempt.error = f"{self._settings.address} does not answer as an MQTT broker"
                return

    def _loop(self, client: paho.Client) -> MQTTErrorCode:
        try:
            return client.loop(LOOP_S)
        except (OSError, ValueError, LookupError, struct.error, MQTTException) as fault:
            # paho checks little of what it reads; its parsers raise whatever they stumble over
            text = f"{self._settings.address} sent what is not MQTT: {fault}"
            raise DeliveryError(text) from None


def _leave_to_loop(_client: paho.Client, _userdata: Any, _sock: Any) -> None:
    """`Client.loop` writes what is queued."""
