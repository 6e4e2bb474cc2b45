"""Every route, and everybody who must not get through. The table is made from the routes."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
import requests
from fastapi.routing import APIRoute

from edge.web.access import LOGIN_BYTES, ROUTES, Access, find_access
from edge.web.app import build_routes
from edge.web.events import Events
from edge.web.settings import Key, WebSettings
from edge.web.visitors import FAILURES_S, LOGIN_S, MAX_FAILURES, MAX_LOGINS, Visitor, Visitors
from edge.web.web import Web
from tests.support.web_box import WorkingDoor
from tests.web.conftest import Running, Serve

ADMIN, VIEWER = "admin-0123456789abcdef", "viewer-0123456789abcdef"
KEYS = (Key.of("root", "admin", ADMIN), Key.of("wall", "viewer", VIEWER))
MAX_BYTES = 100_000


@pytest.fixture(scope="module")
def guarded(serve: Serve) -> Running:
    return serve(WebSettings(keys=KEYS, max_body_bytes=MAX_BYTES, names=("localhost", "box.local")))


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """More wrong tokens than an address may usually send."""
    monkeypatch.setattr("edge.web.visitors.MAX_FAILURES", 10_000)


def served_routes() -> Iterator[tuple[str, str]]:
    """What the application really has, whatever kinds of routers it is made of."""
    web = Web(WebSettings(), WorkingDoor(), None, Events())  # type: ignore[arg-type]
    document_paths = build_routes(web)
    todo = list(document_paths.router.routes)
    while todo:
        route = todo.pop()
        inner = getattr(route, "original_router", None)
        if inner is not None:
            todo.extend(inner.routes)
            continue
        assert isinstance(route, APIRoute), route
        yield from ((method, route.path) for method in route.methods)


def test_every_route_has_an_entry_and_every_entry_a_route() -> None:
    served = list(served_routes())
    assert len(served) == len(set(served))
    assert set(served) == {(access.method, access.path) for access in ROUTES}


def test_what_nobody_must_prove_is_a_short_list() -> None:
    public = {access.path for access in ROUTES if access.need == "nobody"}
    assert public == {
        "/",
        "/page/{edition}/{file}",
        "/health",
        "/ready",
        "/api/v1/health",
        "/api/v1/ready",
        "/api/v1/login",
        "/api/v1/logout",
    }
    writing = {access for access in ROUTES if access.method != "GET" and access.need == "viewer"}
    assert not writing, "a viewer changes nothing"


CASES = {
    "no token": ({"authorization": None}, 401),
    "wrong token": ({"authorization": "Bearer wrong"}, 401),
    "another scheme": ({"authorization": f"Basic {ADMIN}"}, 401),
    "unknown login": ({"authorization": None, "cookie": "edge_login=unknown"}, 401),
    "expired login": ({"authorization": None, "cookie": "edge_login={expired}"}, 401),
    "viewer's login": ({"authorization": None, "cookie": "edge_login={viewer}"}, 403),
    "viewer": ({"authorization": f"Bearer {VIEWER}"}, 403),
    "foreign origin": ({"origin": "https://evil.example"}, 403),
    "null origin": ({"origin": "null"}, 403),
    "another port": ({"origin": "http://127.0.0.1:1"}, 403),
    "foreign page": ({"sec-fetch-site": "cross-site"}, 403),
    "sibling page": ({"sec-fetch-site": "same-site"}, 403),
    "rebinding host": ({"host": "evil.example"}, 421),
    "lookalike host": ({"host": "localhost.evil.example"}, 421),
    "no host": ({"host": ""}, 421),
    "content type": ({"content-type": "text/plain"}, 415),
    "simple form": ({"content-type": "application/x-www-form-urlencoded"}, 415),
    "oversize": ({"content-length": str(MAX_BYTES + 1)}, 413),
    "endless": ({"transfer-encoding": "chunked"}, 413),
    "wrong method": ({}, 405),
}
APPLIES = {
    "no token": lambda a: a.need != "nobody",
    "wrong token": lambda a: a.need != "nobody",
    "another scheme": lambda a: a.need != "nobody",
    "unknown login": lambda a: a.need != "nobody",
    "expired login": lambda a: a.need != "nobody",
    "viewer's login": lambda a: a.need == "admin",
    "viewer": lambda a: a.need == "admin",
    "foreign origin": lambda a: a.method != "GET",
    "null origin": lambda a: a.method != "GET",
    "another port": lambda a: a.method != "GET",
    "foreign page": lambda a: a.method != "GET",
    "sibling page": lambda a: a.method != "GET",
    "content type": lambda a: bool(a.bodies),
    "simple form": lambda a: bool(a.bodies),
    "endless": lambda a: bool(a.bodies),
}


def log_in(guarded: Running, token: str) -> str:
    reply = guarded.post("/api/v1/login", json={"token": token})
    assert reply.status_code == 204
    return str(reply.cookies["edge_login"])


@pytest.fixture(scope="module")
def cookies(guarded: Running) -> dict[str, str]:
    """Real ones: a viewer's, and an admin's whose time is over."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("edge.web.visitors.LOGIN_S", -1.0)
        expired = log_in(guarded, ADMIN)
    return {"expired": expired, "viewer": log_in(guarded, VIEWER)}


