"""The gate: everything that comes in over HTTP passes here, before any other code sees it.

    host -> path -> origin -> who -> method -> role -> content type -> size

What is not allowed by `access.py` is refused. Also puts the protecting headers on every reply, and
is the outermost line where a fault of ours is caught.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import time
from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge.web.access import ROUTES, Access, find_access
from edge.web.body import Body, BodyRefused
from edge.web.refusals import Refusal
from edge.web.settings import WebSettings
from edge.web.visitors import EVERYBODY, Visitor, Visitors, bearer_token

log = logging.getLogger(__name__)

STALLED_S = 30.0  # a client that takes nothing for this long is dropped
SAFE_METHODS = ("GET", "HEAD")

PROTECTION = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob: data:; connect-src 'self'; font-src 'self'; manifest-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


class ClientStalled(Exception):
    """The client has not taken what was sent to it."""


class Gate:
    """ASGI middleware around the whole application."""

    def __init__(
        self,
        app: ASGIApp,
        settings: WebSettings,
        visitors: Visitors,
        routes: Iterable[Access] = ROUTES,
    ) -> None:
        self._app, self._settings, self._visitors = app, settings, visitors
        self._routes = tuple(routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return  # no web sockets here
        exchange = _Exchange(scope["path"], send)
        try:
            access = self._admit(scope)
        except Refusal as refusal:
            exchange.body = _body(scope, receive, self._settings.max_body_bytes)
            await exchange.body.drain()
            await self._refuse(refusal, scope, exchange)
            return
        most = access.most_bytes(self._settings.max_body_bytes)
        exchange.body = _body(scope, receive, most)
        try:
            await self._app(scope, exchange.body.receive, exchange.send)
        except BodyRefused as refused:
            await self._refuse(Refusal(refused.status, refused.what), scope, exchange)
        except ClientStalled:
            log.debug("a client took nothing for %.0f s and was dropped", STALLED_S)
        except Exception:  # a fault of ours must not end the server
            log.exception("%s %s failed", scope["method"], access.path)
            if not exchange.has_started:
                await self._refuse(
                    Refusal(500, "this is a fault of the program; see its log"), scope, exchange
                )

    def _admit(self, scope: Scope) -> Access:
        """The route's entry, if the request may go on; raises Refusal."""
        headers, method, path = Headers(scope=scope), scope["method"], scope["path"]
        host = _one(headers, "host")
        if not self._is_our_name(host):
            raise Refusal(
                421, "this box is not called that; see http.allowed_hosts", "host", code="bad_host"
            )
        access = find_access(method, path, self._routes)
        if method not in SAFE_METHODS:
            _check_origin(headers, scope["scheme"], host)
        visitor = self._identify(scope, headers, access)
        if isinstance(access, list):
            if not access:
                raise Refusal(404, "there is nothing at this path", "path")
            raise Refusal(405, f"use {' or '.join(sorted(access))} here", "method")
        if access.need == "admin" and visitor.role != "admin":
            raise Refusal(403, "this needs an admin's token, not a viewer's", "authorization")
        _check_body(headers, access, self._settings.max_body_bytes)
        scope.setdefault("state", {})["visitor"] = visitor
        return access

    def _identify(self, scope: Scope, headers: Headers, access: Access | list[str]) -> Visitor:
        """Who is calling; raises Refusal for somebody who would have to be known."""
        visitors = self._visitors
        if not visitors.are_known:
            return EVERYBODY
        if isinstance(access, Access) and access.need == "nobody":
            return Visitor("somebody", "viewer")
        now = time.monotonic()
        address = scope["client"][0] if scope.get("client") else ""
        if "authorization" not in headers:
            known = visitors.by_cookie(headers.get("cookie", ""), now)
            if known is None:
                raise Refusal(401, "a token is needed, or a login", "authorization")
            return known
        if wait_s := visitors.wait_s(address, now):
            raise Refusal(429, "too many wrong tokens came from this address", retry_after_s=wait_s)
        known = visitors.by_token(bearer_token(_one(headers, "authorization")))
        if known is None:
            visitors.has_failed(address, now)
            log.warning("a wrong token came from %s", address)
            raise Refusal(401, "this token is not known", "authorization")
        return known

    def _is_our_name(self, host: str) -> bool:
        """Whether a Host header names this box. An address cannot be rebound to another one."""
        name = _without_port(host).lower()
        try:
            address = ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
        except ValueError:
            return name.removesuffix(".") in self._settings.names
        return address.is_loopback or self._visitors.are_known

    async def _refuse(self, refusal: Refusal, scope: Scope, exchange: _Exchange) -> None:
        response = refusal.response(scope["path"])
        try:
            await response(scope, exchange.never, exchange.send)
        except ClientStalled:
            return


class _Exchange:
    """One request's reply: headers are added, a refused body changes it, a stalled client ends."""

    def __init__(self, path: str, send: Send) -> None:
        self._path, self._send = path, send
        self.body: Body | None = None
        self.has_started = False
        self._is_replaced = False

    async def send(self, message: Message) -> None:
        """ASGI's send."""
        body = self.body
        is_start = message["type"] == "http.response.start"
        if body is not None and body.refused is not None and not self.has_started and is_start:
            # whatever the application makes of a body that it could not read
            refused, body.refused = body.refused, None
            self._is_replaced = True
            await Refusal(refused.status, refused.what).response(self._path)(
                {"type": "http"}, self.never, self._give
            )
            return
        if not self._is_replaced:
            await self._give(message)

    async def never(self) -> Message:
        """A receive for replies that need nothing from the client."""
        return await asyncio.Future()

    async def _give(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.has_started = True
            headers = MutableHeaders(raw=message["headers"])
            for name, value in PROTECTION.items():
                headers.setdefault(name, value)
            headers.setdefault("cache-control", "no-store")
            if self.body is not None and not self.body.is_over:
                headers["connection"] = "close"
        try:
            async with asyncio.timeout(STALLED_S):
                await self._send(message)
        except TimeoutError:
            raise ClientStalled from None


def _one(headers: Headers, name: str) -> str:
    """A header that must not come twice."""
    values = headers.getlist(name)
    if len(values) > 1:
        raise Refusal(400, f"there are {len(values)} {name} headers", name)
    return values[0] if values else ""


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[: host.find("]") + 1]
    return host.partition(":")[0]


def _check_origin(headers: Headers, scheme: str, host: str) -> None:
    """A browser tells where a request comes from: only our own page may change anything."""
    site = headers.get("sec-fetch-site", "same-origin")
    origin = headers.get("origin", f"{scheme}://{host}")
    if site not in ("same-origin", "none") or origin != f"{scheme}://{host}":
        raise Refusal(403, "requests from other web pages are not allowed", "origin")


def _body(scope: Scope, receive: Receive, max_bytes: int) -> Body:
    headers = Headers(scope=scope)
    return Body(receive, max_bytes, is_empty=_is_empty(headers))


def _is_empty(headers: Headers) -> bool:
    return headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers


def _check_body(headers: Headers, access: Access, allowed: int) -> None:
    """By what the headers say; what really comes is counted while it is read."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    is_left_out = access.may_be_empty and not kind and _is_empty(headers)
    if access.bodies and kind not in access.bodies and not is_left_out:
        raise Refusal(415, f"send {' or '.join(access.bodies)} here", "content-type")
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit()):
        raise Refusal(400, "this is not a length", "content-length")
    most = access.most_bytes(allowed)
    if int(length) > most:
        hint = " (http.max_upload)" if most == allowed else ""
        raise Refusal(413, f"the request has {length} bytes; at most {most} are allowed here{hint}")
