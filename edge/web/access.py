"""Access: who may call which route, and with what kind of body. A route that is not here is closed.

The gate reads it before anything else runs; a test holds it against the application's routes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

Need = Literal["nobody", "viewer", "admin"]  # what a caller must be at least

FORM = ("multipart/form-data",)
JSON = ("application/json",)

NO_BODY_BYTES = 1024  # for routes that take none
LOGIN_BYTES = 4096
ASK_BYTES = 1_000_000  # 64 questions of 2,000 characters and a schema
MAX_BYTES = 64_000_000  # what can be allowed at all


@dataclass(frozen=True, slots=True)
class Access:
    """What a route needs. `bodies` are the content types it takes; without any it takes no body.

    A form of which no field is needed may be left out. A body has at most `max_bytes`, or as many
    as the settings allow where that is less. JSON is held in memory, so that whoever need not be
    known sends little of it.
    """

    method: str
    path: str  # with {parameters}, as the application has it
    need: Need
    bodies: tuple[str, ...] = ()
    max_bytes: int = MAX_BYTES
    may_be_empty: bool = False
    pattern: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def most_bytes(self, allowed: int) -> int:
        """How large a body may be where the settings allow so much."""
        return min(self.max_bytes, allowed) if self.bodies else NO_BODY_BYTES

    def __post_init__(self) -> None:
        literal = re.split(r"\{[a-z_]+\}", self.path)
        pattern = "[^/]+".join(re.escape(part) for part in literal)
        object.__setattr__(self, "pattern", re.compile(pattern))


ROUTES: tuple[Access, ...] = (
    Access("GET", "/", "nobody"),
    Access("GET", "/page/{edition}/{file}", "nobody"),
    Access("GET", "/api/v1/health", "nobody"),
    Access("GET", "/api/v1/ready", "nobody"),
    Access("GET", "/health", "nobody"),
    Access("GET", "/ready", "nobody"),
    Access("GET", "/metrics", "viewer"),
    Access("POST", "/api/v1/login", "nobody", JSON, LOGIN_BYTES),
    Access("POST", "/api/v1/logout", "nobody"),
    Access("GET", "/api/v1/me", "viewer"),
    Access("GET", "/api/v1/openapi.json", "viewer"),
    Access("GET", "/api/v1/findings", "viewer"),
    Access("GET", "/api/v1/findings/{finding_id}", "viewer"),
    Access("GET", "/api/v1/snapshots/{snapshot_id}", "viewer"),
    Access("GET", "/api/v1/cameras", "viewer"),
    Access("GET", "/api/v1/cameras/{camera}/keyframe", "viewer"),
    Access("GET", "/api/v1/rules", "viewer"),
    Access("POST", "/api/v1/rules/{rule}/test", "admin", FORM, may_be_empty=True),
    Access("GET", "/api/v1/stats", "viewer"),
    Access("GET", "/api/v1/budget", "viewer"),
    Access("GET", "/api/v1/info", "viewer"),
    Access("POST", "/api/v1/reload", "admin"),
    Access("GET", "/api/v1/events", "viewer"),
    Access("GET", "/api/v1/metrics", "viewer"),
    Access("POST", "/api/v1/chat", "admin", FORM),
    Access("POST", "/api/v1/sessions", "admin", FORM),
    Access("POST", "/api/v1/sessions/{session}/ask", "admin", JSON, ASK_BYTES),
    Access("DELETE", "/api/v1/sessions/{session}", "admin"),
    Access("GET", "/api/v1/enhanced/{picture}", "admin"),
    Access("GET", "/api/v1/templates", "viewer"),
    Access("POST", "/api/v1/tune", "admin", FORM),
    Access("GET", "/v1/models", "viewer"),
    Access("GET", "/v1/models/{model}", "viewer"),
    Access("POST", "/v1/chat/completions", "admin", JSON),
)


def find_access(method: str, path: str, routes: Iterable[Access] = ROUTES) -> Access | list[str]:
    """The route's entry; else the methods that the path has, none for a path that is not known."""
    methods = []
    for access in routes:
        if access.pattern.fullmatch(path):
            if access.method == method:
                return access
            methods.append(access.method)
    return methods
