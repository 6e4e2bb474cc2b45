"""The daemon's side of HTTP: starts the server where it is enabled, replaces it when it must be.

Called in the main thread. Without HTTP nothing of the web room is imported.
"""

from __future__ import annotations

import logging
import socket
import threading
from typing import TYPE_CHECKING

from pydantic import BaseModel

from edge.config.models import Config
from edge.config.template import all_templates
from edge.daemon.conversations import Door
from edge.store.database import Store

if TYPE_CHECKING:
    from edge.web.events import EventKind
    from edge.web.server import WebServer
    from edge.web.settings import WebSettings

log = logging.getLogger(__name__)

END_S = 3.0


class HttpHost:
    """Owns the server's thread."""

    def __init__(self, door: Door, store: Store) -> None:
        self._door, self._store = door, store
        self._wanted: WebSettings | None = None
        self._server: WebServer | None = None
        self._starting: threading.Thread | None = None

    def apply(self, config: Config) -> None:
        """Serve as `config` says; a server whose settings are the same goes on undisturbed."""
        wanted = None
        if config.http.enabled:
            wanted = http_settings(config)
        if wanted == self._wanted:
            return
        self.stop()
        self._wanted = wanted
        self.check()

    def check(self) -> None:
        """Start the server where one is wanted and none runs."""
        if self._wanted is None or (self._server is not None and self._server.is_alive()):
            return
        if self._starting is not None and self._starting.is_alive():
            return
        if self._server is not None:
            log.error("the HTTP thread has died; a new one is started")
        # importing the web room takes seconds on a small box, and the main loop must not wait
        self._starting = threading.Thread(
            target=self._start, args=(self._wanted,), name="http-start", daemon=True
        )
        self._starting.start()

    def tell(self, kind: EventKind, document: BaseModel | dict[str, object]) -> None:
        """Hand an event to those who listen."""
        if self._server is not None:
            self._server.tell(kind, document)

    def stop(self) -> None:
        """End the server."""
        self._wanted = None
        if self._starting is not None:
            self._starting.join(END_S)
        if self._server is not None and not self._server.stop(END_S):
            log.warning("HTTP did not end in time; its thread is left behind")
        self._server = None

    def _start(self, wanted: WebSettings) -> None:
        """Thread body."""
        try:
            from edge.web.server import WebServer  # noqa: PLC0415 - see the module's docstring

            if wanted is not self._wanted:  # no longer, by now
                return
            self._server = WebServer(wanted, self._door, self._store.open_archive)
            self._server.start()
        except Exception:  # HTTP must not take the daemon with it
            log.exception("HTTP could not be started")


def http_settings(config: Config) -> WebSettings:
    """The web room's settings."""
    from edge.web.settings import Key, WebSettings  # noqa: PLC0415 - see the module's docstring

    http = config.http
    keys = []
    if token := http.token.get_secret_value():
        keys.append(Key.of("admin", "admin", token))
    for name, one in http.tokens.items():
        keys.append(Key.of(name, one.role, one.token.get_secret_value()))
    own = socket.gethostname().lower()
    names = ["localhost", *http.allowed_hosts]
    if keys:
        names += [own, f"{own.partition('.')[0]}.local"]
    return WebSettings(
        host=http.host,
        port=http.port,
        keys=tuple(keys),
        names=tuple(dict.fromkeys(names)),
        max_body_bytes=http.max_upload_bytes,
        picture_urls=http.picture_urls,
        templates=all_templates(http.templates),
    )
