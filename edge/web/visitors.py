"""Visitors: who is calling, by bearer token or by the cookie of a login.

Holds the open logins and counts failures; time is an argument. Knows no HTTP but header values.
Called by the gate and the login routes, in the web thread alone.
"""

from __future__ import annotations

import hmac
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie

from edge.web.settings import Key, Role, digest_of

COOKIE = "edge_login"
LOGIN_S = 12 * 3600.0  # and no longer, however often it is used
MAX_LOGINS = 256  # the oldest goes first
MAX_FAILURES = 10  # of one address ...
FAILURES_S = 300.0  # ... within this long
MAX_ADDRESSES = 4096  # remembered; the one that failed longest ago goes first
MAX_TOKEN_CHARS = 512


@dataclass(frozen=True, slots=True)
class Visitor:
    """A caller who is known."""

    name: str
    role: Role


EVERYBODY = Visitor("this machine", "admin")  # where no tokens are configured


class Visitors:
    """Tokens, logins and failures."""

    def __init__(self, keys: tuple[Key, ...]) -> None:
        self._keys = keys
        self._logins: OrderedDict[bytes, tuple[Visitor, float]] = OrderedDict()
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()

    @property
    def are_known(self) -> bool:
        """Whether anybody has to say who they are."""
        return bool(self._keys)

    def by_token(self, token: str) -> Visitor | None:
        """Who has this token. All keys are compared, in a time that does not tell which fits."""
        digest = digest_of(token[:MAX_TOKEN_CHARS])
        found = None
        for key in self._keys:
            if hmac.compare_digest(digest, key.digest):
                found = Visitor(key.name, key.role)
        return found

    def by_cookie(self, header: str, now_mono_s: float) -> Visitor | None:
        """Who logged in with this cookie, if that was not too long ago."""
        known = self._logins.get(_cookie_digest(header))
        if known is None or now_mono_s >= known[1]:
            return None
        return known[0]

    def log_in(self, visitor: Visitor, now_mono_s: float) -> str:
        """The value of a new cookie."""
        value = secrets.token_urlsafe(32)
        self._logins[digest_of(value)] = (visitor, now_mono_s + LOGIN_S)
        while len(self._logins) > MAX_LOGINS:
            self._logins.popitem(last=False)
        return value

    def log_out(self, header: str) -> None:
        """End the login of this cookie, if there is one."""
        self._logins.pop(_cookie_digest(header), None)

    def wait_s(self, address: str, now_mono_s: float) -> int:
        """How long an address has to wait before it may try a token again; 0 if it need not."""
        count, until = self._failures.get(address, (0, 0.0))
        if count < MAX_FAILURES or now_mono_s >= until:
            return 0
        return int(until - now_mono_s) + 1

    def has_failed(self, address: str, now_mono_s: float) -> None:
        """An address gave a wrong token."""
        count, until = self._failures.pop(address, (0, 0.0))
        if now_mono_s >= until:
            count, until = 0, now_mono_s + FAILURES_S
        self._failures[address] = (count + 1, until)
        while len(self._failures) > MAX_ADDRESSES:
            self._failures.popitem(last=False)


def _cookie_digest(header: str) -> bytes:
    try:
        morsel = SimpleCookie(header).get(COOKIE)
    except CookieError:
        morsel = None
    return digest_of("" if morsel is None else morsel.value[:MAX_TOKEN_CHARS])


def bearer_token(header: str) -> str:
    """The token of an Authorization header; empty if it holds none."""
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
