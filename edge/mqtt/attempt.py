"""Attempt: what paho's callbacks tell of one connection, from the first packet to the last.

It turns them into events and, in the end, into words for the user. Made by the link.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import paho.mqtt.client as paho
from paho.mqtt.enums import LogLevel
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from edge.mqtt.commands import Incoming
from edge.mqtt.faults import describe_connect_refusal
from edge.mqtt.rival import Ended, Ending
from edge.mqtt.session import Acknowledged, LinkEvent, LinkUp, Session
from edge.mqtt.settings import MqttSettings

logger = logging.getLogger(__name__)

_KEEPALIVE_CODE: Final = 0x8D
_TAKEN_OVER_CODE: Final = 0x8E


@dataclass(frozen=True, slots=True)
class Filter:
    """A topic filter to subscribe to; of commands nothing retained is wanted: it is old, and would
    come again at every connection.
    """

    topic: str
    wants_retained: bool = False


class Attempt:
    """One connection. All callbacks run in the link's thread, inside `Client.loop`."""

    def __init__(
        self,
        settings: MqttSettings,
        filters: Sequence[Filter],
        on_event: Callable[[LinkEvent], None],
        on_message: Callable[[Incoming], None],
    ) -> None:
        self._settings = settings
        self._filters = filters
        self._on_event = on_event
        self._on_message = on_message
        self.error = ""
        self._detail = ""
        self._is_taken_over = False
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
            send, hold = (
                SubscribeOptions.RETAIN_SEND_ON_SUBSCRIBE,
                SubscribeOptions.RETAIN_DO_NOT_SEND,
            )
            client.subscribe(
                [
                    (
                        one.topic,
                        SubscribeOptions(
                            qos=1, retainHandling=send if one.wants_retained else hold
                        ),
                    )
                    for one in self._filters
                ]
            )
        else:
            client.subscribe([(one.topic, 1) for one in self._filters])

    def _subscribed(
        self,
        _client: paho.Client,
        _userdata: Any,
        _message_id: int,
        codes: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        for one, code in zip(self._filters, codes, strict=False):
            if code.is_failure:
                logger.warning("mqtt: the broker refused to send us %s: %s", one.topic, code)

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
            self._is_taken_over = code.value == _TAKEN_OVER_CODE
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

    def outcome(self) -> Ended:
        """Why the connection ended, for the user."""
        if self.session is not None and self.session.drop_reason:
            return Ended(self.session.drop_reason)
        if self._is_taken_over:
            return Ended(self.error, Ending.TAKEN_OVER)
        if self.error:
            return Ended(self.error)
        detail = f" ({self._detail})" if self._detail else ""
        address = self._settings.address
        if self.session is not None:
            return Ended(f"the connection to {address} was lost{detail}", Ending.LOST)
        return Ended(
            f"{address} closed the connection instead of answering{detail}; "
            f"it may not speak MQTT {self._settings.version}"
        )
