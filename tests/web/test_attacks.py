"""Attacks as whole requests: what swells, what never comes, what looks for a secret."""

from __future__ import annotations

import logging
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from edge.web.access import ROUTES
from edge.web.settings import Key, WebSettings
from tests.support import bombs
from tests.support.daemon import wait_until
from tests.web.conftest import PNG, Running, Serve

REFUSED_S = 1.0
MOST_MEMORY_BYTES = 100_000_000

CANARY = "canary-5f2b8e1d7c3a9046"
OTHER = "viewer-5f2b8e1d7c3a9046"


def peak_bytes() -> int:
    """The most memory since `forget_peak`."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("the kernel does not tell")


def forget_peak() -> int:
    """Begin to measure anew; what is used now."""
    Path("/proc/self/clear_refs").write_text("5")
    return peak_bytes()


def send_picture(box: Running, data: bytes) -> requests.Response:
    return box.post("/api/v1/chat", files={"image": data}, data={"query": "x"})


def send_message(box: Running, data: bytes) -> requests.Response:
    headers = {"content-type": "application/json"}
    return box.post("/v1/chat/completions", data=bombs.chat_with(data), headers=headers)


def check_refused(box: Running, send: Callable[[], requests.Response]) -> None:
    """Refused for what it is, at once and without taking memory; the box goes on."""
    box.door.turns.clear()
    before = forget_peak()
    cpu_s = time.process_time()
    reply = send()
    cpu_s = time.process_time() - cpu_s
    extra = peak_bytes() - before
    assert 400 <= reply.status_code < 500, reply.text[:200]
    assert not box.door.turns, "nothing reached the model"
    assert cpu_s < REFUSED_S
    assert extra < MOST_MEMORY_BYTES
    assert box.get("/health").status_code == 200


linux = pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")


@linux
@pytest.mark.parametrize("send", [send_picture, send_message], ids=["form", "data URL"])
@pytest.mark.parametrize("name", bombs.PICTURES)
def test_bombs_are_refused(
    box: Running, name: str, send: Callable[[Running, bytes], requests.Response]
) -> None:
    check_refused(box, lambda: send(box, bombs.PICTURES[name]))


@linux
@pytest.mark.parametrize("path", ["/api/v1/sessions/s/ask", "/v1/chat/completions"])
@pytest.mark.parametrize("name", bombs.BODIES)
def test_bombs_of_json_are_refused(box: Running, name: str, path: str) -> None:
    headers = {"content-type": "application/json"}
    if "packed" in name:
        headers["content-encoding"] = "gzip"
    check_refused(box, lambda: box.post(path, data=bombs.BODIES[name], headers=headers))


@linux
def test_a_form_of_too_many_fields_is_refused(box: Running) -> None:
    headers = {"content-type": "multipart/form-data; boundary=x"}
    body = bombs.crowded_form()
    check_refused(box, lambda: box.post("/api/v1/chat", data=body, headers=headers))


@linux
def test_what_lies_behind_a_pictures_pixels_is_not_unpacked(box: Running) -> None:
    data = bombs.swelling_png()
    before = forget_peak()
    assert send_picture(box, data).status_code == 200
    assert peak_bytes() - before < MOST_MEMORY_BYTES


_HEAD = b" HTTP/1.1\r\nhost: 127.0.0.1\r\n"
_FORM = b"content-type: multipart/form-data; boundary=x\r\ncontent-length: 100000\r\n\r\n"
_FILE = b'--x\r\ncontent-disposition: form-data; name="image"; filename="a"\r\n\r\nabc'
BEGINNINGS = (
    b"POST /api/v1/chat" + _HEAD + _FORM + b"--x\r\n",
    b"POST /api/v1/sessions" + _HEAD + _FORM,
    b"POST /api/v1/chat" + _HEAD + _FORM + _FILE,
    b"GET /api/v1/stats" + _HEAD + b"content-length: 500\r\n\r\n{",
)


def test_slow_bodies_shut_nobody_out(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """200 uploads that begin and do not go on; beside them the API answers."""
    monkeypatch.setattr("edge.web.body.SLOW_START_S", 2.0)
    box = serve()
    with ExitStack() as stack:
        lines = []
        for n in range(200):
            line = stack.enter_context(socket.create_connection(("127.0.0.1", box.port)))
            line.sendall(BEGINNINGS[n % len(BEGINNINGS)])
            lines.append(line)
        cpu_s = time.process_time()
        assert box.get("/api/v1/stats").status_code == 200
        assert send_picture(box, PNG).status_code == 200
        assert time.process_time() - cpu_s < REFUSED_S
        for line in lines:
            line.settimeout(20)
            received = line.recv(65_536)
            assert received.startswith((b"HTTP/1.1 408", b"HTTP/1.1 200")), received[:60]


@pytest.fixture(scope="module")
def secretive(serve: Serve) -> Running:
    keys = (Key.of("root", "admin", CANARY), Key.of("wall", "viewer", OTHER))
    return serve(WebSettings(keys=keys, names=("localhost",)))


def nosy_requests(url: str) -> Iterator[tuple[str, str, dict[str, object]]]:
    """Method, address and the rest of requests that carry the secrets wherever they can stand."""
    known = {"authorization": f"Bearer {CANARY}"}
    for access in ROUTES:
        if access.path == "/api/v1/events":
            continue
        for part in ("abc", "..%2f", "%00", "x" * 65):
            path = url + access.path.split("{")[0] + (part if "{" in access.path else "")
            for headers in (known, {}, {"authorization": f"Basic {CANARY}"}):
                yield access.method, path, {"headers": headers}
        path = url + access.path.replace("{", "").replace("}", "")
        more = {"content-type": access.bodies[0]} if access.bodies else {}
        for body in (b"{", b"[]", b'{"token": 1}', b"\xff\xfe", b"--x--"):
            yield access.method, path, {"headers": known | more, "data": body}
        yield access.method, path, {"headers": known, "files": {"image": b"x"}}
    for body in ({"token": CANARY}, {"token": [CANARY]}, {"token": CANARY, "more": 1}, [CANARY]):
        yield "POST", f"{url}/api/v1/login", {"json": body}
    broken = f'{{"token": "{CANARY}"'
    headers = {"content-type": "application/json"}
    yield "POST", f"{url}/api/v1/login", {"data": broken, "headers": headers}
    yield "GET", f"{url}/api/v1/me", {"cookies": {"edge_login": CANARY}}


def test_a_secret_is_in_no_reply_and_no_log(
    secretive: Running, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.web.visitors.MAX_FAILURES", 10_000)
    number = 0
    with caplog.at_level(logging.DEBUG):
        for method, url, more in nosy_requests(secretive.url):
            reply = requests.request(method, url, timeout=60, **more)  # type: ignore[arg-type]
            number += 1
            told = reply.text + str(reply.headers)
            assert CANARY not in told, (method, url)
            assert OTHER not in told, (method, url)
            assert reply.status_code < 500, (method, url, reply.text)
    assert number > 300
    ours = [r.getMessage() for r in caplog.records if not r.name.startswith("urllib3")]
    assert CANARY not in "\n".join(ours)
    assert OTHER not in "\n".join(ours)
    assert CANARY not in repr(secretive.server.settings)
    assert CANARY not in " ".join(os.environ.values())


def test_the_box_still_answers(secretive: Running) -> None:
    wait_until(lambda: secretive.get("/health").status_code == 200, "it lives")
