"""The blocks about the box and what it serves: broker, model, disk and log."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from edge.config.block import (
    MAX_COUNT,
    Between,
    Block,
    FilePath,
    Text,
    TopicLevels,
    one_of,
    resolve_path,
)
from edge.config.describe_as import DescribeAs
from edge.config.engines import OpenAiConfig
from edge.config.faults import Fault, refuse, show
from edge.config.model_names import DEFAULT_MODEL, DEMO_MODEL
from edge.config.quantities import duration, size

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
_PATH_START = re.compile(r"/|\./|\.\./|~")
_SIZE_PX = re.compile(r"(\d{2,4})x(\d{2,4})", re.ASCII)
_PIXELS_OF_WORD = {"small": 64 * 1024, "medium": 128 * 1024, "large": 256 * 1024}  # visual tokens


def _version(value: object) -> object:
    """`version: 5` is a number in YAML, `3.1.1` is text."""
    if isinstance(value, int | float) and not isinstance(value, bool) and value == 5:
        return "5"
    if value in ("5", "3.1.1"):
        return value
    raise refuse(Fault(f"{show(value)} is not possible.", "Write 5 or 3.1.1."))


def _host(value: str) -> str:
    if "://" in value:
        raise refuse(
            Fault(
                f"{show(value)} is a URL, not a host.",
                "Write the name or the address alone; the port and TLS have keys of their own.",
            )
        )
    if re.search(r"[\s/@]", value) or len(value) > 253:
        raise refuse(
            Fault(f"{show(value)} is not a host.", "Write a name or an address: broker.local.")
        )
    return value


class TlsConfig(Block):
    """TLS to the broker; `tls: {}` trusts the system's certificates."""

    ca: FilePath | None = None
    """PEM file of the certificate authority; without it the system's are trusted."""
    cert: FilePath | None = None
    """PEM file of the client certificate."""
    key: FilePath | None = None
    """PEM file of the client certificate's key; left out if `cert` holds both."""
    verify: bool = True
    """Check the broker's certificate and host name."""

    @model_validator(mode="after")
    def _key_needs_cert(self) -> Self:
        if self.key is not None and self.cert is None:
            raise refuse(
                Fault(
                    "`key` is set without `cert`.", "Add `cert: FILE`, or remove `key`.", ("key",)
                )
            )
        return self


class DiscoveryConfig(Block):
    """Home Assistant's MQTT discovery."""

    enabled: bool = True
    """Publish discovery documents."""
    prefix: TopicLevels = "homeassistant"
    """The discovery prefix configured in Home Assistant."""


class MqttConfig(Block):
    """The broker and how findings reach it."""

    host: Annotated[Text, AfterValidator(_host)]
    """Name or address of the broker."""
    tls: TlsConfig | None = None
    """TLS; `tls: {}` is enough for a broker with a public certificate."""
    port: Annotated[int, Between(1, 65535)] = Field(
        default_factory=lambda known: 8883 if known.get("tls") is not None else 1883
    )
    """TCP port; 1883, or 8883 with `tls`."""
    version: Annotated[
        Literal["5", "3.1.1"],
        BeforeValidator(_version),
        WithJsonSchema({"enum": [5, "5", "3.1.1"]}),
    ] = "5"
    """MQTT version."""
    username: str = ""
    """User name at the broker."""
    password: SecretStr = SecretStr("")
    """Password at the broker; better written as `!secret NAME` or `${VARIABLE}`."""
    prefix: TopicLevels = "edge"
    """First part of every topic."""
    keepalive_s: Annotated[float, duration("1s", "18h")] = Field(default=30.0, alias="keepalive")
    """How long the line may be silent before it is checked."""
    discovery: DiscoveryConfig = DiscoveryConfig()
    """Home Assistant's discovery."""
    max_in_flight: Annotated[int, Between(1, 40)] = 20
    """Messages that may wait for the broker's acknowledgement at once."""
    snapshots: bool = False
    """Publish each keyframe's JPEG too."""

    @field_validator("tls", mode="before")
    @classmethod
    def _is_tls(cls, value: object) -> object:
        if isinstance(value, bool):
            hint = "`tls: {}` for the system's certificates" if value else "no `tls` at all"
            raise refuse(Fault(f"{show(value)} is not a mapping.", f"Write {hint}."))
        return value

    @model_validator(mode="after")
    def _password_needs_username(self) -> Self:
        if self.password.get_secret_value() and not self.username:
            raise refuse(
                Fault(
                    "`password` is set without `username`.",
                    "Add `username: NAME`, or remove `password`.",
                    ("password",),
                )
            )
        return self


class SessionsConfig(Block):
    """Conversations about a picture that are kept open for follow-up questions."""

    max: Annotated[int, Between(1, 64)] = 4
    """Open conversations; the one unused longest goes first."""
    memory_bytes: Annotated[int, size("8MB")] = Field(default=128_000_000, alias="memory")
    """Memory for all of them; a 640x360 picture and some questions take 32 MB of the 2B model."""
    idle_s: Annotated[float, duration("10s", "1d")] = Field(default=600.0, alias="idle")
    """A conversation that nobody goes on with is closed after this long."""


