"""WebSettings: where HTTP is served, and who may use it. Plain values, already checked."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Literal

from edge.templates import Template

Role = Literal["viewer", "admin"]


@dataclass(frozen=True, slots=True)
class Key:
    """Somebody's token, kept as its digest: equal lengths are compared in equal time."""

    name: str
    role: Role
    digest: bytes = field(repr=False)

    @classmethod
    def of(cls, name: str, role: Role, token: str) -> Key:
        """The key for a token in plain text."""
        return cls(name, role, digest_of(token))


def digest_of(token: str) -> bytes:
    """SHA-256; tokens are long and random, so that no slow hash is needed."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


@dataclass(frozen=True, slots=True)
class WebSettings:
    """Without `keys` everybody who reaches the address is an admin; only for loopback.

    `names` are host names under which browsers may call, lower case; addresses are always allowed.
    `picture_urls` are beginnings of URLs, each with a `/` at least behind the host.
    """

    host: str = "127.0.0.1"
    port: int = 8780
    keys: tuple[Key, ...] = ()
    names: tuple[str, ...] = ("localhost",)
    max_body_bytes: int = 32_000_000
    picture_urls: tuple[str, ...] = ()
    templates: tuple[Template, ...] = ()
