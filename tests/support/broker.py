"""Debian's mosquitto on a free loopback port, and a subscriber that keeps what it gets."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from tests.support.ports import free_port

_NUMBERS = itertools.count(1)


def mosquitto_path() -> str:
    """Where mosquitto is; skips the test without it."""
    found = shutil.which(
        "mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
    )
    if found is None:
        pytest.skip("mosquitto is not installed (apt install mosquitto)")
    return found


@dataclass(frozen=True)
class Certificates:
    """PEM files made for a test: a CA, a server's for localhost, a client's, a stranger's CA."""

    ca: Path
    server_cert: Path
    server_key: Path
    client_cert: Path
    client_key: Path
    other_ca: Path


def make_certificates(folder: Path, *, days: int = 1) -> Certificates:
    """Make them with the openssl command; the server's is for localhost alone.

    Valid for `days`, or with -1 until yesterday.
    """

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=folder)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1")
    for ca in ("ca", "other"):
        openssl("req", "-x509", *key, "-keyout", f"{ca}.key", "-out", f"{ca}.crt",
                "-subj", f"/CN=test {ca}",
                "-addext", "keyUsage=critical,keyCertSign,cRLSign")  # fmt: skip
    for name, subject in (("server", "/CN=localhost"), ("client", "/CN=box1")):
        extensions = folder / f"{name}.ext"
        extensions.write_text("subjectAltName=DNS:localhost\n" if name == "server" else "\n")
        openssl("req", "-new", *key[:-2], "-keyout", f"{name}.key", "-out", f"{name}.csr",
                "-subj", subject)  # fmt: skip
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key",
                "-CAcreateserial", "-days", str(days), "-extfile", f"{name}.ext",
                "-out", f"{name}.crt")  # fmt: skip
    names = ("ca.crt", "server.crt", "server.key", "client.crt", "client.key", "other.crt")
    return Certificates(*(folder / name for name in names))


def write_passwords(path: Path, users: Mapping[str, str]) -> Path:
    """A mosquitto password file at `path`."""
    path.touch(mode=0o600)
    for name, password in users.items():
        command = ["mosquitto_passwd", "-b", str(path), name, password]
        subprocess.run(command, check=True, capture_output=True)
    return path


