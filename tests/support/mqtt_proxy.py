"""A TCP proxy before a broker that counts what is unacknowledged on the wire, and breaks things."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from tests.support.ports import free_port

PUBLISH, PUBACK = 3, 4


@dataclass(frozen=True)
class Published:
    """One PUBLISH packet of the client, as it passed."""

    connection: int
    packet_id: int
    dup: bool
    topic: str


class MqttProxy:
    """Forwards 127.0.0.1:`port` to a broker.

    `max_unacknowledged` is the largest number of QoS 1 PUBLISH packets of one connection that had
    no PUBACK yet. Faults, each may be switched at any time:
    `holds_pubacks` keeps the broker's PUBACKs back until it is off; `swallows_pubacks` loses them;
    `is_frozen` forwards nothing and closes nothing (a dead link); `refuse(topic)` gives a reason
    code with which the proxy answers a PUBLISH itself instead of forwarding it, or 0.
    """

    def __init__(self, broker_port: int) -> None:
        self._broker_port = broker_port
        self.port = free_port()
        self.holds_pubacks = False
        self.swallows_pubacks = False
        self.is_frozen = False
        self.refuse: Callable[[str], int] = lambda _topic: 0
        self.max_unacknowledged = 0
        self.published: list[Published] = []
        self.num_connections = 0
        self._lock = threading.Lock()
        self._unacknowledged: dict[int, set[int]] = {}
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._closing = False
        self._listener = socket.create_server(("127.0.0.1", self.port))

    @property
    def unacknowledged(self) -> int:
        """PUBLISH packets of the newest connection without a PUBACK."""
        with self._lock:
            return len(self._unacknowledged.get(self.num_connections, ()))

    def cut(self) -> None:
        """Break every connection."""
        with self._lock:
            sockets, self._sockets = self._sockets, []
        for sock in sockets:
            _shut(sock)

    def __enter__(self) -> Self:
        self._spawn(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._closing = True
        _shut(self._listener)
        self.cut()
        for thread in self._threads:
            thread.join(5)
        self._listener.close()

    def _spawn(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._closing:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                broker = socket.create_connection(("127.0.0.1", self._broker_port), timeout=5)
            except OSError:
                client.close()
                continue
            broker.settimeout(None)
            with self._lock:
                self.num_connections += 1
                number = self.num_connections
                self._unacknowledged[number] = set()
                self._sockets += [client, broker]
            self._spawn(self._relay, client, broker, number, self._from_client)
            self._spawn(self._relay, broker, client, number, self._from_broker)

    def _relay(
        self,
        source: socket.socket,
        target: socket.socket,
        number: int,
        look: Callable[[int, bytearray, socket.socket], bytes],
    ) -> None:
        data = bytearray()
        with contextlib.suppress(OSError), source:
            while chunk := source.recv(65536):
                while self.is_frozen and not self._closing:
                    time.sleep(0.01)
                data += chunk
                while size := _packet_size(data):
                    packet, data = data[:size], data[size:]
                    target.sendall(look(number, packet, source))
        _shut(target)

    def _from_client(self, number: int, packet: bytearray, source: socket.socket) -> bytes:
        if packet[0] >> 4 != PUBLISH or not packet[0] & 0b110:
            return bytes(packet)
        body = _body(packet)
        length = int.from_bytes(body[:2])
        topic = body[2 : 2 + length].decode()
        packet_id = int.from_bytes(body[2 + length : 4 + length])
        with self._lock:
            waiting = self._unacknowledged[number]
            waiting.add(packet_id)
            self.max_unacknowledged = max(self.max_unacknowledged, len(waiting))
            self.published.append(Published(number, packet_id, bool(packet[0] & 8), topic))
        code = self.refuse(topic)
        if code:
            self._acknowledge(number, packet_id)
            source.sendall(bytes([PUBACK << 4, 3, *packet_id.to_bytes(2), code]))
            return b""
        return bytes(packet)

    def _from_broker(self, number: int, packet: bytearray, _source: socket.socket) -> bytes:
        if packet[0] >> 4 != PUBACK:
            return bytes(packet)
        if self.swallows_pubacks:
            return b""
        while self.holds_pubacks and not self._closing:
            time.sleep(0.005)
        self._acknowledge(number, int.from_bytes(_body(packet)[:2]))
        return bytes(packet)

    def _acknowledge(self, number: int, packet_id: int) -> None:
        with self._lock:
            self._unacknowledged[number].discard(packet_id)


def _shut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def _body(packet: bytearray) -> bytearray:
    start = 1
    while packet[start] & 0x80:
        start += 1
    return packet[start + 1 :]


def _packet_size(data: bytearray) -> int:
    """The size of the first packet in `data` in bytes, 0 while it is not complete."""
    length = 0
    for index, byte in enumerate(data[1:5]):
        length |= (byte & 0x7F) << 7 * index
        if not byte & 0x80:
            total = 2 + index + length
            return total if len(data) >= total else 0
    return 0
