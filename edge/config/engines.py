"""Where the model is: the blocks below `vlm` about one that is not on this box."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr

from edge.config.block import Between, Block, Text, one_of
from edge.config.faults import Fault, refuse
from edge.redact import redact_url


def _base_url(value: str) -> str:
    shown = repr(redact_url(value)[:60])
    try:
        parts = urlsplit(value)
        is_good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_good = False
    if not is_good or not value.isprintable() or " " in value:
        raise refuse(
            Fault(
                f"{shown} is not the address of a server.",
                "Write what its paths begin with: http://10.0.0.5:8000/v1.",
            )
        )
    if "@" in parts.netloc:
        raise refuse(Fault("the address holds a password.", "Write it as `key: !secret NAME`."))
    if parts.query or parts.fragment or parts.path.rstrip("/").endswith("/completions"):
        raise refuse(
            Fault(
                f"{shown} is more than the beginning of the server's paths.",
                "Write it up to and with /v1, without /chat/completions.",
            )
        )
    return value.rstrip("/")


class OpenAiConfig(Block):
    """A server that speaks OpenAI's protocol: OpenVINO Model Server, vLLM, llama.cpp, a box."""

    url: Annotated[Text, AfterValidator(_base_url)]
    """What its paths begin with, mostly `http://HOST:PORT/v1`."""
    model: Text
    """What the server calls the model; another box running this software takes any name."""
    key: SecretStr = SecretStr("")
    """Sent as `Authorization: Bearer ...`; better written as `!secret NAME` or `${VARIABLE}`."""
    parallel: Annotated[int, Between(1, 32)] = 4
    """Requests at once, one for each question."""
    pictures: Annotated[Literal["jpeg", "png"], one_of(("jpeg", "png"))] = "jpeg"
    """How pictures are sent; `png` loses nothing and is ten times as large."""
