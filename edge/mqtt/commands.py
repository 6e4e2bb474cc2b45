"""Commands that come in over MQTT: their types, and reading them from topic and payload.

Pure. A payload is a stranger's: whatever it holds, the result is a command or CommandRefused,
which says why. The publisher calls `parse_command`; the daemon acts on the result.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from edge.errors import CommandRefused, DeliveryError, QuestionError
from edge.mqtt.topics import Topics
from edge.questions import MAX_OPTIONS, MAX_QUESTION_CHARS, choice, has_half_characters

MAX_PAYLOAD_BYTES: Final = 64 * 1024
MAX_ID_CHARS: Final = 128
MIN_SENSITIVITY: Final = 1
MAX_SENSITIVITY: Final = 100

DESCRIBE_AS_CONFIGURED: Final = "configured"
DESCRIBE_WORDS: Final = (DESCRIBE_AS_CONFIGURED, "never", "on_change", "always")

ASK_KEYS: Final = ("id", "question", "choices")
_ON_OFF: Final = {"on": True, "true": True, "1": True, "off": False, "false": False, "0": False}


@dataclass(frozen=True, slots=True)
class ReplyAddress:
    """Where the answer to one question goes: its topic, and what lets the asker recognise it."""

    topic: str
    correlation: bytes = b""  # MQTT 5 Correlation Data, returned as it came; b"" for none


@dataclass(frozen=True, slots=True)
class SetEnabled:
    """Switch a camera's analysis on or off."""

    camera: str
    enabled: bool


@dataclass(frozen=True, slots=True)
class SetSensitivity:
    """Set how easily motion triggers a camera, 1 (least) to 100 (most)."""

    camera: str
    sensitivity: float


@dataclass(frozen=True, slots=True)
class SetDescribe:
    """Set when a camera's keyframes are described: one of DESCRIBE_WORDS."""

    camera: str
    word: str


@dataclass(frozen=True, slots=True)
class AskCommand:
    """A question about what a camera sees now. Answer with `Publisher.reply`.

    With `choices` the answer is one of them, else free text.
    """

    camera: str
    id: str  # the asker's own, returned in the reply
    question: str
    reply_to: ReplyAddress
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReloadCommand:
    """Read the configuration again."""


@dataclass(frozen=True, slots=True)
class AnalyzeCommand:
    """Take a keyframe now, of one camera, or of all when `camera` is ""."""

    camera: str


Command = SetEnabled | SetSensitivity | SetDescribe | AskCommand | ReloadCommand | AnalyzeCommand


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message as it came from the broker."""

    topic: str
    payload: bytes
    retained: bool = False
    response_topic: str = ""
    correlation: bytes = b""


def parse_command(topics: Topics, cameras: Collection[str], message: Incoming) -> Command:
    """The command a message holds. `cameras` are those that exist. Raises CommandRefused.

    A retained command is refused: it is old, and would come again at every connection.
    """
    if message.retained:
        raise CommandRefused("retained", "commands must not be retained")
    if len(message.payload) > MAX_PAYLOAD_BYTES:
        raise CommandRefused(
            "too large", f"{len(message.payload)} bytes; at most {MAX_PAYLOAD_BYTES} are allowed"
        )
    try:
        target = topics.parse_command(message.topic)
    except DeliveryError as error:
        raise CommandRefused("unknown topic", str(error)) from None
    if target.camera:
        _check_camera(target.camera, cameras)
    try:
        text = message.payload.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise CommandRefused("not UTF-8", f"byte {error.start} is not UTF-8") from None
    match target.kind:
        case "reload":
            return ReloadCommand()
        case "analyze":
            return _parse_analyze(text, cameras)
        case "enabled":
            return _parse_enabled(target.camera, text)
        case "sensitivity":
            return _parse_sensitivity(target.camera, text)
        case "describe":
            return _parse_describe(target.camera, text)
        case "ask":
            return _parse_ask(topics, target.camera, text, message)


def _check_camera(camera: str, cameras: Collection[str]) -> None:
    if camera not in cameras:
        known = ", ".join(sorted(cameras)) or "none"
        raise CommandRefused(
            "unknown camera", f"there is no camera {camera[:80]!r}; known: {known}"
        )


def _parse_enabled(camera: str, text: str) -> SetEnabled:
    try:
        return SetEnabled(camera, _ON_OFF[text.lower()])
    except KeyError:
        raise CommandRefused("bad value", f"must be ON or OFF, not {text[:80]!r}") from None


def _parse_sensitivity(camera: str, text: str) -> SetSensitivity:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not MIN_SENSITIVITY <= value <= MAX_SENSITIVITY:
        raise CommandRefused(
            "bad value",
            f"must be a number from {MIN_SENSITIVITY} to {MAX_SENSITIVITY}, not {text[:80]!r}",
        )
    return SetSensitivity(camera, value)


def _parse_describe(camera: str, text: str) -> SetDescribe:
    word = text.lower()
    if word not in DESCRIBE_WORDS:
        known = ", ".join(DESCRIBE_WORDS)
        raise CommandRefused("bad value", f"must be one of {known}, not {text[:80]!r}")
    return SetDescribe(camera, word)


def _parse_object(text: str) -> dict[str, object]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:  # RecursionError: thousands of brackets
        raise CommandRefused("bad JSON", f"not JSON: {error}") from None
    if not isinstance(value, dict):
        raise CommandRefused("bad value", f"must be a JSON object, not {text[:80]!r}")
    return value


def _parse_analyze(text: str, cameras: Collection[str]) -> AnalyzeCommand:
    """A camera's name, `{"camera": name}`, or nothing for every camera."""
    camera: object = _parse_object(text).get("camera", "") if text.startswith("{") else text
    if not isinstance(camera, str):
        raise CommandRefused("bad value", f"`camera` must be a name, not {str(camera)[:80]!r}")
    if camera:
        _check_camera(camera, cameras)
    return AnalyzeCommand(camera)


def _parse_ask(topics: Topics, camera: str, text: str, message: Incoming) -> AskCommand:
    fields = _parse_object(text)
    unknown = [key for key in fields if key not in ASK_KEYS]
    if unknown:
        known = ", ".join(ASK_KEYS)
        raise CommandRefused("bad value", f"unknown key {unknown[0][:80]!r}; known: {known}")
    ask_id = _checked_text(fields, "id", MAX_ID_CHARS)
    question = _checked_text(fields, "question", MAX_QUESTION_CHARS).strip()
    choices = _checked_choices(fields["choices"]) if "choices" in fields else ()
    reply_topic = message.response_topic or topics.ask_reply(camera)
    if message.response_topic and not topics.is_reply_topic_allowed(reply_topic):
        raise CommandRefused("bad value", f"the response topic {reply_topic[:80]!r} is not allowed")
    address = ReplyAddress(reply_topic, message.correlation)
    return AskCommand(camera, ask_id, question, address, choices)


def _checked_text(fields: dict[str, object], name: str, max_chars: int) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value.strip() or len(value) > max_chars:
        raise CommandRefused("bad value", f"`{name}` must be a text of 1 to {max_chars} characters")
    if has_half_characters(value):
        raise CommandRefused("bad value", f"`{name}` holds half of a surrogate pair")
    return value


def _checked_choices(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise CommandRefused("bad value", f"`choices` must be a list of 2 to {MAX_OPTIONS} texts")
    if any(has_half_characters(one) for one in value):
        raise CommandRefused("bad value", "`choices` holds half of a surrogate pair")
    try:
        return choice("choices", "?", tuple(value)).options
    except QuestionError as error:
        raise CommandRefused("bad value", str(error)) from None
