"""The blocks that are set for all cameras and can be set again for one: capture, motion, snapshots.

The motion defaults are the sampler's own (`edge/sampler/settings.py`); a test compares them.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, PlainValidator, WithJsonSchema

from edge.config.block import MAX_COUNT, Between, Block, one_of
from edge.config.faults import Fault, nearest, refuse, show
from edge.config.quantities import duration, size
from edge.redact import MASK

SENSITIVITIES = {"low": 0.25, "medium": 0.5, "high": 0.75}

# FFmpeg options that would let a configuration, or a stream it names, reach past the camera: write
# or open other files, listen, lift the limits on protocols; and those that have keys of their own.
_REACHES_TOO_FAR = "it could read or write files, or open connections, beside the camera's"
_HAS_ITS_OWN_KEY = {
    "rtsp_transport": "transport",
    "timeout": "open_timeout and read_timeout",
    "stimeout": "open_timeout and read_timeout",
    "rw_timeout": "read_timeout",
    "listen_timeout": "open_timeout",
    "re": "realtime",
    "stream_loop": "loop",
}
_REFUSED_OPTIONS = frozenset(
    {
        "allowed_extensions",
        "allowed_segment_extensions",
        "dump",
        "dump_attachment",
        "enable_drefs",
        "export_all",
        "extension_picky",
        "f",
        "fdebug",
        "filter",
        "filter_complex",
        "format",
        "format_whitelist",
        "graph",
        "graph_file",
        "http_proxy",
        "i",
        "init_hw_device",
        "lavfi",
        "listen",
        "load_plugin",
        "load_plugins",
        "log_file",
        "max_pixels",
        "method",
        "passlogfile",
        "post_data",
        "protocol_blacklist",
        "protocol_whitelist",
        "recv_file",
        "report",
        "rtsp_flags",
        "safe",
        "send_file",
        "stats_file",
        "unsafe",
        "use_absolute_path",
        "vf",
        "vstats_file",
    }
)
_OPTION_NAME = re.compile(r"[a-z0-9_][a-z0-9_.:-]{0,63}", re.ASCII)
_SECRET_OPTION = re.compile(r"pass|auth|key|token|secret|header|cookie|user", re.IGNORECASE)
MAX_OPTIONS = 32


def _options(value: object) -> dict[str, str]:
    """FFmpeg options as text, each checked against what it may do."""
    if not isinstance(value, dict):
        raise refuse(Fault(f"{show(value)} is not a mapping.", "Write `name: value` below it."))
    if len(value) > MAX_OPTIONS:
        raise refuse(
            Fault(f"there are {len(value)} options.", f"At most {MAX_OPTIONS} are allowed.")
        )
    faults = [fault for name, one in value.items() for fault in _option_faults(name, one)]
    if faults:
        raise refuse(faults)
    return {name: str(one) for name, one in value.items()}


def _option_faults(name: object, value: object) -> list[Fault]:
    if not isinstance(name, str) or not _OPTION_NAME.fullmatch(name):
        return [Fault(f"{show(name)} is not an FFmpeg option.", "Remove it.", (str(name),))]
    if name in _HAS_ITS_OWN_KEY:
        own = _HAS_ITS_OWN_KEY[name]
        return [Fault(f"the option {name!r} is not possible here.", f"Use {own}.", (name,))]
    if name in _REFUSED_OPTIONS:
        return [
            Fault(f"the option {name!r} is refused: {_REACHES_TOO_FAR}.", "Remove it.", (name,))
        ]
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return [Fault(f"{show(value)} is not a text or a number.", "Put it in quotes.", (name,))]
    if len(str(value)) > 2000 or not str(value).replace("\r\n", "").isprintable():
        return [Fault("the value is too long or holds control characters.", "Check it.", (name,))]
    return []


def _without_secrets(options: dict[str, str]) -> dict[str, str]:
    return {name: MASK if _SECRET_OPTION.search(name) else one for name, one in options.items()}


def _sensitivity(value: object) -> object:
    if isinstance(value, str) and value in SENSITIVITIES:
        return SENSITIVITIES[value]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and 0 <= float(value) <= 1:  # type: ignore[arg-type]
        return value
    near = nearest(value, SENSITIVITIES) if isinstance(value, str) else None
    hint = f"Did you mean {near}? " if near else ""
    raise refuse(
        Fault(
            f"{show(value)} is not a sensitivity.",
            f"{hint}Write low, medium, high, or a number from 0 to 1.",
        )
    )


class CaptureConfig(Block):
    """How a camera's stream is read."""

    transport: Annotated[Literal["tcp", "udp"], one_of(("tcp", "udp"))] = "tcp"
    """Transport of RTSP."""
    open_timeout_s: Annotated[float, duration("500ms", "5m")] = Field(
        default=10.0, alias="open_timeout"
    )
    """How long opening the stream may take."""
    read_timeout_s: Annotated[float, duration("500ms", "5m")] = Field(
        default=10.0, alias="read_timeout"
    )
    """How long the stream may be silent before it is opened again."""
    stall_timeout_s: Annotated[float, duration("2s", "10m")] = Field(
        default=30.0, alias="stall_timeout"
    )
    """A camera's process without a sign of life for this long is replaced."""
    fps: Annotated[float, Between(0.5, 30)] = 5.0
    """Pictures a second that are looked at for movement."""
    decode: Annotated[Literal["auto", "all", "iframes"], one_of(("auto", "all", "iframes"))] = (
        "auto"
    )
    """auto decodes I-frames alone while all is quiet; all: every picture; iframes: no others."""
    hwaccel: Annotated[
        Literal["off", "auto", "vaapi", "qsv"], one_of(("off", "auto", "vaapi", "qsv"))
    ] = "off"
    """Decode by the graphics unit; where that fails, in software."""
    loop: bool = False
    """A file begins again at its end."""
    realtime: bool = True
    """A file plays at its own speed; false reads it as fast as possible."""
    options: Annotated[
        dict[str, str],
        PlainValidator(_options),
        PlainSerializer(_without_secrets, when_used="json"),
        WithJsonSchema({"type": "object", "additionalProperties": {"type": ["string", "number"]}}),
    ] = Field(default_factory=dict, repr=False)
    """FFmpeg options of the input."""


