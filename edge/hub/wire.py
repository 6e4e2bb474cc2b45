"""One conversation with a model hub: address, token, retries, and its failures in our own words.

Knows HTTP and the hub's way of refusing, not models. No exception of requests leaves this folder,
and no message holds a token or a signed address. huggingface_hub (0.36) finds the token; its own
downloader is not used because it checks sizes but no checksums, gives up at the first 5xx answer
to a GET, and falls back to whatever an older cache holds.
"""

from __future__ import annotations

import os
import random
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import quote, urlsplit, urlunsplit

import requests
from huggingface_hub import get_token

from edge import __version__
from edge.errors import ModelError, ModelMissing

T = TypeVar("T")

PUBLIC_HUB = "https://huggingface.co"
CONNECT_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 30.0  # between two pieces of an answer, not for the whole of it
MAX_RETRY_AFTER_S = 120.0
_NO_INTERNET = "Without internet access, set HF_ENDPOINT to a mirror or copy a model folder here"
_BUSY_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})


class Transient(Exception):
    """A failure that may pass: the text says which, `retry_after_s` what the server asked for."""

    def __init__(self, reason: str, retry_after_s: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class Unreachable(Transient):
    """No connection at all: the name is unknown, or nothing listens. Waiting seldom helps."""


@dataclass(frozen=True, slots=True)
class Hub:
    """Which hub, as whom, and how patiently. `delays_s` are the waits between attempts."""

    endpoint: str = PUBLIC_HUB
    token: str | None = field(default=None, repr=False)
    delays_s: tuple[float, ...] = (1, 2, 4, 8, 16, 32)
    read_timeout_s: float = READ_TIMEOUT_S

    @classmethod
    def from_environment(cls) -> Hub:
        """HF_ENDPOINT, HF_TOKEN (or the token file of `hf auth login`) and HF_HUB_OFFLINE.

        Raises ModelError where the environment forbids the network or gives a bad address.
        """
        if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}:
            raise ModelError("HF_HUB_OFFLINE is set, so no model can be fetched; unset it first")
        endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/") or PUBLIC_HUB
        parts = urlsplit(endpoint)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ModelError(
                f"HF_ENDPOINT must be an http or https address such as {PUBLIC_HUB},"
                f" not {endpoint!r}"
            )
        return cls(endpoint=endpoint, token=get_token())

    @property
    def name(self) -> str:
        """The hub's address without user name and password, for messages."""
        parts = urlsplit(self.endpoint)
        host = parts.netloc.rpartition("@")[2]
        return urlunsplit((parts.scheme, host, parts.path, "", ""))

    def headers(self) -> dict[str, str]:
        """What every request carries. requests drops the token where it is sent to another host."""
        headers = {
            "user-agent": f"edge-keyframe-analyzer/{__version__}",
            "accept-encoding": "identity",  # sizes and ranges then count the file's own bytes
        }
        if self.token:
            headers["authorization"] = f"Bearer {self.token}"
        return headers

    def file_url(self, repo: str, commit: str, name: str) -> str:
        """Where the bytes of one file are."""
        return f"{self.endpoint}/{repo}/resolve/{quote(commit, safe='')}/{quote(name)}"

    def wait(self, failures: int, trouble: Transient) -> None:
        """Sleep before the next attempt, after `failures` >= 1 in a row, with a fifth of jitter."""
        delay_s = self.delays_s[failures - 1] * random.uniform(0.8, 1.2)  # noqa: S311 - jitter
        time.sleep(max(delay_s, trouble.retry_after_s))


