"""Session: one accepted connection to the broker, and the events that a connection brings.

The pump publishes through it; the link's thread makes it and carries out what it asks for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

FIRST_FAILURE_CODE: Final = 0x80  # MQTT 5, 2.4; 0x10, no matching subscribers, is a success


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
    """The broker answered a published message. From FIRST_FAILURE_CODE on it is a refusal."""

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
