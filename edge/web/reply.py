"""Reply: the base of the API's JSON documents, and those that tell of errors."""

from __future__ import annotations

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
