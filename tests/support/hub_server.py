"""A small model hub on loopback that speaks the Hugging Face protocol, with faults on demand.

    with HubServer() as hub:
        commit = hub.publish("owner/name", {"config.json": b"{}"})
        hub.fault("config.json", Fault(status=503), times=2)
        ... hub.url ... hub.requests

Files of `large_bytes` or more are kept as large files (sha256) and served, as the real hub does,
by redirection to a second host that must not be given the token.
"""

from __future__ import annotations

import hashlib
import json
import sys
import threading
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request for a file (or for "listing")."""

    status: int | None = None  # answer this instead
    cut_after: int | None = None  # close the connection after so many bytes of the body
    short: int | None = None  # send and announce only so many bytes
    corrupt: bool = False  # flip a byte
    extra: bytes = b""  # append and announce these
    ignore_range: bool = False  # send the whole file with 200
    wrong_range: bool = False  # answer 206 for another offset
    stall_s: float = 0.0  # say nothing for so long
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass(frozen=True)
class Seen:
    """One request as it came in."""

    host: str  # "hub" or "store"
    method: str
    path: str
    range: str | None
    authorization: str | None


def git_blob_id(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class HubServer:
    def __init__(self, large_bytes: int = 1000, token: str | None = None) -> None:
        self.large_bytes = large_bytes
        self.token = token  # if set, requests without it are refused
        self.requests: list[Seen] = []
        self.revisions: dict[tuple[str, str], tuple[str, dict[str, bytes]]] = {}
        self._faults: dict[str, deque[Fault]] = defaultdict(deque)
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._hub = self._serve("hub")
        self._store = self._serve("store")
        self.url = f"http://127.0.0.1:{self._hub.server_port}"
        self.store_url = f"http://127.0.0.1:{self._store.server_port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._stopping.set()
        for server in (self._hub, self._store):
            server.shutdown()
            server.server_close()

    def publish(self, repo: str, files: dict[str, bytes], revision: str = "main") -> str:
        """Put a commit on a branch or tag; returns the commit's id."""
        digest = hashlib.sha1(repo.encode())
        for name in sorted(files):
            digest.update(name.encode() + files[name])
        commit = digest.hexdigest()
        for name in (revision, commit):
            self.revisions[repo, name] = (commit, dict(files))
        return commit

    def fault(self, name: str, fault: Fault, times: int = 1) -> None:
        """Let the next `times` requests for the file `name` (or "listing") fail this way."""
        self._faults[name].extend([fault] * times)

    def gets(self, name: str) -> list[Seen]:
        """The requests that reached the bytes of the file `name`, redirections not counted."""
        host = "store" if self._is_large(name) else "hub"
        return [
            s for s in self.requests if s.host == host and s.path.split("?")[0].endswith("/" + name)
        ]

    def _is_large(self, name: str) -> bool:
        return any(len(f.get(name, b"")) >= self.large_bytes for _, f in self.revisions.values())

    def next_fault(self, name: str) -> Fault:
        with self._lock:
            return self._faults[name].popleft() if self._faults[name] else Fault()

    def wait_for(self, seconds: float) -> None:
        self._stopping.wait(seconds)

    def listing(self, repo: str, commit: str, files: dict[str, bytes]) -> bytes:
        siblings = []
        for name, content in files.items():
            entry: dict[str, object] = {
                "rfilename": name,
                "size": len(content),
                "blobId": git_blob_id(content),
            }
            if len(content) >= self.large_bytes:
                sha256 = hashlib.sha256(content).hexdigest()
                entry["lfs"] = {"sha256": sha256, "size": len(content), "pointerSize": 134}
            siblings.append(entry)
        return json.dumps(
            {"id": repo, "modelId": repo, "sha": commit, "siblings": siblings}
        ).encode()

    def _serve(self, host: str) -> ThreadingHTTPServer:
        hub = self

        class Handler(_Handler):
            server_hub = hub
            server_host = host

        server = _Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return server


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # a client may hang up
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # 40 ms for each answer otherwise
    server_hub: HubServer
    server_host: str

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def _answer(self) -> None:
        hub, path = self.server_hub, urlsplit(self.path).path
        seen = Seen(
            self.server_host,
            self.command,
            self.path,
            self.headers.get("range"),
            self.headers.get("authorization"),
        )
        hub.requests.append(seen)
        if self.server_host == "store":
            _, owner, name, commit, file = path.split("/", 4)
            self._file(hub.revisions[f"{owner}/{name}", commit][1][file], unquote(file))
            return
        if hub.token and seen.authorization != f"Bearer {hub.token}":
            wrong = {"X-Error-Message": "Invalid credentials in Authorization header"}
            self._refuse(401, wrong if seen.authorization else {"X-Error-Code": "RepoNotFound"})
            return
        parts = [unquote(p) for p in path.strip("/").split("/")]
        if parts[:2] == ["api", "models"]:
            self._listing("/".join(parts[2:4]), parts[5] if len(parts) > 5 else "main")
        elif len(parts) >= 5 and parts[2] == "resolve":
            self._resolve("/".join(parts[:2]), parts[3], "/".join(parts[4:]))
        else:
            self._refuse(404, {})

    def _listing(self, repo: str, revision: str) -> None:
        hub = self.server_hub
        fault = hub.next_fault("listing")
        if fault.status is not None:
            self._refuse(fault.status, fault.headers)
            return
        if not any(known == repo for known, _ in hub.revisions):
            self._refuse(401, {"X-Error-Code": "RepoNotFound"})
            return
        if (repo, revision) not in hub.revisions:
            self._refuse(404, {"X-Error-Code": "RevisionNotFound"})
            return
        assert parse_qs(urlsplit(self.path).query) == {"blobs": ["true"]}
        commit, files = hub.revisions[repo, revision]
        body = fault.body if fault.body is not None else hub.listing(repo, commit, files)
        self._send(200, body, {"Content-Type": "application/json"})

    def _resolve(self, repo: str, revision: str, name: str) -> None:
        hub = self.server_hub
        commit, files = hub.revisions.get((repo, revision), ("", {}))
        if name not in files:
            self._refuse(404, {"X-Error-Code": "EntryNotFound"})
            return
        content = files[name]
        headers = {"X-Repo-Commit": commit}
        if len(content) >= hub.large_bytes:
            headers |= {
                "X-Linked-Etag": f'"{hashlib.sha256(content).hexdigest()}"',
                "X-Linked-Size": str(len(content)),
                "Location": f"{hub.store_url}/{repo}/{commit}/{name}?Signature=secret-signature",
            }
            self._send(302, b"", headers)
        else:
            self._file(content, name, headers | {"ETag": f'"{git_blob_id(content)}"'})

    def _file(self, content: bytes, name: str, headers: dict[str, str] | None = None) -> None:
        hub = self.server_hub
        fault = hub.next_fault(name)
        hub.wait_for(fault.stall_s)
        if fault.status is not None:
            self._refuse(fault.status, fault.headers)
            return
        if fault.corrupt:
            content = content[:-1] + bytes([content[-1] ^ 1])
        content += fault.extra
        if fault.short is not None:
            content = content[: fault.short]
        status, headers = 200, dict(headers or {})
        wanted = self.headers.get("range")
        if wanted and not fault.ignore_range:
            first = int(wanted.removeprefix("bytes=").rstrip("-")) + (7 if fault.wrong_range else 0)
            if first >= len(content):
                self._refuse(416, {"Content-Range": f"bytes */{len(content)}"})
                return
            status = 206
            headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
            content = content[first:]
        self._send(status, content, headers, fault.cut_after)

    def _refuse(self, status: int, headers: dict[str, str]) -> None:
        self._send(status, json.dumps({"error": "refused"}).encode(), headers)

    def _send(
        self, status: int, body: bytes, headers: dict[str, str], cut_after: int | None = None
    ) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if cut_after is not None:
            self.wfile.write(body[:cut_after])
            self.wfile.flush()
            time.sleep(0.02)  # lets the bytes leave before the connection is closed
            self.close_connection = True
            return
        self.wfile.write(body)
