"""What a request to /v1/chat/completions says, as far as this box does it, and what it comes to.

Fields that would change what the answer means and cannot be honoured are refused; others that are
not known (temperature, seed, user, ...) are ignored: the most probable token is always written.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from edge.conversation import (
    MAX_ALTERNATIVES,
    MAX_NEW_TOKENS,
    MAX_PICTURES,
    Message,
    Part,
    Role,
    Turn,
    Writing,
)
from edge.web.refusals import Refusal
from edge.web.turns import new_turn_id

DEFAULT_TOKENS = 512
MAX_MESSAGES = 200
MAX_TEXT_CHARS = 100_000  # of all messages; the model reads some 4,000 tokens

_REFUSED = {
    "tools": "this model calls no tools",
    "functions": "this model calls no functions",
    "audio": "this model does not speak",
    "logit_bias": "probabilities cannot be changed here",
}


class ImageUrl(BaseModel):
    """Where a picture is: a data URL, or a URL that the configuration allows."""

    url: str
    detail: str = "auto"


class TextPart(BaseModel):
    """Some words."""

    type: Literal["text"]
    text: str


class ImagePart(BaseModel):
    """A picture."""

    type: Literal["image_url"]
    image_url: ImageUrl


ContentPart = Annotated[TextPart | ImagePart, Field(discriminator="type")]


class ChatMessage(BaseModel):
    """What one side said."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[ContentPart]


class JsonSchemaFormat(BaseModel):
    """A JSON Schema that the answer is held to."""

    name: str = ""
    schema_: dict[str, Any] = Field(alias="schema")
    strict: bool | None = None


class ResponseFormat(BaseModel):
    """The form of the answer."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchemaFormat | None = None


class StreamOptions(BaseModel):
    """What is streamed beside the answer."""

    include_usage: bool = False


class CompletionRequest(BaseModel):
    """OpenAI's request, in part."""

    model_config = ConfigDict(
        extra="ignore",
        json_schema_extra={
            "examples": [
                {
                    "model": "edge",
                    "messages": [
                        {
                            "role": "user",
                            "content": [
                                {"type": "text", "text": "What is it?"},
                                {
                                    "type": "image_url",
                                    "image_url": {"url": "data:image/jpeg;base64,..."},
                                },
                            ],
                        }
                    ],
                }
            ]
        },
    )

    model: str = ""
    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=MAX_MESSAGES)]
    n: int = 1
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    stop: str | list[str] | None = None
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    logprobs: bool | None = False
    top_logprobs: Annotated[int, Field(ge=0, le=MAX_ALTERNATIVES)] | None = None
    response_format: ResponseFormat | None = None
    tools: JsonValue = None
    functions: JsonValue = None
    audio: JsonValue = None
    logit_bias: JsonValue = None

    @property
    def is_streamed(self) -> bool:
        """Whether the answer is sent as it is written."""
        return bool(self.stream)

    @property
    def wants_usage_at_end(self) -> bool:
        """Whether a stream ends with the counts."""
        return self.stream_options is not None and self.stream_options.include_usage

    def check(self) -> None:
        """Raises Refusal for what cannot be honoured."""
        for field, reason in _REFUSED.items():
            if getattr(self, field):
                raise Refusal(400, reason, field)
        if self.n != 1:
            raise Refusal(400, "only one answer is given: n must be 1", "n")
        if self.top_logprobs and not self.logprobs:
            raise Refusal(400, "top_logprobs needs logprobs to be true", "top_logprobs")
        form = self.response_format
        if form is not None and (form.type == "json_schema") != (form.json_schema is not None):
            raise Refusal(
                400, "json_schema is needed with that type, and only then", "response_format"
            )
        if self.messages[-1].role != "user":
            raise Refusal(400, "the last message must be the user's", "messages")
        if sum(len(text) for text in self._texts()) > MAX_TEXT_CHARS:
            raise Refusal(400, f"the messages have over {MAX_TEXT_CHARS} characters", "messages")
        if len(self.picture_urls()) > MAX_PICTURES:
            raise Refusal(400, f"at most {MAX_PICTURES} pictures are allowed", "messages")

    def picture_urls(self) -> list[tuple[str, str]]:
        """Where each picture is, in order, and the name of its field."""
        return [
            (part.image_url.url, f"messages.{m}.content.{p}.image_url")
            for m, message in enumerate(self.messages)
            if not isinstance(message.content, str)
            for p, part in enumerate(message.content)
            if isinstance(part, ImagePart)
        ]

    def build_turn(self, pictures: list[Part]) -> Turn:
        """The whole conversation as a turn; `pictures` are those of `picture_urls`, in order.

        Raises QuestionError for an order that is not possible.
        """
        waiting = iter(pictures)
        messages: list[Message] = []
        for message in self.messages:
            parts = tuple(
                next(waiting) if isinstance(part, ImagePart) else part.text
                for part in _parts(message)
            )
            role: Role = "system" if message.role == "developer" else message.role
            if messages and messages[-1].role == role == "system":
                messages[-1] = Message(role, messages[-1].parts + parts)
            elif parts:
                messages.append(Message(role, parts))
        form = self.response_format
        is_json = form is not None and form.type != "text"
        return Turn(
            id=new_turn_id(),
            messages=tuple(messages),
            reply=not is_json,
            describe=is_json,
            schema=form.json_schema.schema_ if form and form.json_schema else None,
            writing=self._writing(default=MAX_NEW_TOKENS if is_json else DEFAULT_TOKENS),
        )

    def _writing(self, default: int) -> Writing:
        wanted = self.max_completion_tokens or self.max_tokens or default
        stops = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return Writing(
            max_tokens=min(wanted, MAX_NEW_TOKENS),
            stop=tuple(stops),
            wants_chances=bool(self.logprobs),
            alternatives=self.top_logprobs or 0,
        )

    def _texts(self) -> list[str]:
        return [
            part.text
            for message in self.messages
            for part in _parts(message)
            if isinstance(part, TextPart)
        ]


def _parts(message: ChatMessage) -> list[TextPart | ImagePart]:
    if isinstance(message.content, str):
        return [TextPart(type="text", text=message.content)]
    return list(message.content)
