"""The subscriber of a soak: keeps its session at the broker, and an account of what it hears."""

from __future__ import annotations

import json
import threading

from edge.bench.soak.account import Heard
from edge.bench.soak.box import NODE
from edge.mqtt.listener import Listener
from edge.mqtt.settings import MqttSettings

SESSION_S = 3600
IDLE_S = 0.2


class Subscriber:
    """Hears findings between `start` and `stop`, in a thread of its own."""

    def __init__(self, host: str, port: int) -> None:
        self.heard = Heard()
        settings = MqttSettings(host, "subscriber", port=port)
        self._listener = Listener(settings, (f"edge/{NODE}/+/finding",), keep_session_s=SESSION_S)
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="subscriber", daemon=True)

    @property
    def dropped(self) -> int:
        """Messages that came faster than they were read; the account is then worth nothing."""
        return self._listener.dropped

    def start(self) -> None:
        """Connect; raises DeliveryError."""
        self._listener.__enter__()
        self._thread.start()

    def ended(self) -> set[str]:
        """The ids of the findings whose end was heard so far."""
        with self._lock:
            return set(self.heard.ended)

    def stop(self) -> None:
        """Hear no more."""
        self._is_over.set()
        self._thread.join()
        self._listener.__exit__(None, None, None)

    def _run(self) -> None:
        for message in self._listener.messages(IDLE_S):
            if message is None:
                if self._is_over.is_set():
                    return
                continue
            finding = json.loads(message.payload)
            with self._lock:
                self.heard.take(finding["id"], finding["type"], finding["camera"], finding["seq"])
