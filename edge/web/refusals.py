"""Refusal: why a request is not fulfilled, and how that is told.

Everything that goes wrong on purpose becomes one; below /v1 it is told in OpenAI's shape, elsewhere
as {"error": {"what", "where"}}.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from edge.errors import (
    AnalysisFailed,
    EdgeError,
    PictureError,
    QuestionError,
    SessionGone,
    SnapshotMissing,
    StoreError,
    TooBusy,
    Withdrawn,
)

RETRY_AFTER_S = 5  # a question takes seconds on the smallest boxes
CLIENT_GONE = 499  # as nginx has it; nobody reads it


_STATUS: tuple[tuple[type[EdgeError], int], ...] = (  # the first that fits
    (SessionGone, 404),
    (SnapshotMissing, 404),
    (QuestionError, 400),
    (PictureError, 400),
    (TooBusy, 429),
    (Withdrawn, CLIENT_GONE),
    (AnalysisFailed, 503),
    (StoreError, 503),
)


class Refusal(Exception):
    """A request that is answered with an error. `what` is fit to show, `where` names the part."""

    def __init__(
        self,
        status: int,
        what: str,
        where: str = "",
        *,
        retry_after_s: int | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(what)
        self.status, self.what, self.where = status, what, where
        self.retry_after_s, self.code = retry_after_s, code

    @property
    def headers(self) -> dict[str, str]:
        """Besides those of every reply."""
        headers = {}
        if self.status == 401:
            headers["www-authenticate"] = 'Bearer realm="edge"'
        if self.retry_after_s is not None:
            headers["retry-after"] = str(self.retry_after_s)
        return headers

    def body(self, path: str) -> dict[str, Any]:
        """The JSON for a request to `path`."""
        if path == "/v1" or path.startswith("/v1/"):
            return {
                "error": {
                    "message": self.what,
                    "type": _openai_type(self.status),
                    "param": self.where or None,
                    "code": self.code or _OPENAI_CODES.get(self.status),
                }
            }
        return {"error": {"what": self.what, "where": self.where}}

    def response(self, path: str) -> Response:
        """The whole reply."""
        return JSONResponse(self.body(path), self.status, self.headers)


_OPENAI_CODES = {
    401: "invalid_api_key",
    403: "permission_denied",
    404: "not_found",
    429: "rate_limit_exceeded",
}


def _openai_type(status: int) -> str:
    if status >= 500:
        return "server_error"
    return {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}.get(
        status, "invalid_request_error"
    )


def refusal_of(error: EdgeError, where: str = "") -> Refusal:
    """How an error of the house is told."""
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
    what = "the store cannot be read now" if isinstance(error, StoreError) and status == 503 else ""
    where = where or ("session" if isinstance(error, SessionGone) else "")
    retry_after_s = RETRY_AFTER_S if status in (429, 503) else None
    return Refusal(status, what or str(error), where, retry_after_s=retry_after_s)


def refusal_of_fields(errors: Sequence[Mapping[str, Any]]) -> Refusal:
    """How fields that do not fit are told: the first of them."""
    first = errors[0]
    part, *steps = first.get("loc") or ("",)
    if first.get("type") == "json_invalid":  # the step is the place in the text
        why = first.get("ctx", {}).get("error", "")
        return Refusal(422, f"the body is not JSON: {why} (character {steps[0]})", str(part))
    where = ".".join(str(step) for step in steps) or str(part)
    said = str(first.get("msg", "not valid")).removeprefix("Value error, ")
    more = f" ({len(errors) - 1} more)" if len(errors) > 1 else ""
    return Refusal(422, said + more, where)


async def tell_refusal(request: Request, error: Exception) -> Response:
    """Exception handler for Refusal and EdgeError."""
    if isinstance(error, EdgeError):
        error = refusal_of(error)
    if not isinstance(error, Refusal):
        raise error
    return error.response(request.url.path)
