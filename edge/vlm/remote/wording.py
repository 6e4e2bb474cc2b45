"""What is sent to a server: messages with pictures, and what is wanted back. Pure.

The words are those of a conversation with the model on this box. A picture stands before the
words, and each question goes in a request of its own behind the same beginning: what the server
has computed of the system text and the picture it can use again (vLLM, SGLang, llama.cpp and
OpenVINO Model Server keep such beginnings, and so does this software), and no answer can lean on
another one. In one request for all of them each answer would be written behind the ones before.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, Literal

from edge.frames import Image
from edge.pictures import encode_jpeg, encode_png
from edge.questions import MAX_OPTION_CHARS, Question
from edge.schema import Bounded
from edge.vlm.prompt import SYSTEM, allowed_answers, one_line
from edge.vlm.remote.chances import plain_options
from edge.vlm.remote.settings import PictureFormat
from edge.vlm.show import Step

MAX_ALTERNATIVES = 20  # what OpenAI's protocol allows
FEW_ALTERNATIVES = 5  # what the first servers of this kind allowed
JPEG_QUALITY = 92
LEAD_TOKENS = 4  # a mark or a line break before an answer, and the answer's first
MAX_TYPED_TOKENS = 64
JSON_TOKENS = 64  # around a typed answer, space and line breaks included
MAX_DOCUMENT_TOKENS = 1024

Form = Literal["logprobs", "few logprobs", "schema", "text"]
JsonForm = Literal["schema", "object", "text"]
Part = dict[str, Any]  # of a message's content
Message = dict[str, Any]

BEFORE = "A moment before:"
NOW = "Now:"


def picture_part(image: Image, form: PictureFormat) -> Part:
    """A picture (H, W, 3) uint8 RGB as part of a message."""
    data = encode_png(image) if form == "png" else encode_jpeg(image, JPEG_QUALITY)
    url = f"data:image/{form};base64,{base64.b64encode(data).decode()}"
    return {"type": "image_url", "image_url": {"url": url}}


def text_part(text: str) -> Part:
    """Words as part of a message."""
    return {"type": "text", "text": text}


def shown_parts(steps: Sequence[Step], form: PictureFormat) -> list[Part]:
    """What a look shows, as parts; a pair of pictures is told apart in words."""
    parts: list[Part] = []
    for step in steps:
        if len(step.frames) == 1:
            parts.append(picture_part(step.frames[0], form))
        else:
            before, now = (picture_part(frame, form) for frame in step.frames)
            parts += [text_part(BEFORE), before, text_part(NOW), now]
    return parts


def opened(parts: Sequence[Part]) -> list[Message]:
    """A conversation in which the user has shown `parts`."""
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": list(parts)}]


def with_words(history: Sequence[Message], words: str) -> list[Message]:
    """The conversation with the user's words at its end, in the last message if that is theirs."""
    if history and history[-1]["role"] == "user":
        last = history[-1]
        return [*history[:-1], {**last, "content": [*last["content"], text_part(words)]}]
    return [*history, {"role": "user", "content": [text_part(words)]}]


def words_of(question: Question) -> str:
    """A question's words; a typed one says how it may be answered."""
    if question.kind == "text":
        return question.text.strip()
    return f"{one_line(question.text)} ({allowed_answers(question)})"


def ask_typed(question: Question, form: Form) -> Mapping[str, Any]:
    """What a request for a typed answer says besides the model and the messages."""
    if form in ("logprobs", "few logprobs"):
        num = MAX_ALTERNATIVES if form == "logprobs" else FEW_ALTERNATIVES
        return {"max_tokens": _typed_tokens(question), "logprobs": True, "top_logprobs": num}
    if form == "schema":
        shape = {
            "type": "object",
            "properties": {"answer": {"type": "string", "enum": list(question.options)}},
            "required": ["answer"],
            "additionalProperties": False,
        }
        return {"max_tokens": JSON_TOKENS + MAX_OPTION_CHARS, **_held_to(shape)}
    return {"max_tokens": LEAD_TOKENS + MAX_OPTION_CHARS}


def ask_document(schema: Bounded, form: JsonForm, max_tokens: int) -> Mapping[str, Any]:
    """What a request for a JSON document says besides; see `ask_typed`."""
    wanted = {"max_tokens": max_tokens}
    if form == "schema":
        return {**wanted, **_held_to(_strict(schema))}
    if form == "object":
        return {**wanted, "response_format": {"type": "json_object"}}
    return wanted


def _typed_tokens(question: Question) -> int:
    """How many tokens it takes at most until any two options have parted."""
    options = plain_options(question)
    shared = max(_num_shared(a, b) for a, b in combinations(options, 2))
    return min(shared + LEAD_TOKENS, MAX_TYPED_TOKENS)


def _num_shared(a: str, b: str) -> int:
    """With how many characters both begin."""
    return next(
        (n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b))
    )


def _held_to(shape: Mapping[str, Any]) -> dict[str, Any]:
    named = {"name": "answer", "strict": True, "schema": shape}
    return {"response_format": {"type": "json_schema", "json_schema": named}}


def _strict(schema: Bounded) -> dict[str, Any]:
    """The schema with what OpenAI's strict mode wants written at each object."""
    out = dict(schema)
    if "properties" in schema:
        out["properties"] = {key: _strict(part) for key, part in schema["properties"].items()}
        out["required"] = list(schema["properties"])
        out["additionalProperties"] = False
    if "items" in schema:
        out["items"] = _strict(schema["items"])
    return out
