"""The block about HTTP: where the API and the page are served, and who may use them."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from edge.config.block import Between, Block, Name, Text, one_of
from edge.config.faults import Fault, refuse, show
from edge.config.quantities import size
from edge.config.template import TemplateConfig

DEFAULT_PORT = 8780
MIN_TOKEN_CHARS = 16
MAX_TOKENS = 32
MAX_TEMPLATES = 32

_HOST_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?", re.ASCII)
_PICTURE_URL = re.compile(
    r"https?://[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?(?:/[^\s?#@\\%]*)?",
    re.ASCII,
)


def is_loopback(host: str) -> bool:
    """Whether nobody but this machine can reach an address."""
    if host.casefold() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _bind_address(value: str) -> str:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        if value.casefold() != "localhost":
            raise refuse(
                Fault(
                    f"{show(value)} is not an address of this machine.",
                    "Write 127.0.0.1 for this machine alone, 0.0.0.0 for the network, or one of "
                    "its addresses.",
                )
            ) from None
    return value


def _host_name(value: str) -> str:
    if _HOST_NAME.fullmatch(value):
        return value.lower()
    raise refuse(
        Fault(
            f"{show(value)} is not a host name.",
            "Write the name in the browser's address bar, without scheme and port: box.local.",
        )
    )


def _picture_url(value: str) -> str:
    if _PICTURE_URL.fullmatch(value):
        return value if value.count("/") > 2 else f"{value}/"
    raise refuse(
        Fault(
            f"{show(value)} is not the beginning of a URL.",
            "Write scheme and host, and a folder if you like: https://pictures.example/kitchen/.",
        )
    )


class TokenConfig(Block):
    """Somebody who may use the API."""

    token: SecretStr
    """The secret, sent as `Authorization: Bearer ...`; better written as `!secret NAME`."""
    role: Annotated[Literal["viewer", "admin"], one_of(("viewer", "admin"))] = "viewer"
    """`viewer` looks, `admin` also asks questions."""


class HttpConfig(Block):
    """The API and the page."""

    enabled: bool = True
    """Serve them."""
    host: Annotated[Text, AfterValidator(_bind_address)] = "127.0.0.1"
    """Address to listen on; any but this machine's own needs a token."""
    port: Annotated[int, Between(1, 65535)] = DEFAULT_PORT
    """TCP port."""
    token: SecretStr = SecretStr("")
    """Secret of an admin; better written as `!secret NAME` or `${VARIABLE}`."""
    tokens: Annotated[dict[Name, TokenConfig], Field(max_length=MAX_TOKENS)] = Field(
        default_factory=dict
    )
    """Further secrets by name, each with a role."""
    allowed_hosts: Annotated[
        tuple[Annotated[str, AfterValidator(_host_name)], ...], Field(max_length=32)
    ] = ()
    """Names under which browsers may call this box, besides its addresses and its own name."""
    max_upload_bytes: Annotated[int, size("64KB", "64MB")] = Field(
        default=32_000_000, alias="max_upload"
    )
    """Largest request."""
    picture_urls: Annotated[
        tuple[Annotated[str, AfterValidator(_picture_url)], ...], Field(max_length=32)
    ] = ()
    """Beginnings of URLs from which pictures are fetched on request; none if empty."""
    templates: Annotated[dict[Name, TemplateConfig], Field(max_length=MAX_TEMPLATES)] = Field(
        default_factory=dict
    )
    """Further requests about pictures by name, beside the built-in ones."""

    @property
    def has_token(self) -> bool:
        """Whether anybody needs one."""
        return bool(self.token.get_secret_value() or self.tokens)

    @model_validator(mode="after")
    def _check_tokens(self) -> Self:
        faults = []
        given: dict[tuple[str, ...], SecretStr] = {}
        if self.token.get_secret_value():
            given["token",] = self.token
        given |= {("tokens", name, "token"): one.token for name, one in self.tokens.items()}
        for at, token in given.items():
            text = token.get_secret_value()
            if len(text) < MIN_TOKEN_CHARS or not text.isascii() or not text.isprintable():
                faults.append(
                    Fault(
                        f"a token needs at least {MIN_TOKEN_CHARS} printable ASCII characters.",
                        "Make one with: openssl rand -hex 24",
                        at,
                    )
                )
        if len({token.get_secret_value() for token in given.values()}) < len(given):
            faults.append(
                Fault("two tokens are the same.", "Give everyone their own.", ("tokens",))
            )
        if self.enabled and not is_loopback(self.host) and not given:
            faults.append(
                Fault(
                    f"{self.host} can be reached from the network, and there is no token.",
                    "Add `token: !secret NAME`, or listen on 127.0.0.1.",
                    ("host",),
                )
            )
        if faults:
            raise refuse(faults)
        return self
