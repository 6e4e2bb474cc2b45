"""Kinds of source: from a camera's URL to the arguments that open it.

Pure: touches no network and no file. One function a kind; `plan_open` chooses by the URL's scheme.
Called by `source`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import unquote

from edge.capture.settings import SourceSettings
from edge.errors import SourceUnsupported
from edge.redact import redact_url

Kind = Literal["rtsp", "http", "usb", "file"]

RTSP_SCHEMES = ("rtsp", "rtsps")
HTTP_SCHEMES = ("http", "https")

# A UDP camera sends an I-frame as a burst of hundreds of packets; the kernel's default of 208 KiB
# loses part of it. The kernel caps the value at net.core.rmem_max.
UDP_BUFFER_BYTES = 4 * 1024 * 1024
UDP_REORDER_US = 500_000

_USB_INDEX = re.compile(r"usb:(\d{1,3})", re.ASCII)
_USB_DEVICE = re.compile(r"/dev/(video\d+|v4l/.+)", re.ASCII)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*)://(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class OpenPlan:
    """How to open a source: the arguments for FFmpeg, and what may be expected of it.

    `target` is what FFmpeg opens and may hold a password; `path` is the local file or device, ""
    for the network. `live` sources never end by themselves and cannot be paced.
    """

    kind: Kind
    target: str = field(repr=False)
    path: str
    format: str | None
    options: dict[str, str] = field(repr=False)
    live: bool


def plan_open(settings: SourceSettings) -> OpenPlan:
    """The plan for `settings.url`.

    `rtsp://`, `rtsps://`, `http://`, `https://`, `file://` or a plain path, `usb:N`, `/dev/videoN`
    and `/dev/v4l/by-id/...`. The camera's own options win over ours. Raises SourceUnsupported for
    an empty URL and for any other scheme.
    """
    url = settings.url.strip()
    usb_path = _usb_path(url)
    if usb_path:
        return _plan_usb(settings, usb_path)
    match = _SCHEME.fullmatch(url)
    scheme = match.group(1).lower() if match else ""
    if scheme in RTSP_SCHEMES:
        return _plan_rtsp(settings, url)
    if scheme in HTTP_SCHEMES:
        return _plan_http(settings, url)
    if match and scheme == "file":
        return _plan_file(settings, unquote(match.group(2).removeprefix("localhost")))
    if url and not match:
        return _plan_file(settings, url)
    what = f"the scheme {scheme!r} is not known" if scheme else "its URL is empty"
    raise SourceUnsupported(
        f"camera {settings.camera}: {what} ({redact_url(url)}); allowed are rtsp://, rtsps://, "
        "http://, https://, file://, a path, /dev/video0, /dev/v4l/by-id/... and usb:0"
    )


def _usb_path(url: str) -> str:
    index = _USB_INDEX.fullmatch(url)
    if index:
        return f"/dev/video{int(index.group(1))}"
    return url if _USB_DEVICE.fullmatch(url) else ""


def _plan_rtsp(settings: SourceSettings, url: str) -> OpenPlan:
    # Without audio a silent picture is seen as silence: sound cannot keep the read time-out quiet.
    options = {"rtsp_transport": settings.transport, "allowed_media_types": "video"}
    if settings.transport == "udp":
        options |= {"buffer_size": str(UDP_BUFFER_BYTES), "max_delay": str(UDP_REORDER_US)}
    return _plan("rtsp", settings, url, options, live=True)


def _plan_http(settings: SourceSettings, url: str) -> OpenPlan:
    # A stream's redirects and playlists may lead to other hosts, never to local files.
    options = {"protocol_whitelist": "http,https,httpproxy,tcp,tls,crypto"}
    return _plan("http", settings, url, options, live=True)


def _plan_file(settings: SourceSettings, path: str) -> OpenPlan:
    # `file:` keeps a colon in a file name from being read as a protocol; the white list keeps a
    # playlist from reaching the network.
    options = {"protocol_whitelist": "file,crypto,data"}
    return _plan("file", settings, f"file:{path}", options, live=False, path=path)


def _plan_usb(settings: SourceSettings, path: str) -> OpenPlan:
    return _plan("usb", settings, path, {}, live=True, path=path, container="v4l2")


def _plan(
    kind: Kind,
    settings: SourceSettings,
    target: str,
    options: dict[str, str],
    *,
    live: bool,
    path: str = "",
    container: str | None = None,
) -> OpenPlan:
    # The decoder refuses larger pictures before it allocates them, also after a mid-stream change.
    bounded = {"max_pixels": str(settings.max_pixels)}
    merged = bounded | options | dict(settings.options)
    return OpenPlan(kind, target, path, container, merged, live)
