"""A server on loopback that speaks OpenAI's protocol as far as our client does; faults on demand.

    with ScriptedServer() as server:
        server.says = {" yes": 0.7, " no": 0.2}
        server.fault(Fault(status=429, headers={"Retry-After": "1"}))
        ... server.url ... server.asked

What it can do (`logprobs`, `json_schema`, `json_object`) can be taken from it, as servers differ.
"""

from __future__ import annotations

import base64
import io
import json
import math
import socket
import sys
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from PIL import Image


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request."""

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None  # in place of the answer
    stall_s: float = 0.0  # say nothing for so long
    drip_s: float = 0.0  # send a byte at a time, with so long between two
    cut_after: int | None = None  # close the connection after so many bytes of the body
    hang_up: bool = False  # close it without any answer


@dataclass(frozen=True)
class Asked:
    """One request for a completion."""

    document: dict[str, Any]
    key: str | None

    @property
    def words(self) -> str:
        """The last text of the user."""
        content = self.document["messages"][-1]["content"]
        return content if isinstance(content, str) else content[-1]["text"]

    @property
    def pictures(self) -> list[Image.Image]:
        """The pictures of all messages."""
        parts = [
            part
            for message in self.document["messages"]
            if isinstance(message["content"], list)
            for part in message["content"]
            if part["type"] == "image_url"
        ]
        urls = [part["image_url"]["url"] for part in parts]
        return [Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) for url in urls]

    @property
    def form(self) -> str:
        """How the answer was wanted."""
        if self.document.get("logprobs"):
            return f"logprobs {self.document.get('top_logprobs', 0)}"
        return str(self.document.get("response_format", {"type": "text"})["type"])


Places = Sequence[Mapping[str, float]]  # the chances of the tokens, place by place


class ScriptedServer:
    """Answers every question alike, as it is told to."""

    def __init__(self) -> None:
        self.says: Mapping[str, float] | Places = {"yes": 0.7, "no": 0.2}
        self.document: Any = {
            "summary": "A yard.",
            "objects": [],
            "texts": [],
            "spatial_relations": [],
        }
        self.top = 20  # alternatives that it tells; -1: refuses logprobs, 0: leaves them out
        self.json_schema = self.json_object = True
        self.asked: list[Asked] = []
        self.probes = 0
        self.together = 0  # the most requests that were with it at once
        self.delay_s = 0.0
        self._now = 0
        self._faults: deque[Fault] = deque()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._server: _Server | None = None
        self._port = 0
        self.start()

    @property
    def url(self) -> str:
        """What its paths begin with."""
        return f"http://127.0.0.1:{self._port}/v1"

    def fault(self, fault: Fault, times: int = 1) -> None:
        """Let the next requests, those for the list of models among them, fail this way."""
        self._faults.extend([fault] * times)

    def mend(self) -> None:
        """No more faults."""
        self._faults.clear()

    def start(self) -> None:
        """Listen, on the same port as before."""
        scripted = self

        class Handler(_Handler):
            server_script = scripted

        self._stopping.clear()
        self._server = _Server(("127.0.0.1", self._port), Handler)
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Be away: connections are refused."""
        self._stopping.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.hang_up()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def next_fault(self) -> Fault:
        with self._lock:
            return self._faults.popleft() if self._faults else Fault()

    def wait_for(self, seconds: float) -> None:
        self._stopping.wait(seconds)

    def enter(self, change: int) -> None:
        with self._lock:
            self._now += change
            self.together = max(self.together, self._now)

    def answer(self, asked: Asked) -> tuple[int, Any]:
        """Status and document of a request without a fault."""
        wanted = asked.document.get("response_format", {"type": "text"})
        if asked.document.get("logprobs") and self.top < 0:
            return 400, {"error": {"message": "logprobs are not supported"}}
        if asked.document.get("top_logprobs", 0) > max(self.top, 0) > 0:
            return 422, {"error": f"top_logprobs must be at most {self.top}"}
        if not {"json_schema": self.json_schema, "json_object": self.json_object}.get(
            wanted["type"], True
        ):
            return 400, {"error": {"message": f"{wanted['type']} is not supported"}}
        places: Places = [self.says] if isinstance(self.says, Mapping) else self.says
        text = "".join(max(place, key=lambda token: place[token]) for place in places)
        if "Describe the picture" in asked.words:
            text, places = (
                self.document if isinstance(self.document, str) else json.dumps(self.document),
                [],
            )
        elif wanted["type"] == "json_schema":
            text, places = json.dumps({"answer": text.strip().lower()}), []
        num = min(asked.document.get("top_logprobs", 0), self.top)
        tells = asked.document.get("logprobs") and self.top > 0 and places
        logprobs = {"content": [_place(place, num) for place in places]} if tells else None
        return 200, {
            "id": "x",
            "object": "chat.completion",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": text},
                    "logprobs": logprobs,
                    "finish_reason": "stop",
                }
            ],
            "usage": {"prompt_tokens": 70, "completion_tokens": 1, "total_tokens": 71},
        }


def _place(chances: Mapping[str, float], num: int) -> dict[str, Any]:
    told = [
        {"token": token, "logprob": math.log(chance), "bytes": list(token.encode())}
        for token, chance in sorted(chances.items(), key=lambda item: -item[1])
    ]
    return {**told[0], "top_logprobs": told[:num]}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, *words: Any) -> None:
        self._open: set[socket.socket] = set()
        super().__init__(*words)

    def get_request(self) -> tuple[socket.socket, Any]:
        accepted, address = super().get_request()
        self._open.add(accepted)
        return accepted, address

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """End the connections that are kept open."""
        for one in list(self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # a client may hang up
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server_script: ScriptedServer

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self.server_script.probes += 1
        self._serve(None)

    def do_POST(self) -> None:
        document = json.loads(self.rfile.read(int(self.headers["content-length"])))
        asked = Asked(document, self.headers.get("authorization"))
        self.server_script.asked.append(asked)
        self._serve(asked)

    def _serve(self, asked: Asked | None) -> None:
        script = self.server_script
        fault = script.next_fault()
        if fault.hang_up:
            self.close_connection = True
            return
        script.wait_for(fault.stall_s)
        script.enter(1)
        script.wait_for(script.delay_s)
        status, document = script.answer(asked) if asked else (200, {"object": "list", "data": []})
        script.enter(-1)
        body = json.dumps(document).encode() if fault.body is None else fault.body
        self._send(fault.status or status, body, fault)

    def _send(self, status: int, body: bytes, fault: Fault) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        for key, value in fault.headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if fault.drip_s:
            for index in range(len(body)):
                self.wfile.write(body[index : index + 1])
                self.wfile.flush()
                self.server_script.wait_for(fault.drip_s)
            return
        self.wfile.write(body if fault.cut_after is None else body[: fault.cut_after])
        self.close_connection = fault.cut_after is not None
