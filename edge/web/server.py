"""WebServer: the thread that serves HTTP. Whatever happens in it, the daemon goes on.

A port that is taken is said once and tried again; a server that fails is logged and started anew.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import threading
from collections.abc import Callable
from contextlib import suppress

import uvicorn
from pydantic import BaseModel

from edge.web.app import build_app
from edge.web.connections import Connection
from edge.web.events import EventKind, Events
from edge.web.inside import Archive, Door
from edge.web.routes_look import tell_stats
from edge.web.settings import WebSettings
from edge.web.web import Web

log = logging.getLogger(__name__)

RETRY_S = 10.0
BACKLOG = 128
KEEP_ALIVE_S = 15
MAX_HEAD_BYTES = 32_768
END_S = 1  # for requests that are being answered


class WebServer:
    """Serves from `start` to `stop`. `open_archive` is called in the server's thread."""

    def __init__(
        self, settings: WebSettings, door: Door, open_archive: Callable[[], Archive]
    ) -> None:
        self.settings = settings
        self._door, self._open_archive = door, open_archive
        self._events = Events()
        self._stopping = threading.Event()
        self._server: uvicorn.Server | None = None
        self._last_refusal = ""
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def is_alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    @property
    def is_serving(self) -> bool:
        """Whether requests are taken now."""
        return self._server is not None and self._server.started

    def tell(self, kind: EventKind, document: BaseModel | dict[str, object]) -> None:
        """Hand an event to those who listen; from any thread, never blocks."""
        self._events.tell(kind, document)

    def stop(self, timeout_s: float) -> bool:
        """End the connections and the thread; False if that takes longer than `timeout_s`."""
        self._stopping.set()
        if self._server is not None:
            self._server.should_exit = True
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._serve()
            except Exception:  # HTTP must not take the daemon with it
                log.exception("HTTP failed; it is started again in %.0f s", RETRY_S)
            finally:
                self._server = None
            self._stopping.wait(RETRY_S)

    def _serve(self) -> None:
        settings = self.settings
        try:
            listener = bind(settings.host, settings.port)
        except OSError as error:
            self._say_refused(error)
            return
        with listener:
            self._last_refusal = ""
            log.info("HTTP on http://%s:%d", _in_url(settings.host), settings.port)
            archive = self._open_archive()
            try:
                asyncio.run(self._serve_on(listener, archive))
            finally:
                archive.close()

    async def _serve_on(self, listener: socket.socket, archive: Archive) -> None:
        web = Web(self.settings, self._door, archive, self._events)
        config = uvicorn.Config(
            build_app(web),
            http=Connection,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=BACKLOG,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=END_S,
            h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        )
        # what clients do wrong is no news, what we do wrong is told by the gate
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        self._server = _Server(config, self._events)
        self._events.open()
        figures = asyncio.ensure_future(tell_stats(web))
        if self._stopping.is_set():
            self._server.should_exit = True
        try:
            await self._server.serve(sockets=[listener])
        finally:
            figures.cancel()
            with suppress(asyncio.CancelledError):
                await figures
            self._events.close()
            web.close()

    def _say_refused(self, error: OSError) -> None:
        """Once for each reason, not with every try."""
        reason = error.strerror or str(error)
        if reason == self._last_refusal:
            return
        self._last_refusal = reason
        host, port = self.settings.host, self.settings.port
        hint = ""
        if error.errno == errno.EADDRINUSE:
            hint = "another program has this port; set `http.port`; "
        log.error(
            "no HTTP on %s:%d: %s; %sthe daemon goes on without and tries again",
            host,
            port,
            reason,
            hint,
        )


class _Server(uvicorn.Server):
    """Ends the event streams before it waits for requests to end: they never do by themselves."""

    def __init__(self, config: uvicorn.Config, events: Events) -> None:
        super().__init__(config)
        self._events = events

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._events.close()
        await super().shutdown(sockets)


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sets TCP_NODELAY, which saves 40 ms a reply, only where the protocol is named
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1" if host.lower() == "localhost" else host, port))
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
