"""The page and the API: whether their port is free, or the daemon's own already."""

from __future__ import annotations

import errno
import http.client as http_client
import json
import urllib.request
from collections.abc import Iterator

from edge.config.http import HttpConfig, is_loopback
from edge.doctor.case import Case, Check
from edge.doctor.diagnosis import Diagnosis, fault, ok

CHECK = "http"
LIMIT_S = 15.0
TIMEOUT_S = 2.0
MAX_REPLY_BYTES = 4096
_MEANING = "There is no page and no API; the cameras are watched all the same."


def page_checks(case: Case) -> Iterator[Check]:
    """One, if HTTP is wanted."""
    if case.config.http.enabled:
        yield Check(CHECK, lambda: check_port(case.config.http), LIMIT_S)


def check_port(http: HttpConfig) -> Iterator[Diagnosis]:
    """Listen for an instant; where that fails, ask who does."""
    from edge.web.server import bind  # noqa: PLC0415 - the libraries it needs are slow to load

    where = f"{http.host}:{http.port}"
    try:
        bind(http.host, http.port).close()
    except OSError as error:
        if error.errno == errno.EADDRINUSE and _is_ours(http):
            yield ok(CHECK, f"the daemon serves {where}")
            return
        yield _refused(where, http, error)
        return
    yield ok(CHECK, f"{where} is free; {_who(http)}")


def _refused(where: str, http: HttpConfig, error: OSError) -> Diagnosis:
    match error.errno:
        case errno.EADDRINUSE:
            what = f"another program listens on {where}"
            remedy = (
                "Set another `http.port`, or end that program "
                f"(`sudo ss -ltnp 'sport = {http.port}'` names it)."
            )
        case errno.EADDRNOTAVAIL:
            what = f"{http.host} is no address of this machine"
            remedy = "Set `http.host` to one of `ip address`, to 127.0.0.1, or to 0.0.0.0 for all."
        case errno.EACCES:
            what = f"this user may not listen on port {http.port}"
            remedy = "Set an `http.port` above 1023, or put a reverse proxy before it."
        case _:
            what = f"nothing can listen on {where}: {error.strerror}"
            remedy = "Check `http.host` and `http.port`."
    return fault(CHECK, what, _MEANING, remedy)


def _who(http: HttpConfig) -> str:
    if is_loopback(http.host):
        return "for this machine alone" + (", with a token" if http.has_token else "")
    return "for the network, with a token"


def _is_ours(http: HttpConfig) -> bool:
    """Whether what listens there answers as the daemon does."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(http.host, http.host)  # noqa: S104 - asked for
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    try:
        with urllib.request.urlopen(
            f"http://{host}:{http.port}/api/v1/health", timeout=TIMEOUT_S
        ) as reply:
            said = json.loads(reply.read(MAX_REPLY_BYTES))
    except (OSError, ValueError, http_client.HTTPException):
        return False
    return isinstance(said, dict) and said.keys() == {"status", "reason"}
