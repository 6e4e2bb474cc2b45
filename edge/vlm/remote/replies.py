"""What a server's reply says: the text, why it ended, the tokens' chances, the counts. Pure.

Read with patience for what is missing, as servers differ, and with none for what is of another
shape: a reply is another program's and may be anything.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from edge.vlm.remote.chances import Place, TokenChance
from edge.vlm.remote.trouble import ServerTrouble

MAX_PLACES = 8192
MAX_ALTERNATIVES = 64


def _list(value: Any) -> Any:
    return [] if value is None else value


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class TokenPart(_Part):
    """A token with its log-probability; -9999 and the like stand for none at all."""

    token: str
    logprob: float = Field(allow_inf_nan=False)

    @property
    def chance(self) -> TokenChance:
        """The same with a probability."""
        return TokenChance(self.token, math.exp(min(self.logprob, 0.0)))


class PlacePart(TokenPart):
    """A token that was written, and what might have been."""

    top_logprobs: Annotated[
        list[TokenPart], BeforeValidator(_list), Field(max_length=MAX_ALTERNATIVES)
    ] = []

    @property
    def place(self) -> Place:
        """The same in our words."""
        return Place(self.chance, tuple(one.chance for one in self.top_logprobs))


class _Logprobs(_Part):
    content: Annotated[list[PlacePart], BeforeValidator(_list), Field(max_length=MAX_PLACES)] = []


class _Message(_Part):
    content: str | None = None


class _Choice(_Part):
    message: _Message
    finish_reason: str | None = None
    logprobs: _Logprobs | None = None


class _Usage(_Part):
    prompt_tokens: int = Field(default=0, ge=0)
    completion_tokens: int = Field(default=0, ge=0)


class _Document(_Part):
    choices: list[_Choice] = Field(min_length=1)
    usage: _Usage | None = None


class Reply:
    """One answer of the server."""

    def __init__(self, document: _Document) -> None:
        choice = document.choices[0]
        self.text = choice.message.content or ""
        self.is_cut = choice.finish_reason == "length"
        self.parts: Sequence[PlacePart] = choice.logprobs.content if choice.logprobs else ()
        usage = document.usage or _Usage()
        self.prompt_tokens, self.output_tokens = usage.prompt_tokens, usage.completion_tokens

    @property
    def places(self) -> list[Place]:
        """The tokens with their chances; empty where the server tells none."""
        return [part.place for part in self.parts]

    @property
    def probability(self) -> float:
        """The mean probability of the tokens; 1 where the server tells none."""
        told = [part.chance.probability for part in self.parts]
        return math.fsum(told) / len(told) if told else 1.0


def parse_reply(data: bytes) -> Reply:
    """The reply that `data` holds. Raises ServerTrouble for anything else."""
    try:
        return Reply(_Document.model_validate_json(data))
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(step) for step in fault["loc"])
        what = f" ({where}: {fault['msg']})" if where else ""
        raise ServerTrouble(f"its reply is no chat completion{what[:200]}") from None
