"""A small HTTP camera for tests: multipart MJPEG in real time, with faults to order.

    with MjpegServer(jpegs, fps=10) as server:
        server.url

Plain sockets and threads; knows nothing of the product's code.
"""

from __future__ import annotations

import base64
import http.server
import io
import itertools
import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

Fault = Literal["none", "stall", "close", "mute", "page"]

BOUNDARY = "frame"


def encode_jpeg(image: NDArray[np.uint8], quality: int = 85) -> bytes:
    """One picture, (H, W, 3) uint8 RGB, as a JPEG file."""
    target = io.BytesIO()
    PillowImage.fromarray(image).save(target, "JPEG", quality=quality)
    return target.getvalue()


class MjpegServer:
    """Sends `jpegs` again and again at `fps` to every client, on a free loopback port.

    `fault` may be changed at any time: after `fault_after` pictures of a connection, `stall` stops
    sending but keeps the connection, `close` ends it; `mute` accepts and never answers; `page`
    answers with an HTML page. With an account, other clients get 401. The dates of its answers are
    `clock_off_s` ahead.
    """

    def __init__(
        self,
        jpegs: Sequence[bytes],
        *,
        fps: float = 10.0,
        fault: Fault = "none",
        fault_after: int = 10,
        user: str = "",
        password: str = "",
        clock_off_s: float = 0.0,
    ) -> None:
        self.jpegs = list(jpegs)
        self.fps = fps
        self.fault: Fault = fault
        self.fault_after = fault_after
        self.user, self.password = user, password
        self.clock_off_s = clock_off_s
        self.connections = 0
        self._stopping = threading.Event()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler_class())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def port(self) -> int:
        """The bound port."""
        return self._server.server_port

    @property
    def url(self) -> str:
        """The stream's address, without the account."""
        return f"http://127.0.0.1:{self.port}/video.mjpg"

    def start(self) -> None:
        """Serve in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving and end every connection."""
        self._stopping.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _handler_class(self) -> type[http.server.BaseHTTPRequestHandler]:
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.connections += 1
                try:
                    server._answer(self)
                except OSError:
                    return  # the client went away

            def date_time_string(self, timestamp: float | None = None) -> str:
                return super().date_time_string((timestamp or time.time()) + server.clock_off_s)

            def log_message(self, *_: object) -> None:
                return

        return Handler

    def _answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        request.close_connection = True
        if self.fault == "mute":
            self._stopping.wait()
            return
        if not self._is_allowed(request):
            request.send_response(401)
            request.send_header("WWW-Authenticate", 'Basic realm="camera"')
            request.end_headers()
            return
        if self.fault == "page":
            request.send_response(200)
            request.send_header("Content-Type", "text/html")
            request.end_headers()
            request.wfile.write(b"<html><body>Please log in</body></html>" * 20)
            return
        request.send_response(200)
        request.send_header("Content-Type", f"multipart/x-mixed-replace;boundary={BOUNDARY}")
        request.end_headers()
        self._send_pictures(request)

    def _is_allowed(self, request: http.server.BaseHTTPRequestHandler) -> bool:
        account = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        return not self.user or request.headers.get("Authorization") == f"Basic {account}"

    def _send_pictures(self, request: http.server.BaseHTTPRequestHandler) -> None:
        for index in itertools.count():
            if index >= self.fault_after and self.fault == "close":
                return
            while index >= self.fault_after and self.fault == "stall":
                if self._stopping.wait(0.05):
                    return
            jpeg = self.jpegs[index % len(self.jpegs)]
            head = (
                f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            )
            request.wfile.write(head.encode() + jpeg + b"\r\n")
            if self._stopping.wait(1.0 / self.fps):
                return
