"""The server's thread: ports that are taken, faults, slow clients, the end."""

from __future__ import annotations

import logging
import socket
import time
from contextlib import ExitStack
from dataclasses import replace

import numpy as np
import pytest
import requests

from edge.pictures import encode_jpeg
from edge.web import server as server_file
from edge.web.connections import MAX_CONNECTIONS
from edge.web.server import WebServer
from edge.web.settings import WebSettings
from edge.web.uploads import KEPT_PIXELS
from tests.support import bombs
from tests.support.daemon import wait_until
from tests.support.ports import free_port
from tests.support.web_box import WorkingDoor
from tests.web.conftest import Running, Serve


class NoArchive:
    def close(self) -> None:
        pass


def test_a_port_that_is_taken_is_said_once_and_tried_again(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_file, "RETRY_S", 0.05)
    door = WorkingDoor()
    with caplog.at_level(logging.INFO), socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        settings = replace(WebSettings(), port=port)
        server = WebServer(settings, door, NoArchive)  # type: ignore[arg-type]
        server.start()
        wait_until(lambda: "another program has this port" in caplog.text, "it is said")
        time.sleep(0.3)  # some more tries
        assert caplog.text.count("no HTTP on") == 1
        assert server.is_alive()
        other.close()
        wait_until(lambda: server.is_serving, "it serves once the port is free")
    assert requests.get(f"http://127.0.0.1:{port}/health", timeout=10).status_code == 200
    assert server.stop(10)
    door.end()


def test_a_server_that_fails_is_started_again(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_file, "RETRY_S", 0.05)
    failures = iter([True, True, False])

    def open_archive() -> NoArchive:
        if next(failures):
            raise RuntimeError("a fault of ours")
        return NoArchive()

    door = WorkingDoor()
    server = WebServer(replace(WebSettings(), port=free_port()), door, open_archive)  # type: ignore[arg-type]
    server.start()
    wait_until(lambda: server.is_serving, "the third try serves")
    assert caplog.text.count("HTTP failed") == 2
    assert server.stop(10)
    door.end()


def test_a_fault_in_a_route_is_told_and_logged(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    box = serve()
    box.door.present = None  # type: ignore[assignment]
    reply = box.get("/api/v1/cameras")
    assert reply.status_code == 500
    assert reply.json()["error"]["what"].startswith("this is a fault of the program")
    wait_until(lambda: "Traceback" in caplog.text, "the log has it")
    assert box.get("/api/v1/me").status_code == 200


def test_streams_do_not_hold_up_the_end(serve: Serve) -> None:
    box = serve()
    with socket.create_connection(("127.0.0.1", box.port)) as line:
        line.sendall(b"GET /api/v1/events HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
        assert line.recv(100)
        assert box.server.stop(5)


def was_hung_up(line: socket.socket) -> bool:
    try:
        return line.recv(1) == b""
    except ConnectionResetError:
        return True


def test_slow_connections_shut_nobody_out(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.web.connections.HEAD_S", 1.0)
    box = serve()
    with ExitStack() as stack:
        slow = []
        for n in range(200):
            line = stack.enter_context(socket.create_connection(("127.0.0.1", box.port)))
            line.sendall(b"GET /api/v1/stats HTTP/1.1\r\nhost: 127." if n % 2 else b"G")
            slow.append(line)
        cpu_s = time.process_time()
        assert box.get("/api/v1/stats").status_code == 200
        assert time.process_time() - cpu_s < 3  # accepting 200 lines is work; nothing goes round
        for line in slow:  # all of them are ended
            line.settimeout(10)
            assert was_hung_up(line)


def test_one_connection_too_many_is_hung_up_on(serve: Serve) -> None:
    box = serve()
    with ExitStack() as stack:
        lines = [
            stack.enter_context(socket.create_connection(("127.0.0.1", box.port)))
            for _ in range(MAX_CONNECTIONS + 5)
        ]
        for line in lines[-5:]:
            line.settimeout(10)
            assert was_hung_up(line)
    wait_until(lambda: box.get("/health").status_code == 200, "there is room again")


@pytest.mark.parametrize(
    ("width", "height"), [(60_000, 60_000), (32_768, 2_000), (1, 40_000), (0, 9)]
)
def test_bombs_are_refused_before_they_are_decoded(box: Running, width: int, height: int) -> None:
    started = time.process_time()
    reply = box.post("/api/v1/chat", files={"image": bombs.png(width, height)}, data={"query": "x"})
    assert (reply.status_code, reply.json()["error"]["where"]) == (400, "image")
    assert time.process_time() - started < 1


def test_a_large_picture_is_made_smaller(box: Running) -> None:
    large = encode_jpeg(np.zeros((4000, 5000, 3), np.uint8))
    for region, expected in (("", KEPT_PIXELS), ("0,0,0.1,0.1", 20_000_000)):
        data = {"query": "x", "region": region}
        assert box.post("/api/v1/chat", files={"image": large}, data=data).status_code == 200
        height, width, _ = box.door.turns[-1].messages[0].parts[0].image.shape
        assert height * width == pytest.approx(expected, rel=0.01)
        assert width / height == pytest.approx(5 / 4, rel=0.01)
