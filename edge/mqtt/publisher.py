"""Publisher: brings the outbox's rows and the present states to the broker, and commands in.

What the daemon makes, starts and stops; it joins the link (the connection), the pump (what goes
out) and the reading of commands. Knows neither findings nor cameras beyond their names: payloads
are the caller's, but for the answer to a question that cannot be read.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from edge.errors import CommandRefused
from edge.mqtt.attempt import Filter
from edge.mqtt.commands import AskCommand, Command, Incoming, parse_command
from edge.mqtt.former import Former, FormerNames
from edge.mqtt.link import GOODBYE_S, Link, Will
from edge.mqtt.outbox import Outbox
from edge.mqtt.pump import Pump
from edge.mqtt.refusal import RefusalLog, answer_refused_ask
from edge.mqtt.replies import Reply
from edge.mqtt.settings import MqttSettings
from edge.mqtt.topics import Topics, check_publish_topic

logger = logging.getLogger(__name__)

ONLINE: Final = b"online"
OFFLINE: Final = b"offline"
STOPPED: Final = b"stopped"

WATCH_S: Final = 0.2  # how late the watcher may notice a stop
WATCH_PAUSE_S: Final = 0.05  # bounds the watcher if the outbox reports rows that cannot go
WATCH_RETRY_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class PublisherStats:
    """The connection, what waits for an acknowledgement now, and counts since the start."""

    connected: bool
    last_error: str  # why there is no connection; "" while there is one
    connections: int
    in_flight: int
    held_cameras: tuple[str, ...]  # whose rows wait because the broker refuses them
    published: int  # outbox rows that the broker acknowledged and the outbox retired
    refused: int  # messages that the broker answered with a failure code
    replies_dropped: int
    commands: int
    commands_refused: dict[str, int]  # by kind


class Publisher:
    """The node's voice on MQTT. Every public method may be called from any thread.

    `on_command` gets each good command in the link's thread and must be quick. `cameras` are the
    names that commands may speak of; `set_cameras` changes them. What is retained under `former`
    names of this box is cleared when the broker shows that nobody else has them.
    """

    def __init__(
        self,
        settings: MqttSettings,
        outbox: Outbox,
        on_command: Callable[[Command], None],
        cameras: Iterable[str] = (),
        former: Iterable[Former] = (),
    ) -> None:
        self.topics = Topics(settings.node, settings.prefix, settings.discovery_prefix)
        self._settings = settings
        self._outbox = outbox
        self._on_command = on_command
        self._cameras = frozenset(cameras)
        self._pump = Pump(settings, outbox, self.topics.root, STOPPED)
        self._pump.board.set(self.topics.status, ONLINE, retain=True)  # first on each connection
        self._former = FormerNames(former)
        filters = [Filter(topic) for topic in self.topics.command_filters]
        if settings.discovery:
            filters.append(Filter(self.topics.discovery_status))
        filters += [Filter(topic, wants_retained=True) for topic in self._former.filters]
        self._link = Link(
            settings,
            will=Will(self.topics.status, OFFLINE),
            filters=filters,
            on_event=self._pump.put,
            on_message=self._receive,
        )
        self._stopping = threading.Event()
        self._watcher = threading.Thread(target=self._run_watcher, name="mqtt-rows", daemon=True)
        # Below: written by the link's thread alone.
        self._num_commands = 0
        self._commands_refused: Counter[str] = Counter()
        self._refusal_log = RefusalLog()

    def start(self) -> None:
        """Begin to connect and to deliver. Returns at once, whether or not a broker is there."""
        self._pump.start()
        self._watcher.start()
        self._link.start()

    def stop(self, timeout_s: float) -> bool:
        """Publish what states are due, then `stopped`; wait for its acknowledgement; disconnect.

        Rows stay in the outbox. Blocks for at most about `timeout_s`, and not at all without a
        connection; False if the broker did not acknowledge `stopped` (it publishes the will then).
        """
        stop_mono_s = time.monotonic() + timeout_s
        self._stopping.set()
        self._pump.stop(stop_mono_s)
        self._pump.join(stop_mono_s + 1 - time.monotonic())
        self._link.stop()
        self._link.join(GOODBYE_S + 1)
        self._watcher.join(WATCH_S + 1)
        return self._pump.goodbye_taken.is_set()

    def publish_state(self, topic: str, payload: bytes | str, retain: bool = True) -> None:
        """Publish `payload` if it is not what the topic holds already; never blocks.

        Only the latest value of a topic is kept. A retained one is published again on every
        connection; one that is not retained is published each time, once. Raises DeliveryError for
        a topic that cannot be published on.
        """
        check_publish_topic(topic, "state topic")
        data = payload.encode() if isinstance(payload, str) else payload
        if self._pump.board.set(topic, data, retain):
            self._pump.wake()

    def forget_state(self, topic: str) -> None:
        """Clear a topic at the broker, with an empty retained message."""
        check_publish_topic(topic, "state topic")
        self._pump.board.forget(topic)
        self._pump.wake()

    def reply(self, ask: AskCommand, payload: bytes | str) -> None:
        """Answer a question where its asker wants it. Kept in memory until the broker has it."""
        data = payload.encode() if isinstance(payload, str) else payload
        self._pump.reply(Reply(ask.reply_to, data))

    def set_cameras(self, cameras: Iterable[str]) -> None:
        """From now on commands may speak of these cameras."""
        self._cameras = frozenset(cameras)

    def has_camera(self, camera: str) -> bool:
        """Whether commands may speak of the camera: it is configured."""
        return camera in self._cameras

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted us and the connection is up."""
        return self._pump.is_connected

    @property
    def last_error(self) -> str:
        """Why there is no connection; "" while there is one, and before the first try."""
        return self._pump.counts().last_error

    def is_alive(self) -> bool:
        """Whether all threads run."""
        return self._link.is_alive() and self._pump.is_alive() and self._watcher.is_alive()

    def stats(self) -> PublisherStats:
        """For the statistics and health reports."""
        counts = self._pump.counts()
        return PublisherStats(
            connected=self.connected,
            last_error=counts.last_error,
            connections=counts.connections,
            in_flight=counts.in_flight,
            held_cameras=counts.held_cameras,
            published=counts.published,
            refused=counts.refused,
            replies_dropped=counts.replies_dropped,
            commands=self._num_commands,
            commands_refused=dict(self._commands_refused),
        )

    def _receive(self, message: Incoming) -> None:
        """In the link's thread."""
        if message.topic == self.topics.discovery_status:
            if not message.retained and message.payload.strip().lower() == ONLINE:
                self._pump.board.again(f"{self._settings.discovery_prefix}/device/")
                self._pump.wake()
            return
        if message.topic in self._former.filters:
            for topic in self._former.heard(message.topic, message.payload):
                self.forget_state(topic)
            return
        if self.topics.is_own_state(message.topic) or message.topic == self.topics.probe:
            return
        try:
            command = parse_command(self.topics, self._cameras, message)
        except CommandRefused as error:
            self._refuse(message, error)
            return
        self._num_commands += 1
        try:
            self._on_command(command)
        except Exception:  # the end of our code in this thread: it must not cost the connection
            logger.exception("mqtt: a command failed: %s", type(command).__name__)

    def _refuse(self, message: Incoming, refusal: CommandRefused) -> None:
        self._commands_refused[refusal.kind] += 1
        line = self._refusal_log.line(message.topic, refusal, time.monotonic())
        if line:
            logger.warning("mqtt: %s", line)
        answer = answer_refused_ask(self.topics, message, refusal)
        if answer is not None:
            address, document = answer
            self._pump.reply(Reply(address, document.encode()))

    def _run_watcher(self) -> None:
        """Wakes the pump when rows were added, but only once it has read what there was."""
        while not self._stopping.is_set():
            if not self._pump.rows_wanted.wait(WATCH_S):
                continue
            try:
                if not self._outbox.wait_for_rows(WATCH_S):
                    continue
            except Exception:
                logger.exception("mqtt: waiting for rows failed")
                self._stopping.wait(WATCH_RETRY_S)
            self._pump.rows_wanted.clear()
            self._pump.wake()
            self._stopping.wait(WATCH_PAUSE_S)