@contextmanager
def answer_of(
    hub: Hub, session: requests.Session, url: str, *, repo: str, headers: dict[str, str]
) -> Iterator[requests.Response]:
    """GET `url` and hand out the streamed answer; the failures of reading it are translated too.

    Raises Transient for what may pass (Unreachable where no connection came about), ModelMissing
    where the hub has no such model or revision, and ModelError for every other refusal.
    """
    timeouts = (CONNECT_TIMEOUT_S, hub.read_timeout_s)
    try:
        with session.get(url, headers=headers, stream=True, timeout=timeouts) as response:
            if not response.ok:
                raise _refusal(hub, repo, response)
            yield response
    except requests.exceptions.SSLError as error:
        raise ModelError(
            f"{hub.name}: its TLS certificate is not accepted; check the clock and the proxy"
        ) from error
    except requests.exceptions.ProxyError as error:
        reason = _unreachable_reason(error)
        if reason:
            raise Unreachable(f"the proxy cannot be reached: {reason}") from error
        raise Transient("the proxy did not let the connection through") from error
    except requests.exceptions.Timeout as error:
        raise Transient("no answer in time") from error
    except (requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError) as error:
        reason = _unreachable_reason(error)
        if reason:
            raise Unreachable(reason) from error
        raise Transient("the connection failed or was cut") from error
    except requests.exceptions.RequestException as error:
        raise ModelError(f"{hub.name}: {type(error).__name__} while asking for {repo}") from error


def retried(hub: Hub, what: str, attempt: Callable[[], T], note: Callable[[str], None]) -> T:
    """The result of `attempt`, tried again after each Transient until the delays are used up.

    For the first request of a pull: a hub that cannot be reached at all is an error at once.
    """
    failures = 0
    while True:
        try:
            return attempt()
        except Unreachable as trouble:
            raise ModelError(f"{what}: {trouble} ({hub.name}). {_NO_INTERNET}") from trouble
        except Transient as trouble:
            failures += 1
            if failures > len(hub.delays_s):
                tries = f"{hub.name}, {failures} attempts"
                raise ModelError(f"{what}: {trouble} ({tries}). {_NO_INTERNET}") from trouble
            note(f"{what}: {trouble}; trying again")
            hub.wait(failures, trouble)


def gave_up(hub: Hub, what: str, trouble: Transient) -> ModelError:
    """The error for when no attempt to fetch a file is left."""
    return ModelError(
        f"{what}: {trouble} ({hub.name}, {len(hub.delays_s) + 1} attempts). What has arrived is"
        f" kept; run the same command again to go on. {_NO_INTERNET}"
    )


def _unreachable_reason(error: Exception) -> str:
    """Why no connection came about, from what lies below requests' error; "" if one did."""
    pending: list[object] = [error]
    seen: set[int] = set()
    while pending:
        below = pending.pop()
        if not isinstance(below, BaseException) or id(below) in seen:
            continue
        seen.add(id(below))
        if isinstance(below, socket.gaierror):
            return "the host name cannot be resolved; check the name, the network and the DNS"
        if isinstance(below, ConnectionRefusedError):
            return "nothing listens there (connection refused)"
        pending += [below.__cause__, below.__context__, getattr(below, "reason", None), *below.args]
    return ""


def _refusal(hub: Hub, repo: str, response: requests.Response) -> ModelError | Transient:
    """What an answer other than success means. The hub says 401 also for what does not exist."""
    status = response.status_code
    if status in _BUSY_STATUS:
        return Transient(f"the hub answered {status}", _retry_after_s(response))
    if status == 416:
        return Transient("the hub refused the range that was asked for")
    token_text = "HF_TOKEN was not enough" if hub.token else "set HF_TOKEN if it is private"
    code = response.headers.get("x-error-code", "")
    unknown_token = "Invalid credentials" in response.headers.get("x-error-message", "")
    if code == "GatedRepo":
        text = f"access must be granted first: accept the terms at {hub.name}/{repo}; {token_text}"
    elif code == "RevisionNotFound":
        return ModelMissing(f"{repo}: {hub.name} has no such revision of it; check --revision")
    elif status == 401 and unknown_token:
        text = f"{hub.name} does not know the token (401); check HF_TOKEN"
    elif status in {401, 404}:
        return ModelMissing(f"{repo}: {hub.name} has nothing of this name ({status}); {token_text}")
    elif status == 403:
        text = f"{hub.name} forbids access (403); {token_text}"
    else:
        text = f"{hub.name} answered {status}"
    return ModelError(f"{repo}: {text}")


def _retry_after_s(response: requests.Response) -> float:
    text = response.headers.get("retry-after", "")
    return min(float(text), MAX_RETRY_AFTER_S) if text.isdigit() else 0.0