class MotionConfig(Block):
    """What counts as movement, a change of scene, or tampering."""

    enabled: bool = True
    """Look for movement."""
    sensitivity: Annotated[
        float,
        BeforeValidator(_sensitivity),
        WithJsonSchema(
            {"anyOf": [{"enum": [*SENSITIVITIES]}, {"type": "number", "minimum": 0, "maximum": 1}]}
        ),
    ] = 0.5
    """low, medium, high, or 0 to 1."""
    threshold: Annotated[int, Between(1, 255)] = 20
    """Smallest change of a pixel's brightness that may count; noise raises it."""
    contour_area: Annotated[int, Between(1, 57_600)] = 40
    """Smallest moving region, in pixels of a picture 320 wide."""
    lightning_threshold: Annotated[float, Between(0.3, 1)] = 0.8
    """Share of the frame that changes at once when it is light and not movement."""
    scene: bool = True
    """Report scene cuts."""
    scene_threshold: Annotated[float, Between(0, 1)] = 0.6
    """How unlike two pictures in a row are at a scene cut."""
    tamper: bool = True
    """Report a covered, black, defocused, frozen or moved camera."""


class SnapshotConfig(Block):
    """The JPEG of each keyframe."""

    enabled: bool = True
    """Keep a JPEG of each keyframe."""
    quality: Annotated[int, Between(1, 100)] = 85
    """JPEG quality."""


class SnapshotStoreConfig(SnapshotConfig):
    """The JPEG of each keyframe, and how long all of them are kept."""

    max_age_s: Annotated[float, duration("1m")] = Field(default=14 * 86_400.0, alias="max_age")
    """Snapshots older than this are deleted."""
    max_size_bytes: Annotated[int, size("1MB")] = Field(default=2_000_000_000, alias="max_size")
    """The oldest snapshots are deleted above this size."""
    max_count: Annotated[int, Between(1, MAX_COUNT)] | None = None
    """The oldest snapshots are deleted above this number; no limit if not set."""
