"""One HTTP request to the server: bounded in time and size, its failures in our own words.

No exception of requests or urllib3 leaves this file, and no message holds the key. A redirection
is not followed: the key is for the server that was named.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter

from edge import __version__
from edge.redact import MASK
from edge.vlm.plain_text import clean_text
from edge.vlm.remote.settings import RemoteSettings
from edge.vlm.remote.trouble import RequestRefused, ServerTrouble

CONNECT_TIMEOUT_S = 5.0
MIN_TIMEOUT_S = 0.05
MAX_REPLY_BYTES = 8 * 2**20  # 4,096 tokens with 20 alternatives each are 7 MB
MAX_RETRY_AFTER_S = 300.0
MAX_REASON_CHARS = 300
_PIECE_BYTES = 64 * 1024
_PASSING_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
_TELLING = {
    401: "it does not take the key (401); check `key`",
    403: "the key may not do this (403); check `key`",
    404: "it has no such model or address (404); check `model` and `url`",
    405: "it does no chat completions at this address (405); check `url`",
}


class Wire:
    """Sends requests; may be used by several threads at once."""

    def __init__(self, settings: RemoteSettings) -> None:
        self._url, self._key = settings.url.rstrip("/"), settings.key
        self._session = requests.Session()
        adapter = HTTPAdapter(pool_connections=1, pool_maxsize=settings.parallel, max_retries=0)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)
        self._session.auth = self._sign  # or requests would take a password from ~/.netrc
        self._session.headers.update(
            {
                "User-Agent": f"edge-keyframe-analyzer/{__version__}",
                "Accept": "application/json",
                "Accept-Encoding": "identity",
            }
        )

    def complete(self, document: Mapping[str, Any], until_mono_s: float) -> bytes:
        """POST a chat completion; the reply's bytes. Raises ServerTrouble and RequestRefused."""
        data = json.dumps(document).encode()
        headers = {"Content-Type": "application/json"}
        with self._answer("POST", "/chat/completions", until_mono_s, data, headers) as response:
            return self._read(response, until_mono_s, MAX_REPLY_BYTES)

    def probe(self, until_mono_s: float) -> None:
        """Ask for the list of models: whether the server is there. Raises as `complete`."""
        with self._answer("GET", "/models", until_mono_s) as response:
            self._read(response, until_mono_s, MAX_REPLY_BYTES)

    def close(self) -> None:
        """Let the connections go."""
        self._session.close()

    def _sign(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._key:
            request.headers["Authorization"] = f"Bearer {self._key}"
        return request

    @contextmanager
    def _answer(
        self,
        method: str,
        path: str,
        until_mono_s: float,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[requests.Response]:
        left_s = max(MIN_TIMEOUT_S, until_mono_s - time.monotonic())
        try:
            with self._session.request(
                method,
                self._url + path,
                data=data,
                headers=headers,
                stream=True,
                allow_redirects=False,
                timeout=(min(CONNECT_TIMEOUT_S, left_s), left_s),
            ) as response:
                if response.status_code != 200:
                    raise self._refusal(response, until_mono_s)
                yield response
        except requests.exceptions.SSLError:
            raise ServerTrouble(
                "its TLS certificate is not accepted; check the clock and the address", "lasting"
            ) from None
        except requests.exceptions.ConnectTimeout:
            raise ServerTrouble("no connection came about in time") from None
        except (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError):
            raise ServerTrouble("it did not answer in time", "late") from None
        except requests.exceptions.ConnectionError as error:
            raise ServerTrouble(_reason(error)) from None
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise ServerTrouble(f"the connection was cut ({type(error).__name__})") from None

    def _read(self, response: requests.Response, until_mono_s: float, max_bytes: int) -> bytes:
        """The body. Read as it comes, so that one that drips ends at the deadline as well."""
        pieces, size = [], 0
        while piece := response.raw.read1(_PIECE_BYTES):
            size += len(piece)
            pieces.append(piece)
            if size > max_bytes:
                raise ServerTrouble(f"its reply has more than {max_bytes} bytes", "late")
            if time.monotonic() > until_mono_s:
                raise ServerTrouble("its reply did not end in time", "late")
        return b"".join(pieces)

    def _refusal(
        self, response: requests.Response, until_mono_s: float
    ) -> ServerTrouble | RequestRefused:
        status = response.status_code
        if status in _TELLING:
            return ServerTrouble(_TELLING[status], "lasting")
        said = self._said(response, until_mono_s)
        if status in _PASSING_STATUS:
            wait_s = read_retry_after(response.headers.get("retry-after", ""), datetime.now(UTC))
            return ServerTrouble(f"it answered {status}{said}", retry_after_s=wait_s)
        if 400 <= status < 500:
            return RequestRefused(f"it answered {status}{said}")
        return ServerTrouble(f"it answered {status}{said}", "lasting")

    def _said(self, response: requests.Response, until_mono_s: float) -> str:
        """The server's own words about a refusal; some servers repeat the key in them."""
        try:
            data = self._read(response, until_mono_s, _PIECE_BYTES)
        except (ServerTrouble, urllib3.exceptions.HTTPError, OSError):
            return ""
        text = " ".join(clean_text(_message_of(data)).split())
        if self._key:
            text = text.replace(self._key, MASK)
        return f": {text[:MAX_REASON_CHARS]}" if text else ""


def read_retry_after(text: str, now: datetime) -> float:
    """Seconds that a Retry-After header asks to wait; 0 for none or one that cannot be read."""
    if text.strip().isdecimal():
        return min(float(text), MAX_RETRY_AFTER_S)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    wait_s = (at if at.tzinfo else at.replace(tzinfo=UTC)) - now
    return min(max(wait_s.total_seconds(), 0.0), MAX_RETRY_AFTER_S)


def _message_of(data: bytes) -> str:
    """`{"error": {"message": ...}}`, `{"error": ...}`, `{"message": ...}`, or plain text."""
    text = data.decode(errors="replace")
    try:
        document = json.loads(text)
    except ValueError:
        return text
    if isinstance(document, dict):
        said = document.get("error", document.get("message", document.get("detail", "")))
        if isinstance(said, dict):
            said = said.get("message", "")
        return said if isinstance(said, str) else json.dumps(said)
    return ""


def _reason(error: Exception) -> str:
    """Why there was no connection, from what lies below requests' error."""
    text = repr(error)
    if "NameResolution" in text or "getaddrinfo" in text or "gaierror" in text:
        return "its name cannot be resolved; check the name, the network and the DNS"
    if "Connection refused" in text:
        return "nothing listens there (connection refused)"
    return "the connection failed or was cut"
