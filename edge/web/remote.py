"""Pictures by URL: only from where the configuration allows it, and never from inside the network.

The name is resolved once and the connection made to the address that was checked, so that a second
answer of the name server changes nothing. Redirects are not followed, proxies not used.
"""

from __future__ import annotations

import asyncio
import http.client
import ipaddress
import socket
import ssl
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from edge.web.refusals import Refusal

FETCH_S = 15.0
_STEP_S = 5.0  # of silence
_CHUNK_BYTES = 65_536
MAX_URL_CHARS = 2000


@dataclass(frozen=True, slots=True)
class Place:
    """Where a picture is to be fetched: the address was checked, the name is for TLS and Host."""

    scheme: str
    name: str
    port: int
    target: str
    address: str


async def fetch_picture(url: str, allowed: tuple[str, ...], max_bytes: int, where: str) -> bytes:
    """The bytes behind a URL. Raises Refusal, which says no more than the client has to know."""
    check_url(url, allowed, where)
    return await asyncio.to_thread(_fetch, url, max_bytes, where)


def check_url(url: str, allowed: tuple[str, ...], where: str) -> None:
    """Raises Refusal unless the URL begins as one that is allowed, and is an ordinary one."""
    if not allowed:
        raise Refusal(
            400, "pictures by URL are switched off; send the picture itself as a data URL", where
        )
    if len(url) > MAX_URL_CHARS or not url.isascii() or not url.isprintable() or " " in url:
        raise Refusal(400, "this is not a URL that can be fetched", where)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Refusal(400, "this is not a URL that can be fetched", where) from None
    is_odd = "@" in parts.netloc or "\\" in url or port == 0 or "%" in parts.netloc
    steps = parts.path.lower().replace("%2e", ".").replace("%2f", "/").replace("%5c", "/")
    is_climbing = ".." in steps.split("/")
    origin = f"{parts.scheme}://{parts.netloc}".lower()
    plain = f"{origin}{parts.path or '/'}"
    if is_odd or is_climbing or not any(plain.startswith(_plain(one)) for one in allowed):
        raise Refusal(400, "pictures from there are not allowed; see http.picture_urls", where)


def _plain(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower() + (parts.path or "/")


def is_outside(address: str) -> bool:
    """Whether an address is a public one: not this machine, not the network it is in, not the
    places where clouds keep their secrets, whatever way it is written.
    """
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo or (None,))[0]
        is_nat64 = found in ipaddress.ip_network("64:ff9b::/96")
        if inner is not None or is_nat64:
            return not is_nat64 and inner is not None and is_outside(str(inner))
    return found.is_global and not found.is_multicast


def resolve(url: str, where: str) -> Place:
    """Look the host up, once. Raises Refusal for a name that is not known or points inside."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    name = parts.hostname or ""
    try:
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Refusal(400, "the host of this URL is not known", where) from None
    addresses = [str(entry[4][0]) for entry in found]
    if not addresses or not all(is_outside(address) for address in addresses):
        raise Refusal(400, "this URL leads into a private network", where)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Place(parts.scheme, name, port, target, addresses[0])


def _fetch(url: str, max_bytes: int, where: str) -> bytes:
    place = resolve(url, where)
    until_mono_s = time.monotonic() + FETCH_S
    connection = _connection(place)
    try:
        connection.request("GET", place.target, headers={"accept": "image/*"})
        with connection.getresponse() as reply:
            return _read(reply, max_bytes, until_mono_s, where)
    except (OSError, http.client.HTTPException):
        raise Refusal(400, "the picture could not be fetched from this URL", where) from None
    finally:
        connection.close()


def _read(
    reply: http.client.HTTPResponse, max_bytes: int, until_mono_s: float, where: str
) -> bytes:
    if reply.status != 200:
        raise Refusal(400, f"the server of this URL answered {reply.status}", where)
    data = bytearray()
    while chunk := reply.read1(_CHUNK_BYTES):
        data += chunk
        if len(data) > max_bytes:
            raise Refusal(413, f"the picture has more than {max_bytes} bytes", where)
        if time.monotonic() > until_mono_s:
            raise Refusal(400, "the server of this URL is too slow", where)
    return bytes(data)


def _connection(place: Place) -> http.client.HTTPConnection:
    """A connection to the checked address, whatever the name leads to by now."""

    def connect(_address: tuple[str, int], timeout: float, _source: object = None) -> socket.socket:
        return socket.create_connection((place.address, place.port), timeout)

    connection: http.client.HTTPConnection
    if place.scheme == "https":
        connection = http.client.HTTPSConnection(
            place.name, place.port, timeout=_STEP_S, context=ssl.create_default_context()
        )
    else:
        connection = http.client.HTTPConnection(place.name, place.port, timeout=_STEP_S)
    connection._create_connection = connect  # type: ignore[attr-defined]
    return connection