def refused(
    guarded: Running, access: Access, case: str, cookies: dict[str, str]
) -> requests.Response:
    changes, _ = CASES[case]
    headers: dict[str, str | None] = {"authorization": f"Bearer {ADMIN}"}
    if access.bodies:
        headers["content-type"] = access.bodies[0]
        if access.bodies[0].startswith("multipart"):
            headers["content-type"] = "multipart/form-data; boundary=x"
    headers |= changes
    data: object = b"" if case != "oversize" else b"x" * (MAX_BYTES + 1)
    if case == "endless":
        data = iter(
            [b'--x\r\ncontent-disposition: form-data; name="a"\r\n\r\n'] + [b"x" * 9000] * 20
        )
    path = re.sub(r"\{[a-z_]+\}", "abc", access.path)
    method = "PATCH" if case == "wrong method" else access.method
    with requests.Session() as session:
        session.headers.pop("content-type", None)
        request = requests.Request(method, guarded.url + path, data=data)
        prepared = session.prepare_request(request)
        for name, value in headers.items():
            if value is None:
                prepared.headers.pop(name, None)
            elif name != "content-length":
                prepared.headers[name] = value.format(**cookies) if name == "cookie" else value
        return session.send(prepared, timeout=20)


@pytest.mark.parametrize("case", CASES)
def test_everybody_who_must_not_get_through(
    guarded: Running, patient: None, cookies: dict[str, str], case: str
) -> None:
    applies = APPLIES.get(case, lambda _: True)
    wrong = {}
    guarded.door.turns.clear()
    for access in filter(applies, ROUTES):
        reply = refused(guarded, access, case, cookies)
        told = reply.json().get("error", {})
        expected = CASES[case][1]
        if reply.status_code != expected or not (told.get("what") or told.get("message")):
            wrong[access.method, access.path] = (reply.status_code, reply.text[:80])
    assert not wrong
    assert not guarded.door.turns, "nothing reached the model"


@pytest.mark.parametrize("case", ["no token", "rebinding host"])
def test_unknown_paths_tell_nothing(guarded: Running, patient: None, case: str) -> None:
    unknown = Access("GET", "/api/v1/unknown", "viewer")
    assert refused(guarded, unknown, case, {}).status_code == CASES[case][1]
    assert guarded.get("/x", headers={"authorization": f"Bearer {ADMIN}"}).status_code == 404


