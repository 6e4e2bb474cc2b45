"""Reply: the base of the API's JSON documents, and those that tell of errors."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class Reply(BaseModel):
    """Base of all of them."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class ErrorDetail(Reply):
    """What went wrong, and with which part of the request."""

    what: str
    where: str


class ErrorReply(Reply):
    """Every error below /api."""

    error: ErrorDetail


class OpenAIErrorDetail(Reply):
    """What went wrong, in OpenAI's words."""

    message: str
    type: str
    param: str | None
    code: str | None


class OpenAIErrorReply(Reply):
    """Every error below /v1."""

    error: OpenAIErrorDetail


_REFUSALS = {
    400: "the request cannot be understood, or asks for what this box does not do",
    401: "a token or login is needed",
    403: "the caller's role does not allow it, or another web page sent it",
    404: "there is no such thing",
    413: "too much was sent",
    415: "the body is of another content type",
    422: "a field is missing, not known or out of its bounds",
    429: "too many wait; see Retry-After",
    503: "the model, the camera or the store cannot be reached now; see Retry-After",
}


def refused_as(shape: type[Reply]) -> dict[int | str, dict[str, Any]]:
    """How the document tells of refusals."""
    return {code: {"model": shape, "description": said} for code, said in _REFUSALS.items()}
