"""The server as the engine sees it: a request is answered, or the server is away.

Tries again what may pass, within the deadline, and keeps the circuit breaker and the counts. May be
used by several threads at once.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from edge.elsewhere import ServerFacts
from edge.errors import AnalysisFailed
from edge.redact import redact_url
from edge.vlm.remote.breaker import Breaker
from edge.vlm.remote.replies import Reply, parse_reply
from edge.vlm.remote.settings import RemoteSettings
from edge.vlm.remote.trouble import RequestRefused, ServerTrouble
from edge.vlm.remote.wire import Wire

log = logging.getLogger(__name__)

ATTEMPTS = 3
FIRST_WAIT_S = 0.3
PROBE_S = 3.0


class ServerAway(AnalysisFailed):
    """The server cannot be asked now; it may be there again later."""


class Client:
    """Asks one server."""

    def __init__(
        self,
        settings: RemoteSettings,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name = redact_url(settings.url)
        self.breaker = Breaker()
        self._wire = Wire(settings)
        self._clock, self._sleep = clock, sleep
        self._lock = threading.Lock()
        self._is_found = False  # by a probe, since the last failure
        self._facts = ServerFacts(url=self.name)

    @property
    def facts(self) -> ServerFacts:
        """How it goes with the server."""
        with self._lock:
            return replace(self._facts, circuit=self.breaker.state(self._clock()))

    @property
    def is_usable(self) -> bool:
        """Whether the server may be asked: no circuit is open, or it was and a probe found it."""
        state = self.breaker.state(self._clock())
        return state == "closed" or (state == "half-open" and self._is_found)

    @property
    def rest_s(self) -> float:
        """How long the server is still left alone."""
        return self.breaker.rest_s(self._clock())

    def complete(self, document: Mapping[str, Any], until_mono_s: float) -> Reply:
        """The server's reply. Raises ServerAway, and RequestRefused where it is well and refuses.

        A request that failed is sent again where that may help and time is left. Raises
        AnalysisFailed where none is left before the first.
        """
        if self._clock() >= until_mono_s:
            raise AnalysisFailed(f"no time was left to ask {self.name}")
        for attempt in range(1, ATTEMPTS + 1):
            self._check_circuit()
            self._count(requests=1, retries=int(attempt > 1))
            try:
                reply = parse_reply(self._wire.complete(document, until_mono_s))
            except ServerTrouble as trouble:
                self._failed(trouble)
                wait_s = max(FIRST_WAIT_S * 2 ** (attempt - 1), trouble.retry_after_s)
                wait_s *= random.uniform(1.0, 1.2)  # noqa: S311 - jitter
                is_over = attempt == ATTEMPTS or self._clock() + wait_s >= until_mono_s
                if is_over or trouble.kind != "passing":
                    raise ServerAway(f"{self.name}: {trouble}") from None
                self._sleep(wait_s)
            except RequestRefused:
                self._succeeded()  # it is there
                raise
            else:
                self._succeeded()
                return reply
        raise AssertionError("the last attempt returns or raises")

    def probe(self) -> bool:
        """Whether the server answers at all; takes seconds at most, and costs the server nothing.

        To be called when its rest is over: the next request then closes the circuit, or opens it.
        """
        try:
            self._wire.probe(self._clock() + PROBE_S)
        except ServerTrouble as trouble:
            self._failed(trouble)
            return False
        except RequestRefused:
            pass  # it is there, and has no list of models
        self._is_found = True
        return True

    def close(self) -> None:
        """Let the connections go."""
        self._wire.close()

    def _check_circuit(self) -> None:
        rest_s = self.breaker.rest_s(self._clock())
        if rest_s > 0:
            raise ServerAway(
                f"{self.name} is left alone for {rest_s:.0f} s more: {self._facts.last_error}"
            )

    def _failed(self, trouble: ServerTrouble) -> None:
        self._is_found = False
        self._count(failures=1, last_error=str(trouble))
        now = self._clock()
        if self.breaker.failed(now, trouble.kind, trouble.retry_after_s):
            rest_s = self.breaker.rest_s(now)
            log.error("%s: %s; left alone for %.0f s", self.name, trouble, rest_s)

    def _succeeded(self) -> None:
        if self.breaker.succeeded():
            log.info("%s answers again", self.name)
            self._count(last_error="")

    def _count(
        self, requests: int = 0, retries: int = 0, failures: int = 0, last_error: str | None = None
    ) -> None:
        with self._lock:
            facts = self._facts
            self._facts = replace(
                facts,
                requests=facts.requests + requests,
                retries=facts.retries + retries,
                failures=facts.failures + failures,
                last_error=facts.last_error if last_error is None else last_error,
            )
