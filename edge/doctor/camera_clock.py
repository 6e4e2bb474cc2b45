"""A camera's clock, as it tells it in the Date line of its answers over RTSP and HTTP.

One request without an account, which needs none: the refusal has a date as well. Findings carry
this box's time; what is off is what the camera writes into the picture and into its recordings.
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from functools import partial
from urllib.parse import urlsplit

from edge.capture.kinds import HTTP_SCHEMES
from edge.doctor.case import Case, Check
from edge.doctor.diagnosis import Diagnosis, ok, warning

CHECK = "camera clock"
TIMEOUT_S = 3.0
MOST_OFF_S = 30.0
MAX_ANSWER_BYTES = 8192
_PORTS = {"rtsp": 554, "http": 80}
_DATE = re.compile(rb"^date:[ \t]*(.+?)\r?$", re.IGNORECASE | re.MULTILINE)


def camera_clock_checks(case: Case) -> Iterator[Check]:
    """One for each enabled camera that speaks RTSP or HTTP in the clear."""
    for name, camera in case.config.cameras.items():
        address = urlsplit(camera.url)
        if camera.enabled and address.scheme.lower() in _PORTS:
            look = partial(check_camera_clock, camera.url, name)
            yield Check(CHECK, look, 3 * TIMEOUT_S, name)


def check_camera_clock(url: str, subject: str) -> Iterator[Diagnosis]:
    """Compare with ours; nothing where the camera is silent, which another check tells."""
    try:
        date_s = ask_date_s(url)
    except (OSError, ValueError):
        return
    if date_s is not None:
        yield judge_camera_clock(date_s - time.time(), subject)


def judge_camera_clock(off_s: float, subject: str) -> Diagnosis:
    """`off_s` is positive where the camera's clock is ahead. Pure."""
    if abs(off_s) <= MOST_OFF_S:
        return ok(CHECK, "agrees with this box's", subject=subject)
    direction = "ahead of" if off_s > 0 else "behind"
    return warning(
        CHECK,
        f"{_length(abs(off_s))} {direction} this box's clock",
        "What the camera writes into its picture and its recordings is not the time of the "
        "findings; they will not be found again by it.",
        "Set an NTP server and the time zone in the camera; if all cameras are off by the same, "
        "this box's clock is the wrong one.",
        subject=subject,
    )


def ask_date_s(url: str) -> float | None:
    """The answer's date in seconds since 1970; None if it has none. Raises OSError, ValueError."""
    address = urlsplit(url)
    host, scheme = address.hostname or "", address.scheme.lower()
    port = address.port or _PORTS[scheme]
    target = address.path or "/"
    if scheme in HTTP_SCHEMES:
        request = f"GET {target} HTTP/1.0\r\nHost: {host}\r\n\r\n"
    else:
        request = f"OPTIONS rtsp://{host}:{port}{target} RTSP/1.0\r\nCSeq: 1\r\n\r\n"
    with socket.create_connection((host, port), TIMEOUT_S) as link:
        link.sendall(request.encode())
        head = _read_head(link)
    found = _DATE.search(head)
    return None if found is None else parsedate_to_datetime(found[1].decode()).timestamp()


def _read_head(link: socket.socket) -> bytes:
    """The lines before the body, or what came of them in time."""
    head = b""
    until_mono_s = time.monotonic() + TIMEOUT_S
    while b"\r\n\r\n" not in head and len(head) < MAX_ANSWER_BYTES:
        piece = link.recv(2048)
        if not piece or time.monotonic() > until_mono_s:
            break
        head += piece
    return head


def _length(seconds: float) -> str:
    for unit, size_s in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size_s:
            return f"{seconds / size_s:.0f} {unit}"
    return f"{seconds:.0f} seconds"