def test_every_reply_is_protected(guarded: Running, box: Running) -> None:
    for reply in (guarded.get("/health"), guarded.get("/nothing"), box.get("/api/v1/stats")):
        assert "default-src 'none'" in reply.headers["content-security-policy"]
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["x-frame-options"] == "DENY"
        assert reply.headers["cross-origin-resource-policy"] == "same-origin"
        assert "access-control-allow-origin" not in reply.headers
        assert "server" not in reply.headers


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST:1", "[::1]:80", "127.9.9.9"])
def test_names_of_this_machine(box: Running, host: str) -> None:
    assert box.get("/health", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("host", ["10.0.0.7", "evil.example", "localhost.", "127.0.0.1.evil"])
def test_without_a_token_only_loopback_is_called(box: Running, host: str) -> None:
    expected = 200 if host == "localhost." else 421
    assert box.get("/health", headers={"host": host}).status_code == expected


def test_login_and_logout(guarded: Running, patient: None) -> None:
    with requests.Session() as browser:
        wrong = browser.post(f"{guarded.url}/api/v1/login", json={"token": "x"}, timeout=20)
        assert wrong.status_code == 401
        reply = browser.post(f"{guarded.url}/api/v1/login", json={"token": VIEWER}, timeout=20)
        assert reply.status_code == 204
        cookie = reply.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "samesite=strict" in cookie.lower()
        assert VIEWER not in cookie
        me = browser.get(f"{guarded.url}/api/v1/me", timeout=20).json()
        assert me == {"name": "wall", "role": "viewer", "login": True}
        asked = browser.post(f"{guarded.url}/api/v1/chat", files={"image": b"x"}, timeout=20)
        assert asked.status_code == 403
        kept = dict(browser.cookies)
        assert browser.post(f"{guarded.url}/api/v1/logout", timeout=20).status_code == 204
        assert requests.get(f"{guarded.url}/api/v1/me", cookies=kept, timeout=20).status_code == 401


def test_without_tokens_there_is_no_login(box: Running) -> None:
    assert box.post("/api/v1/login", json={"token": "x"}).status_code == 400
    assert box.get("/api/v1/me").json() == {"name": "this machine", "role": "admin", "login": False}


def test_an_address_that_guesses_has_to_wait(serve: Serve) -> None:
    guarded = serve(WebSettings(keys=KEYS))
    for _ in range(MAX_FAILURES):
        assert guarded.post("/api/v1/login", json={"token": "guess"}).status_code == 401
    for reply in (
        guarded.post("/api/v1/login", json={"token": ADMIN}),
        guarded.get("/api/v1/me", headers={"authorization": f"Bearer {ADMIN}"}),
    ):
        assert reply.status_code == 429
        assert 0 < int(reply.headers["retry-after"]) <= FAILURES_S + 1
    assert guarded.get("/health").status_code == 200


def test_logins_end_by_themselves() -> None:
    visitors = Visitors(KEYS)
    value = visitors.log_in(Visitor("root", "admin"), 0.0)
    header = f"other=1; edge_login={value}"
    assert visitors.by_cookie(header, LOGIN_S - 1) == Visitor("root", "admin")
    assert visitors.by_cookie(header, LOGIN_S) is None
    assert visitors.by_cookie("", 0.0) is None
    assert visitors.by_cookie('edge_login="\\', 0.0) is None
    for _ in range(MAX_LOGINS):
        visitors.log_in(Visitor("root", "admin"), 1.0)
    assert visitors.by_cookie(header, 1.0) is None


def test_failures_are_forgotten() -> None:
    visitors = Visitors(KEYS)
    for _ in range(MAX_FAILURES):
        assert visitors.wait_s("a", 10.0) == 0
        visitors.has_failed("a", 10.0)
    assert visitors.wait_s("a", 11.0) == int(FAILURES_S)
    assert visitors.wait_s("b", 11.0) == 0
    assert visitors.wait_s("a", 10.0 + FAILURES_S) == 0


def test_tokens() -> None:
    visitors = Visitors(KEYS)
    assert visitors.by_token(ADMIN) == Visitor("root", "admin")
    assert visitors.by_token(VIEWER) == Visitor("wall", "viewer")
    for wrong in ("", ADMIN[:-1], ADMIN + "x", ADMIN.upper(), "\udcff"):
        assert visitors.by_token(wrong) is None


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/api/v1/findings/abc", "/api/v1/findings/{finding_id}"),
        ("GET", "/api/v1/findings/a/b", []),
        ("GET", "/api/v1/findings/", []),
        ("GET", "/api/v1/findings/../stats", []),
        ("GET", "//api/v1/stats", []),
        ("HEAD", "/api/v1/stats", ["GET"]),
        ("OPTIONS", "/api/v1/chat", ["POST"]),
    ],
)
def test_find_access(method: str, path: str, expected: object) -> None:
    found = find_access(method, path)
    assert (found.path if isinstance(found, Access) else found) == expected


def test_who_is_not_known_sends_little(guarded: Running) -> None:
    """JSON is held in memory: many connections of a stranger must not fill it."""
    large = b'{"token": "' + b"x" * LOGIN_BYTES + b'"}'
    for data in (large, iter([large[:100], large[100:]])):
        headers = {"content-type": "application/json"}
        reply = guarded.post("/api/v1/login", data=data, headers=headers)
        assert reply.status_code == 413
    for access in ROUTES:
        if access.need == "nobody":
            assert access.most_bytes(MAX_BYTES) <= LOGIN_BYTES


def test_a_slow_body_is_ended(guarded: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.web.body.SLOW_START_S", 0.3)

    def drip() -> Iterator[bytes]:
        for _ in range(100):
            yield b" "
            time.sleep(0.05)

    reply = guarded.post("/api/v1/login", data=drip(), headers={"content-type": "application/json"})
    assert reply.status_code == 408
