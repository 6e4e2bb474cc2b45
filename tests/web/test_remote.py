"""Pictures by URL: what is fetched, and every way in that must stay shut."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from typing import ClassVar

import pytest

from edge.web import remote
from edge.web.refusals import Refusal
from edge.web.remote import check_url, fetch_picture, is_outside
from edge.web.settings import WebSettings
from edge.web.web import MAX_FETCHES
from tests.support.daemon import wait_until
from tests.web.conftest import PNG, Serve

ALLOWED = ("https://pictures.example/kitchen/", "http://127.0.0.1:{port}/")


class Canary(BaseHTTPRequestHandler):
    """Serves a picture; remembers who asked. `/slow.png` takes until it is let go."""

    asked: ClassVar[list[str]] = []
    go: ClassVar[threading.Event] = threading.Event()

    def do_GET(self) -> None:
        self.asked.append(f"{self.headers['host']}{self.path}")
        if self.path == "/redirect.png":
            self.send_response(302)
            self.send_header("location", "/a.png")
            self.end_headers()
            return
        self.send_response(200)
        self.end_headers()
        if self.path == "/slow.png":
            self.go.wait(30)
        self.wfile.write(PNG if self.path in ("/a.png", "/slow.png") else b"x" * 100_000)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def canary() -> Iterator[HTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Canary) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def fetch(url: str, allowed: tuple[str, ...], max_bytes: int = 10_000) -> bytes:
    return asyncio.run(fetch_picture(url, allowed, max_bytes, "url"))


INSIDE = [
    "127.0.0.1",
    "127.1.2.3",
    "localhost",
    "localtest",
    "0.0.0.0",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::ffff:169.254.169.254]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "[fe80::1]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "169.254.170.2",
    "100.100.100.200",
    "100.64.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "127.1",
    "0x7f.1",
    "0",
]


@pytest.mark.parametrize("host", INSIDE)
@pytest.mark.parametrize("form", ["http://{}:{}/a.png", "https://{}:{}/a.png"])
def test_an_allowed_name_that_leads_inside_is_refused(
    canary: HTTPServer, monkeypatch: pytest.MonkeyPatch, host: str, form: str
) -> None:
    """Even if the configuration allows the host, and however the address is written."""
    real = socket.getaddrinfo

    def answers(name: str, *rest: object, **more: object) -> object:
        return real("127.0.0.1" if name == "localtest" else name, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", answers)
    Canary.asked.clear()
    url = form.format(host, canary.server_port)
    with pytest.raises(Refusal) as caught:
        fetch(url, (url.rsplit("/", 1)[0] + "/",))
    assert caught.value.status == 400
    assert not Canary.asked


@pytest.mark.parametrize(
    "url",
    [
        "http://pictures.example/kitchen/a.png",
        "https://pictures.example/other/a.png",
        "https://pictures.example/kitchen/../other/a.png",
        "https://pictures.example/kitchen/%2e%2e/other/a.png",
        "https://pictures.example/kitchen/..%2fother/a.png",
        "https://pictures.example/kitchen/..\\other/a.png",
        "https://pictures.example:444/kitchen/a.png",
        "https://pictures.example:99999/kitchen/a.png",
        "https://pictures.example.evil.example/kitchen/a.png",
        "https://evil.example/https://pictures.example/kitchen/a.png",
        "https://pictures.example@evil.example/kitchen/a.png",
        "https://me:pw@pictures.example/kitchen/a.png",
        "https://pictures.example%2f@evil.example/kitchen/",
        "https:/pictures.example/kitchen/a.png",
        "//pictures.example/kitchen/a.png",
        "file:///etc/passwd",
        "gopher://pictures.example/kitchen/",
        "ftp://pictures.example/kitchen/a.png",
        "https://pictures.example/kitchen/a b.png",
        "https://pictures.example/kitchen/a\r\nhost: x",
        "https://pictures.ex\u0430mple/kitchen/a.png",
        "https://pictures.example/kitchen/" + "a" * 3000,
        "https://[::1/kitchen/",
        "",
    ],
)
def test_what_is_not_allowed_is_not_even_looked_up(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    def never(*_: object, **__: object) -> object:
        raise AssertionError("a name was looked up")

    monkeypatch.setattr(socket, "getaddrinfo", never)
    with pytest.raises(Refusal):
        fetch(url, ALLOWED)


def test_nothing_is_allowed_by_itself() -> None:
    with pytest.raises(Refusal, match="switched off"):
        check_url("https://pictures.example/kitchen/a.png", (), "url")
    check_url("https://pictures.example/kitchen/a.png", ALLOWED, "url")
    check_url("HTTPS://Pictures.Example/kitchen/a.png?size=2", ALLOWED, "url")


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111"])
def test_public_addresses(address: str) -> None:
    assert is_outside(address)


def test_one_name_with_an_address_inside_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    both = [(2, 1, 6, "", ("8.8.8.8", 443)), (2, 1, 6, "", ("10.0.0.1", 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: both)
    with pytest.raises(Refusal, match="private network"):
        fetch("https://pictures.example/kitchen/a.png", ALLOWED)


@pytest.fixture
def public(canary: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """The canary under a name, as if it were outside; the name is looked up once, then points
    elsewhere.
    """
    answers = iter([[(2, 1, 6, "", ("127.0.0.1", canary.server_port))]])
    real = socket.getaddrinfo

    def look_up(name: str, *rest: object, **more: object) -> object:
        if name != "pictures.example":
            return real(name, *rest, **more)  # type: ignore[arg-type]
        return next(answers)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(remote, "is_outside", lambda _: True)
    Canary.asked.clear()
    return f"http://pictures.example:{canary.server_port}/"


def test_a_picture_is_fetched_from_the_address_that_was_checked(public: str) -> None:
    assert fetch(f"{public}a.png", (public,)) == PNG
    assert Canary.asked == [f"{public[7:-1]}/a.png"]


def test_redirects_are_not_followed(public: str) -> None:
    with pytest.raises(Refusal, match="302"):
        fetch(f"{public}redirect.png", (public,))
    assert len(Canary.asked) == 1


def test_too_large_a_picture_is_refused(public: str) -> None:
    with pytest.raises(Refusal) as caught:
        fetch(f"{public}large.png", (public,))
    assert caught.value.status == 413


def test_a_server_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    place = remote.Place("http", "pictures.example", 1, "/a.png", "127.0.0.1")
    monkeypatch.setattr(remote, "resolve", lambda *_: place)
    with pytest.raises(Refusal, match="could not be fetched"):
        fetch("https://pictures.example/kitchen/a.png", ALLOWED)


def test_slow_servers_of_pictures_hold_up_nobody_else(
    canary: HTTPServer, monkeypatch: pytest.MonkeyPatch, serve: Serve
) -> None:
    """At most two are waited for at a time; uploads are decoded meanwhile."""
    monkeypatch.setattr(remote, "is_outside", lambda _: True)
    Canary.asked.clear()
    public = f"http://127.0.0.1:{canary.server_port}/"
    box = serve(WebSettings(picture_urls=(public,)))
    content = [
        {"type": "image_url", "image_url": {"url": f"{public}slow.png"}},
        {"type": "text", "text": "?"},
    ]
    body = {"messages": [{"role": "user", "content": content}]}
    codes: list[int] = []

    def ask() -> None:
        codes.append(box.post("/v1/chat/completions", json=body).status_code)

    Canary.go.clear()
    waiting = [threading.Thread(target=ask) for _ in range(8)]
    for thread in waiting:
        thread.start()
    wait_until(lambda: len(Canary.asked) == MAX_FETCHES, "as many are fetched as may")
    for _ in range(3):
        reply = box.post("/api/v1/chat", files={"image": PNG}, data={"query": "x"})
        assert reply.status_code == 200
    assert len(Canary.asked) == MAX_FETCHES
    Canary.go.set()
    for thread in waiting:
        thread.join(30)
    assert codes == [200] * 8