class VlmConfig(Block):
    """The vision-language model."""

    engine: Annotated[
        Literal["openvino", "openai", "pool"], one_of(("openvino", "openai", "pool"))
    ] = "openvino"
    """Where the model is: on this box, on the server of the block `openai`, on other boxes."""
    openai: OpenAiConfig | None = None
    """The server that is asked with `engine: openai`."""
    standby: Annotated[Literal["none", "local"], one_of(("none", "local"))] = "none"
    """`local` has the `model` on this box take over while the model elsewhere is away."""
    model: Text = DEFAULT_MODEL
    """`demo` (bundled, for demonstration), a folder (/..., ./...), or a hub id OWNER/NAME."""
    threads: Annotated[int, Between(1, 1024)] | None = None
    """CPU threads; all cores if not set."""
    deadline_s: Annotated[float, duration("1s", "10m")] = Field(default=20.0, alias="deadline")
    """Longest time for one analysis."""
    overview: bool = False
    """Show the model the whole picture, small, beside the part where it moved."""
    reuse_s: Annotated[float, duration("0s", "10m")] = Field(default=10.0, alias="reuse")
    """How long answers hold for a picture that has not changed where they looked; 0s: never."""
    max_growth_bytes: Annotated[int, size("50MB")] = Field(
        default=1_000_000_000, alias="max_growth"
    )
    """The model's process is started anew between two jobs once it has grown by so much."""
    nice: Annotated[int, Between(0, 19)] = 10
    """CPU priority below the cameras: 0 (equal) to 19 (lowest)."""
    cache: FilePath | None = None
    """Folder for compiled models, which makes the next start fast; none if not set."""
    pixels: str = "auto"
    """Upper bound of what the model sees: auto, small, medium, large, or a size such as 640x360."""
    temporal: Annotated[Literal["off", "pair"], one_of(("off", "pair"))] = "off"
    """`pair` shows the picture from before a movement together with the keyframe; with a pool, the
    worker's configuration says so as well."""
    sessions: SessionsConfig = SessionsConfig()
    """Conversations that are kept open."""
    describe_as: DescribeAs = None
    """Shape of descriptions: `{people: integer, queue: [short, long]}`, JSON Schema, or a file."""

    @field_validator("model")
    @classmethod
    def _is_model(cls, value: str, info: ValidationInfo) -> str:
        if _PATH_START.match(value):
            return str(resolve_path(value, info))
        if value == DEMO_MODEL or _HUB_ID.fullmatch(value):
            return value
        raise refuse(
            Fault(
                f"{show(value)} is neither `demo`, a folder nor a hub id.",
                f"Write demo, a folder that starts with / or ./, or an id such as {DEFAULT_MODEL}.",
            )
        )

    @field_validator("pixels", mode="before")
    @classmethod
    def _is_pixels(cls, value: object) -> str:
        if value == "auto" or (isinstance(value, str) and value in _PIXELS_OF_WORD):
            return str(value)
        match = _SIZE_PX.fullmatch(value) if isinstance(value, str) else None
        if match and all(32 <= int(side) <= 4096 for side in match.groups()):
            return match[0]
        raise refuse(
            Fault(
                f"{show(value)} is not possible.",
                "Write auto, small, medium, large, or WIDTHxHEIGHT with sides of 32 to 4096.",
            )
        )

    @model_validator(mode="after")
    def _engine_needs_block(self) -> Self:
        if self.engine == "openai" and self.openai is None:
            raise refuse(
                Fault(
                    "`engine: openai` is set without a server.",
                    "Add `openai: {url: http://HOST:8000/v1, model: NAME}` beside it.",
                    ("engine",),
                )
            )
        return self

    @property
    def needs_model(self) -> bool:
        """Whether a model must be on this box."""
        return self.engine == "openvino" or self.standby == "local"

    @property
    def max_pixels(self) -> int | None:
        """The most pixels shown to the model at once; None leaves it to the engine (`auto`)."""
        if self.pixels == "auto":
            return None
        if self.pixels in _PIXELS_OF_WORD:
            return _PIXELS_OF_WORD[self.pixels]
        width_px, height_px = self.pixels.split("x")
        return int(width_px) * int(height_px)


class StoreConfig(Block):
    """Where findings are kept, for how long and how much."""

    folder: FilePath = Path("/var/lib/edge")
    """Folder of the database and the snapshots."""
    findings_max_age_s: Annotated[float, duration("1m")] = Field(
        default=30 * 86_400.0, alias="findings_max_age"
    )
    """Findings older than this are deleted."""
    findings_max_size_bytes: Annotated[int, size("1MB")] = Field(
        default=1_000_000_000, alias="findings_max_size"
    )
    """The oldest findings are deleted above this size."""
    findings_max_count: Annotated[int, Between(1, MAX_COUNT)] | None = None
    """The oldest findings are deleted above this number; no limit if not set."""
    outbox_max_age_s: Annotated[float, duration("1m")] = Field(
        default=7 * 86_400.0, alias="outbox_max_age"
    )
    """Messages that could not be delivered for this long are dropped, and counted."""
    outbox_max_size_bytes: Annotated[int, size("1MB")] = Field(
        default=200_000_000, alias="outbox_max_size"
    )
    """The oldest undelivered messages are dropped above this size, and counted."""
    outbox_max_count: Annotated[int, Between(1, MAX_COUNT)] | None = None
    """The oldest undelivered messages are dropped above this number, and counted."""
    min_free_bytes: Annotated[int, size("0B")] | None = Field(default=None, alias="min_free")
    """Free space the disk keeps, else the oldest go; if not set 1GB, or 5 % of a small disk."""


class LogConfig(Block):
    """The log on standard error."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"],
        one_of(("debug", "info", "warning", "error")),
    ] = "info"
    """The least severe lines that are written."""


def default_node() -> str:
    """The host name without its domain, as it can stand in a topic."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", socket.gethostname().partition(".")[0])
    return plain[:64].strip("-") or "edge"
