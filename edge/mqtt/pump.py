"""Pump: decides what is published next, and owns everything that is in flight.

One thread, the only one that publishes: it takes the link's events, fills the in-flight window with
answers, states and rows, in this order, and gives each acknowledgement to where its message came
from. Knows neither what payloads mean nor paho. The publisher starts and stops it.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from edge.errors import EdgeError
from edge.mqtt.faults import describe_publish_refusal
from edge.mqtt.outbox import Outbox, OutboxRow
from edge.mqtt.replies import Reply, ReplyQueue
from edge.mqtt.rows import RowFeed
from edge.mqtt.session import FIRST_FAILURE_CODE, Acknowledged, LinkDown, LinkEvent, LinkUp, Session
from edge.mqtt.settings import MqttSettings
from edge.mqtt.states import StateBoard, StateMessage

logger = logging.getLogger(__name__)

PACKET_TOO_LARGE: Final = 0x95
IDLE_S: Final = 1.0  # the clocks are looked at least this often
STORE_RETRY_S: Final = 1.0
MAX_REMEMBERED: Final = 1000  # cameras and topics whose refusal is in the log


class _Wake:
    """Tells the pump to look again."""


_T = TypeVar("_T")
_Message = StateMessage | Reply | OutboxRow


@dataclass(frozen=True, slots=True)
class PumpCounts:
    """Counts since the start, then the present state."""

    connections: int
    published: int
    refused: int
    replies_dropped: int
    in_flight: int
    held_cameras: tuple[str, ...]
    last_error: str


class Pump:
    """Publishes until `stop`. Its other methods may be called from any thread and never block."""

    def __init__(self, settings: MqttSettings, outbox: Outbox, root: str, stopped: bytes) -> None:
        self.board = StateBoard(settings.retry_first_s, settings.retry_max_s)
        self.rows_wanted = threading.Event()  # the outbox was read to its end
        self.goodbye_taken = threading.Event()  # the broker has `stopped`
        self._settings = settings
        self._root = f"{root}/"
        self._status_topic = f"{root}/status"
        self._stopped = stopped
        self._feed = RowFeed(outbox, settings.retry_first_s, settings.retry_max_s)
        self._events: queue.SimpleQueue[LinkEvent | _Wake] = queue.SimpleQueue()
        self._awake = threading.Event()  # a _Wake is in the queue
        self._replies = ReplyQueue()
        self._stopping = threading.Event()
        self._stop_mono_s = 0.0
        self._thread = threading.Thread(target=self._run, name="mqtt-pump", daemon=True)
        # Below: written by the pump's thread alone.
        self._session: Session | None = None
        self._in_flight: dict[int, _Message] = {}
        self._progress_mono_s = 0.0
        self._outbox_retry_mono_s = 0.0
        self._outbox_error = ""
        self._last_error = ""
        self._connections = 0
        self._published = 0
        self._refused = 0
        self._held_cameras: tuple[str, ...] = ()
        self._refused_before: set[str] = set()  # subjects that the log was told of

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, stop_mono_s: float) -> None:
        """Send no more rows; end when `stopped` is acknowledged, at the latest at `stop_mono_s`."""
        self._stop_mono_s = stop_mono_s
        self._stopping.set()
        self.wake()

    def join(self, timeout_s: float) -> None:
        """Wait for the thread to end."""
        self._thread.join(max(timeout_s, 0))

    def is_alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def put(self, event: LinkEvent) -> None:
        """Take note of what happened on the connection."""
        self._events.put(event)

    def wake(self) -> None:
        """Look again at what there is to publish."""
        if not self._awake.is_set():
            self._awake.set()
            self._events.put(_Wake())

    def reply(self, reply: Reply) -> None:
        """Publish an answer; the oldest one is dropped when too many wait."""
        self._replies.put(reply)
        self.wake()

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection that the broker accepted."""
        return self._session is not None

    def counts(self) -> PumpCounts:
        """How it is going."""
        return PumpCounts(
            connections=self._connections,
            published=self._published,
            refused=self._refused,
            replies_dropped=self._replies.num_dropped,
            in_flight=len(self._in_flight),
            held_cameras=self._held_cameras,
            last_error=self._last_error,
        )

    def _run(self) -> None:
        while not self._is_finished():
            try:
                self._step()
            except Exception:
                logger.exception("mqtt: the pump failed; the connection is made anew")
                if self._session is not None:
                    self._session.drop("internal error, see the log")
                self._stopping.wait(STORE_RETRY_S)
        if self._session is None:
            return
        if self.goodbye_taken.is_set():
            self._session.close()
        else:  # the will tells of us, since `stopped` did not arrive
            self._session.drop("stopped without the broker's acknowledgement")

    def _is_finished(self) -> bool:
        if not self._stopping.is_set():
            return False
        is_over = self.goodbye_taken.is_set() or time.monotonic() >= self._stop_mono_s
        return is_over or self._session is None

    def _step(self) -> None:
        """Wait for something to happen, then bring everything up to date."""
        for event in self._wait_for_events():
            self._apply(event)
        if self._stopping.is_set():
            self.board.set(self._status_topic, self._stopped, retain=True)
        self._retire()
        if self._session is not None:
            self._fill_window(self._session)
            self._check_progress(self._session)
        self._held_cameras = self._feed.held_cameras

    def _wait_for_events(self) -> list[LinkEvent | _Wake]:
        """What happened, in order, after waiting for as long as there is nothing to do."""
        events: list[LinkEvent | _Wake] = []
        try:
            events.append(self._events.get(timeout=self._wait_s()))
            while True:
                events.append(self._events.get_nowait())
        except queue.Empty:
            return events

    def _wait_s(self) -> float:
        now_mono_s = time.monotonic()
        until = [now_mono_s + IDLE_S]
        if self._stopping.is_set():
            until.append(self._stop_mono_s)
        session = self._session
        if session is not None and len(self._in_flight) < session.max_in_flight:
            retries = (self._feed.retry_mono_s(), self.board.retry_mono_s())
            until.extend(t for t in retries if t is not None)
        if session is not None and self._in_flight:
            until.append(self._progress_mono_s + self._settings.ack_timeout_s)
        return max(min(until) - now_mono_s, 0.01)  # never a busy loop

    def _apply(self, event: LinkEvent | _Wake) -> None:
        match event:
            case _Wake():
                self._awake.clear()
            case Acknowledged(message_id, code):
                self._settle(message_id, code)
            case LinkUp(session):
                self._connections += 1
                self._last_error = ""
                self._session = session
                self.board.all_due()
                logger.info("mqtt: connected to %s", self._settings.address)
            case LinkDown(error):
                self._lose_connection(error)

    def _lose_connection(self, error: str) -> None:
        """Whatever was in flight counts as never sent; it goes out again, in order."""
        self._replies.put_back(m for m in self._in_flight.values() if isinstance(m, Reply))
        self._in_flight.clear()
        self._session = None
        self._feed.restart(time.monotonic())
        if error != self._last_error and not self._stopping.is_set():
            logger.warning("mqtt: %s; trying again", error)
        self._last_error = error

    def _settle(self, message_id: int, code: int) -> None:
        """Give an acknowledgement to where the message came from."""
        message = self._in_flight.pop(message_id, None)
        if message is None:
            return
        self._progress_mono_s = time.monotonic()
        if code >= FIRST_FAILURE_CODE:
            self._take_back(message, code)
            return
        self._refused_before.discard(_subject(message))
        if isinstance(message, StateMessage):
            self.board.accepted(message)
            if message.topic == self._status_topic and message.payload == self._stopped:
                self.goodbye_taken.set()
        elif not isinstance(message, Reply):
            self._feed.accepted(message.id)

    def _take_back(self, message: _Message, code: int) -> None:
        """The broker did not take a message. Rows and states are tried again, answers are not."""
        self._refused += 1
        now_mono_s = time.monotonic()
        if isinstance(message, StateMessage):
            self.board.refused(message, now_mono_s)
            fate = "will be tried again"
        elif isinstance(message, Reply):
            fate = "is dropped"
        else:
            self._feed.refused(message.id, now_mono_s)
            fate = "waits and is tried again, as do those that follow it from its camera"
        subject = _subject(message)
        if subject not in self._refused_before and len(self._refused_before) < MAX_REMEMBERED:
            self._refused_before.add(subject)
            logger.warning(
                "mqtt: the broker refused a message on %s: %s; it %s (told once)",
                _topic(message),
                describe_publish_refusal(code),
                fate,
            )

    def _fill_window(self, session: Session) -> None:
        while len(self._in_flight) < session.max_in_flight:
            message = self._next_message()
            if message is None:
                return
            self._send(session, message)

    def _next_message(self) -> _Message | None:
        if (reply := self._replies.take()) is not None:
            return reply
        now_mono_s = time.monotonic()
        state = self.board.take(now_mono_s)
        if state is not None or self._stopping.is_set() or now_mono_s < self._outbox_retry_mono_s:
            return state
        # Before the reading, so that a row added meanwhile is not missed.
        self.rows_wanted.set()
        return self._with_outbox(lambda: self._feed.take(now_mono_s))

    def _send(self, session: Session, message: _Message) -> None:
        topic = _topic(message)
        correlation = message.address.correlation if isinstance(message, Reply) else b""
        retain = not isinstance(message, Reply) and message.retain
        if not isinstance(message, StateMessage | Reply) and not topic.startswith(self._root):
            retain = False  # a row of a name that was given up since: see `former`
        if not session.fits(topic, message.payload, correlation):
            self._take_back(message, PACKET_TOO_LARGE)
            return
        if not self._in_flight:
            self._progress_mono_s = time.monotonic()
        message_id = session.publish(topic, message.payload, retain=retain, correlation=correlation)
        self._in_flight[message_id] = message

    def _check_progress(self, session: Session) -> None:
        """A broker, or something on the way, that swallows acknowledgements would stop all."""
        limit_s = self._settings.ack_timeout_s
        if self._in_flight and time.monotonic() - self._progress_mono_s >= limit_s:
            session.drop(f"{self._settings.address} acknowledged nothing for {limit_s:g} s")

    def _retire(self) -> None:
        if time.monotonic() >= self._outbox_retry_mono_s:
            self._published += self._with_outbox(self._feed.retire) or 0

    def _with_outbox(self, work: Callable[[], _T]) -> _T | None:
        """Do `work`; after a StoreError log it once and leave the outbox alone for a while."""
        try:
            result = work()
        except EdgeError as error:
            self._outbox_retry_mono_s = time.monotonic() + STORE_RETRY_S
            if str(error) != self._outbox_error:
                logger.error("mqtt: the outbox fails, trying again: %s", error)
            self._outbox_error = str(error)
            return None
        self._outbox_error = ""
        return result


def _topic(message: _Message) -> str:
    return message.address.topic if isinstance(message, Reply) else message.topic


def _subject(message: _Message) -> str:
    """What a refusal is about, told to the log once: a topic, or for a row its camera."""
    if isinstance(message, StateMessage | Reply):
        return f"topic {_topic(message)}"
    return f"camera {message.camera}"
