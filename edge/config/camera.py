"""One camera: where its pictures come from, where to look, and its own settings."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    GetJsonSchemaHandler,
    PlainSerializer,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from edge.config.areas import Area, Areas
from edge.config.block import Block, Name, one_of, resolve_path
from edge.config.faults import Fault, nearest, refuse, show
from edge.config.picture import CaptureConfig, MotionConfig, SnapshotConfig
from edge.config.quantities import duration, format_duration
from edge.demo_address import EXAMPLE as DEMO_EXAMPLE
from edge.demo_address import SCHEME as DEMO_SCHEME
from edge.demo_address import parse_demo_address
from edge.redact import redact_url

SCHEMES = ("rtsp", "rtsps", "http", "https", "file")

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
_SCHEME_WITHOUT_SLASHES = re.compile(rf"({'|'.join(SCHEMES)}):", re.IGNORECASE)
_INDEX = re.compile(r"(?:usb:)?(\d{1,3})", re.ASCII)
# 192.168.1.20, [fe80::1], camera:554, with or without a path
_ADDRESS = re.compile(
    r"((?:\d{1,3}\.){3}\d{1,3}|\[[0-9A-Fa-f:.]+\]|[\w.-]+(?=:\d))(?::\d{1,5})?(?=/|$)"
)
_URL_REMEDY = (
    "Write rtsp://, rtsps://, http://, https:// or file:// and the address, a file's path, "
    "usb:0, /dev/video0 or /dev/v4l/by-id/NAME."
)


def _url(value: object, info: ValidationInfo) -> str:
    """A source that capture can open; messages never hold more of it than its scheme."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = f"usb:{value}"
    if not isinstance(value, str) or not value.strip():
        raise refuse(Fault(f"{show(value)} is not a source.", _URL_REMEDY))
    text = value.strip()
    if len(text) > 2000 or not text.isprintable():
        raise refuse(Fault("the source is too long or holds control characters.", _URL_REMEDY))
    index = _INDEX.fullmatch(text)
    if index:
        return f"usb:{int(index[1])}"
    if text.startswith(DEMO_SCHEME):
        try:
            parse_demo_address(text)
        except ValueError as error:
            raise refuse(Fault(f"{error}.", f"Write, for example, {DEMO_EXAMPLE}.")) from None
        return text
    match = _SCHEME.fullmatch(text)
    if match is None:
        return _file(text, info)
    scheme, rest = match[1].lower(), match[2]
    if scheme not in SCHEMES:
        near = nearest(scheme, SCHEMES)
        hint = f"Did you mean {near}://? " if near else ""
        raise refuse(Fault(f"the scheme {show(match[1])} is not known.", hint + _URL_REMEDY))
    if scheme.startswith(("rtsp", "http")):
        _check_address(scheme, rest)
    elif not rest:
        raise refuse(Fault(f"nothing follows {scheme}://.", _URL_REMEDY))
    return text


def _check_address(scheme: str, rest: str) -> None:
    """The host and the port; what stands before the last @ is the account."""
    authority = rest.rpartition("@")[2].partition("/")[0].partition("?")[0]
    host, _, port = (
        authority.rpartition(":") if re.search(r":[^\]]*$", authority) else (authority, "", "")
    )
    if not re.fullmatch(r"[\w.-]+|\[[0-9A-Fa-f:.%]+\]", host):
        raise refuse(
            Fault(
                f"the {scheme}:// address has no usable host name.",
                f"Write {scheme}://HOST/PATH; in a user name or password, write @ as %40, "
                "/ as %2F and : as %3A.",
            )
        )
    if port and not (port.isascii() and port.isdecimal() and 1 <= int(port) <= 65535):
        shown = port if port.isdecimal() else "after the host name"  # it may be a password
        raise refuse(Fault(f"the port {shown} is not possible.", "Write a port from 1 to 65535."))


def _file(text: str, info: ValidationInfo) -> str:
    """A plain path, counted from the configuration's folder; a bare word is a slip."""
    slip = _SCHEME_WITHOUT_SLASHES.match(text)
    if slip is not None:
        raise refuse(Fault(f"after {slip[0]} two slashes are missing.", f"Write {slip[0]}//."))
    if not re.search(r"[/.]", text):
        raise refuse(Fault(f"{show(text)} is not a source.", _URL_REMEDY))
    address = _ADDRESS.match(text)
    if address is not None:
        raise refuse(
            Fault(
                "a network address needs a scheme.",
                f"Write rtsp://{address[1]}/PATH, as the camera's manual gives it; "
                "for a file of this name write ./ before it.",
            )
        )
    if "@" in text and ":" in text:
        raise refuse(Fault("an address with an account needs a scheme.", _URL_REMEDY))
    return str(resolve_path(text, info))


