"""MqttSettings: where the broker is, who we are there, and how much may be under way.

Knows neither YAML nor secrets' sources: the configuration makes these values, the publisher and
the commands that talk to the broker use them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, get_args

from edge.errors import DeliveryError
from edge.mqtt.topics import checked_level, checked_prefix

MqttVersion = Literal["5", "3.1.1"]

MAX_IN_FLIGHT: Final = 40  # hard cap of unacknowledged messages, whatever is configured


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """TLS to the broker. The files are read anew at each connection, so renewed ones are taken up.

    Without `ca` the system's certificates are trusted. `cert` and `key` are PEM files of the client
    certificate; `key` may be left out when `cert` holds both. `verify=False` accepts any
    certificate of the broker, on any host name.
    """

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    verify: bool = True

    def __post_init__(self) -> None:
        if self.key is not None and self.cert is None:
            raise DeliveryError("mqtt tls: `key` needs `cert`, the client certificate")


@dataclass(frozen=True, slots=True)
class MqttSettings:
    """The broker and our place on it. Raises DeliveryError for a value that can never work.

    `client_id` empty: made of prefix and node, so that a second daemon with the same node is seen
    (the broker then closes the older connection). `max_in_flight` counts every unacknowledged
    message, rows and states alike; the broker's own Receive Maximum lowers it. A connection on
    which something waits for an acknowledgement and none comes for `ack_timeout_s` is given up.
    """

    host: str
    node: str
    port: int = 1883
    prefix: str = "edge"
    version: MqttVersion = "5"
    username: str = ""
    password: str = field(default="", repr=False)
    keepalive_s: int = 30
    client_id: str = ""
    tls: TlsSettings | None = None
    discovery: bool = True
    discovery_prefix: str = "homeassistant"
    max_in_flight: int = 20
    connect_timeout_s: float = 10.0  # for TCP, for the TLS handshake, for CONNACK: each
    ack_timeout_s: float = 60.0
    retry_first_s: float = 1.0
    retry_max_s: float = 60.0

    def __post_init__(self) -> None:
        checked_prefix(self.prefix, "mqtt prefix")
        checked_prefix(self.discovery_prefix, "mqtt discovery prefix")
        checked_level(self.node, "mqtt node")
        if not self.host.strip() or any(c.isspace() for c in self.host):
            raise DeliveryError(f"mqtt host must be a name or an address, not {self.host!r}")
        if self.version not in get_args(MqttVersion):
            raise DeliveryError(f"mqtt version must be 5 or 3.1.1, not {self.version!r}")
        if self.password and not self.username:
            raise DeliveryError("mqtt: a password needs a username")
        for name, value, low, high in (
            ("port", self.port, 1, 65535),
            ("keepalive_s", self.keepalive_s, 1, 65535),
            ("max_in_flight", self.max_in_flight, 1, MAX_IN_FLIGHT),
            ("connect_timeout_s", self.connect_timeout_s, 0.1, 300),
            ("ack_timeout_s", self.ack_timeout_s, 0.1, 3600),
            ("retry_first_s", self.retry_first_s, 0.01, 3600),
            ("retry_max_s", self.retry_max_s, self.retry_first_s, 3600),
        ):
            if not low <= value <= high:
                raise DeliveryError(f"mqtt {name} must be {low} to {high}, not {value}")

    @property
    def effective_client_id(self) -> str:
        """The client id sent to the broker."""
        return self.client_id or f"{self.prefix}-{self.node}".replace("/", "-")

    @property
    def address(self) -> str:
        """`host:port`, for messages."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"
