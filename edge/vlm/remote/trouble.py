"""What can go wrong with a server, in our own words. Both stay within this folder."""

from __future__ import annotations

from typing import Literal

# passing: asking again in a moment may help. late: the time is over, asking again would not help
# this request. lasting: it will not be otherwise before a person does something.
Kind = Literal["passing", "late", "lasting"]


class ServerTrouble(Exception):
    """The server fails: not there, overloaded, broken, or no such server at all.

    `retry_after_s` is what the server asked for.
    """

    def __init__(self, reason: str, kind: Kind = "passing", retry_after_s: float = 0.0) -> None:
        super().__init__(reason)
        self.kind = kind
        self.retry_after_s = retry_after_s


class RequestRefused(Exception):
    """The server is well and will not do this: something in the request is not to its liking."""