class Mosquitto:
    """A broker of its own. `folder` keeps its files; the port stays the same over restarts.

    `users` maps names to passwords (without it anyone may connect); `acl` is the text of an ACL
    file. With `persistence` sessions and retained messages are saved at each change, so that they
    survive `stop` and, but for the last second, `kill`. `config` makes the text of the whole
    configuration for a port, instead of all that.
    """

    def __init__(
        self,
        folder: Path,
        *,
        users: Mapping[str, str] | None = None,
        acl: str | None = None,
        tls: Certificates | None = None,
        require_certificate: bool = False,
        persistence: bool = False,
        extra: str = "",
        config: Callable[[int], str] | None = None,
    ) -> None:
        self._program = mosquitto_path()
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._acl_path = folder / "acl"
        self._config = folder / "mosquitto.conf"
        if config is not None:
            self._config.write_text(config(self.port))
            return
        # Not 0, no limit: mosquitto 2.0 then hangs up on a client whose publish an ACL denies.
        lines = [f"listener {self.port} 127.0.0.1", "max_queued_messages 100000"]
        lines.append("log_dest stderr")
        if os.geteuid() == 0:
            lines.append("user root")  # it could not read the test's files as another user
        lines.append(f"allow_anonymous {'false' if users or require_certificate else 'true'}")
        if users:
            lines.append(f"password_file {write_passwords(folder / 'passwords', users)}")
        if acl is not None:
            self._acl_path.write_text(acl)
            lines.append(f"acl_file {self._acl_path}")
        if tls is not None:
            lines += [
                f"cafile {tls.ca}",
                f"certfile {tls.server_cert}",
                f"keyfile {tls.server_key}",
            ]
        if require_certificate:
            lines += ["require_certificate true", "use_identity_as_username true"]
        if persistence:
            lines += ["persistence true", f"persistence_location {folder}/",
                      "autosave_on_changes true", "autosave_interval 1"]  # fmt: skip
        lines.append(extra)
        self._config.write_text("\n".join(lines) + "\n")

    @property
    def log(self) -> str:
        """What the broker wrote so far."""
        return (self._folder / "log").read_text(errors="replace")

    def start(self) -> Self:
        """Start, and wait until it listens."""
        assert self._process is None
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, "-v", "-c", str(self._config)], stdout=log, stderr=log
            )
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    pytest.fail(f"mosquitto did not start:\n{self.log}")
                time.sleep(0.02)
            else:
                return self

    def _end(self, signal_number: int) -> None:
        if self._process is not None:
            self._process.send_signal(signal_number)
            self._process.wait(10)
            self._process = None

    def stop(self) -> None:
        """End it in good order; without effect if it is not running."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """kill -9."""
        self._end(signal.SIGKILL)

    def lose_data(self) -> None:
        """While stopped: forget what was saved."""
        assert self._process is None
        (self._folder / "mosquitto.db").unlink(missing_ok=True)

    def set_acl(self, acl: str) -> None:
        """Put other rules in force in the running broker."""
        self._acl_path.write_text(acl)
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


@dataclass(frozen=True)
class Message:
    """One message as it came."""

    topic: str
    payload: bytes
    retain: bool
    qos: int
    correlation: bytes = b""
    mono_s: float = field(default=0.0, compare=False)

    @property
    def text(self) -> str:
        return self.payload.decode()


class Subscriber:
    """An MQTT 5 client that subscribes and collects; it reconnects by itself.

    It keeps its session for an hour, so with a persistent broker nothing published while it was
    away is lost. Context manager: connected and subscribed inside.
    """

    def __init__(
        self,
        port: int,
        *filters: str,
        client_id: str = "",
        username: str = "",
        password: str = "",
        host: str = "127.0.0.1",
    ) -> None:
        self._host, self._port, self._filters = host, port, filters or ("#",)
        self._changed = threading.Condition()
        self._messages: list[Message] = []
        self._subscribed = False
        # Of its own for ever: an id() comes again, and would wake the session of one that is gone.
        client_id = client_id or f"subscriber-{os.getpid()}-{next(_NUMBERS)}"
        self.client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id, protocol=MQTTProtocolVersion.MQTTv5
        )
        self.client.reconnect_delay_set(1, 1)
        if username:
            self.client.username_pw_set(username, password)
        self.client.on_connect = self._on_connect
        self.client.on_subscribe = self._on_subscribe
        self.client.on_message = self._on_message

    def _on_connect(self, client: paho.Client, *_: Any) -> None:
        client.subscribe([(name, SubscribeOptions(qos=1)) for name in self._filters])

    def _on_subscribe(self, *_: Any) -> None:
        with self._changed:
            self._subscribed = True
            self._changed.notify_all()

    def _on_message(self, _client: Any, _userdata: Any, message: paho.MQTTMessage) -> None:
        with self._changed:
            self._messages.append(
                Message(
                    message.topic,
                    bytes(message.payload),
                    message.retain,
                    message.qos,
                    getattr(message.properties, "CorrelationData", b""),
                    time.monotonic(),
                )
            )
            self._changed.notify_all()

    @property
    def messages(self) -> list[Message]:
        """Everything so far, in the order of arrival."""
        with self._changed:
            return list(self._messages)

    def on(self, topic: str) -> list[Message]:
        """What came on one topic."""
        return [m for m in self.messages if m.topic == topic]

    def payloads(self, topic: str) -> list[str]:
        """The texts that came on one topic."""
        return [m.text for m in self.on(topic)]

    def clear(self) -> None:
        """Forget what came so far."""
        with self._changed:
            self._messages.clear()

    def wait_for(
        self, predicate: Callable[[list[Message]], bool], timeout_s: float = 10
    ) -> list[Message]:
        """Wait until `predicate` holds for the messages so far; fails after `timeout_s`."""
        with self._changed:
            if not self._changed.wait_for(lambda: predicate(self._messages), timeout_s):
                seen = [(m.topic, m.payload[:60]) for m in self._messages[-20:]]
                pytest.fail(f"not seen within {timeout_s} s; {len(self._messages)} came: {seen}")
            return list(self._messages)

    def wait_for_payload(self, topic: str, payload: str | bytes, timeout_s: float = 10) -> Message:
        """Wait until `payload` is the last that came on `topic`."""
        data = payload.encode() if isinstance(payload, str) else payload

        def came(messages: list[Message]) -> bool:
            return [m.payload for m in messages if m.topic == topic][-1:] == [data]

        return next(m for m in reversed(self.wait_for(came, timeout_s)) if m.topic == topic)

    def publish(
        self,
        topic: str,
        payload: str | bytes,
        *,
        retain: bool = False,
        response_topic: str = "",
        correlation: bytes = b"",
    ) -> None:
        """Publish at QoS 1 and wait until the broker has it."""
        properties = Properties(PacketTypes.PUBLISH)
        if response_topic:
            properties.ResponseTopic = response_topic
        if correlation:
            properties.CorrelationData = correlation
        self.client.publish(topic, payload, 1, retain, properties).wait_for_publish(10)

    def __enter__(self) -> Self:
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = 3600
        self.client.connect(self._host, self._port, clean_start=False, properties=properties)
        self.client.loop_start()
        with self._changed:
            if not self._changed.wait_for(lambda: self._subscribed, 10):
                pytest.fail("the subscriber could not connect and subscribe")
        return self

    def __exit__(self, *_: object) -> None:
        self.client.disconnect()
        self.client.loop_stop()
        # Out of the circle of references the client closes its sockets itself, at once.
        self.client.on_connect = self.client.on_subscribe = self.client.on_message = None