SourceUrl = Annotated[
    str,
    BeforeValidator(_url),
    PlainSerializer(redact_url, when_used="json"),
    WithJsonSchema(
        {"anyOf": [{"type": "string", "minLength": 1}, {"type": "integer", "minimum": 0}]}
    ),
]


def _periodic(value: object) -> object:
    """`off` is no duration."""
    return None if value == "off" else _PERIODIC.validate(value)


_PERIODIC = duration("1s", "7d")


class InputConfig(Block):
    """One stream of a camera."""

    url: SourceUrl = Field(repr=False)
    """Where the stream is; better written with `${VARIABLE}` where it holds a password."""
    role: Annotated[Literal["main", "sub"], one_of(("main", "sub"))] = "main"
    """main: the pictures. sub: a smaller stream of the same camera, looked at for movement."""


def _as_list(value: object) -> object:
    """`{main: URL, sub: URL}` is the list of streams with these roles."""
    if not isinstance(value, dict):
        return value
    return [
        {**(one if isinstance(one, dict) else {"url": one}), "role": role}
        for role, one in value.items()
    ]


class _OrByRole:
    """The JSON Schema of `inputs`: a list of streams, or an address by role."""

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        address = {"anyOf": [{"type": "string", "minLength": 1}, {"type": "integer", "minimum": 0}]}
        by_role = {
            "type": "object",
            "properties": {"main": address, "sub": address},
            "required": ["main"],
            "additionalProperties": False,
        }
        return {"anyOf": [handler(core), by_role]}


class CameraConfig(Block):
    """One camera. `capture`, `motion` and `snapshots` take what they leave out from the top level.

    In a loaded configuration they are complete.
    """

    enabled: bool = True
    """Read this camera."""
    input: SourceUrl | None = Field(default=None, repr=False)
    """The camera's stream."""
    inputs: (
        Annotated[
            tuple[InputConfig, ...], Field(max_length=4), BeforeValidator(_as_list), _OrByRole()
        ]
        | None
    ) = Field(default=None, repr=False)
    """The camera's streams, if `input` is not used: `{main: URL}` or `{main: URL, sub: URL}`."""
    capture: CaptureConfig = CaptureConfig()
    """How the stream is read, where it differs from the top level."""
    motion: MotionConfig = MotionConfig()
    """What counts as movement, where it differs from the top level."""
    snapshots: SnapshotConfig = SnapshotConfig()
    """The JPEGs, where they differ from the top level."""
    mask: Areas = ()
    """Areas that are never looked at."""
    zones: Annotated[dict[Name, Area], Field(max_length=32)] = Field(default_factory=dict)
    """Named areas that rules can refer to."""
    periodic_s: Annotated[
        float | None,
        BeforeValidator(_periodic),
        PlainSerializer(lambda one: one if one is None else format_duration(one), when_used="json"),
        WithJsonSchema({"anyOf": [dict(_PERIODIC.json_schema), {"const": "off"}]}),
    ] = Field(default=None, alias="periodic")
    """Take a keyframe at least this often; off by default."""

    @model_validator(mode="after")
    def _has_one_main_stream(self) -> Self:
        if (self.input is None) == (self.inputs is None):
            both = self.input is not None
            raise refuse(
                Fault(
                    "`input` and `inputs` are both set." if both else "`input` is missing.",
                    "Keep one of them." if both else "Add `input: rtsp://HOST/PATH`.",
                    ("inputs",) if both else (),
                )
            )
        if self.inputs is not None:
            self._check_roles(self.inputs)
        return self

    @staticmethod
    def _check_roles(inputs: tuple[InputConfig, ...]) -> None:
        roles: list[str] = [one.role for one in inputs]
        faults = [
            Fault(
                f"{roles.count(role)} streams have the role {role}.",
                "Give exactly one main stream, and one sub stream at most.",
                ("inputs",),
            )
            for role, allowed in (("main", (1,)), ("sub", (0, 1)))
            if roles.count(role) not in allowed
        ]
        faults += [
            Fault(
                "a main stream beside a sub stream must be a live one.",
                "Write an rtsp:// or http:// address, or keep this stream alone.",
                ("inputs",),
            )
            for one in inputs
            if one.role == "main"
            and len(inputs) > 1
            and not one.url.lower().startswith(("rtsp", "http"))
        ]
        if faults:
            raise refuse(faults)

    @property
    def url(self) -> str:
        """The source of the stream that is looked at; may hold a password."""
        if self.inputs is None:
            return str(self.input)
        by_role = {one.role: one.url for one in self.inputs}
        return by_role.get("sub") or by_role["main"]

    @property
    def main_url(self) -> str:
        """The source of the pictures, if another stream is looked at; else "". As `url`."""
        by_role = {one.role: one.url for one in self.inputs or ()}
        return by_role["main"] if "sub" in by_role else ""
