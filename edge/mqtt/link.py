"""Link: the connection to the broker and its thread; paho's client lives and dies here.

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
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.exception import MQTTException
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge.errors import DeliveryError
from edge.mqtt.attempt import Attempt, Filter
from edge.mqtt.backoff import Backoff
from edge.mqtt.commands import Incoming
from edge.mqtt.faults import describe_connect_fault
from edge.mqtt.rival import Ended, RivalWatch
from edge.mqtt.session import LinkDown, LinkEvent
from edge.mqtt.settings import MqttSettings
from edge.mqtt.tls import build_tls_context

logger = logging.getLogger(__name__)

LOOP_S: Final = 0.5  # how late a stop or a drop may be noticed
GOODBYE_S: Final = 1.0  # for the DISCONNECT packet to leave
STABLE_S: Final = 30.0  # a connection that lasted this long starts the back-off anew
MAX_INCOMING_BYTES: Final = 256 * 1024  # the broker keeps larger packets from us (MQTT 5)


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker publishes, retained, when the connection ends without a goodbye."""

    topic: str
    payload: bytes


class Link:
    """Keeps a connection to the broker for ever, in a thread of its own.

    `on_event` and `on_message` are called in that thread and must be quick.
    """

    def __init__(
        self,
        settings: MqttSettings,
        *,
        will: Will | None,
        filters: Sequence[Filter],
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
        rivals = RivalWatch(self._settings)
        while not self._stopping.is_set():
            began_mono_s = time.monotonic()
            try:
                ended = self._connect_once()
            except Exception:
                logger.exception("mqtt: the connection failed by a fault of this program")
                ended = Ended("internal error, see the log")
            lasted_s = time.monotonic() - began_mono_s
            error, least_wait_s = rivals.judge(ended, lasted_s)
            self._on_event(LinkDown(error))
            if lasted_s >= STABLE_S:
                backoff.reset()
            self._stopping.wait(max(backoff.next_s(), least_wait_s))

    def _connect_once(self) -> Ended:
        """One connection, from connecting to its end; why it ended."""
        attempt = Attempt(self._settings, self._filters, self._on_event, self._on_message)
        try:
            client = self._build_client()
        except DeliveryError as error:
            return Ended(str(error))
        attempt.attach(client)
        try:
            self._open(client)
            self._serve(client, attempt)
        except DeliveryError as error:
            return Ended(str(error))
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
        if self._will is not None:
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

    def _serve(self, client: paho.Client, attempt: Attempt) -> None:
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
