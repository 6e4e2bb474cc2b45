"""Turn: what a person says next about one or several pictures, and what comes back.

A conversation is a system text, then messages of the user and the model in turn; pictures stand
anywhere in the user's. It is continued under a session's name, its pictures and history remembered,
or given whole each time. Whoever talks to people builds turns, the model engine answers them.
Plain dataclasses, so that they cross the pipe between the daemon and the analyzer process.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

from edge.enhancement import EnhancedPicture
from edge.errors import EdgeError, QuestionError
from edge.frames import Image
from edge.geometry import Box
from edge.heatmap import AttentionMap
from edge.questions import MAX_QUESTIONS, Answer, Description, Question, Timing, View

Role = Literal["system", "user", "assistant"]
Ending = Literal["stop", "tokens", "chars", "deadline", "loop", "cancelled"]

MAX_PICTURES = 16  # in one turn
MAX_NEW_TOKENS = 4096
MAX_STOPS = 8
MAX_STOP_CHARS = 200
MAX_ALTERNATIVES = 20

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture, or the part of it in `region`, which is then shown at native resolution."""

    image: Image = field(repr=False)  # (H, W, 3) uint8 RGB
    region: Box | None = None


Part: TypeAlias = "str | Picture"


@dataclass(frozen=True, slots=True)
class Message:
    """What one side said: texts and pictures in order. Only the user shows pictures.

    Raises QuestionError for a message without parts or a picture from another side.
    """

    role: Role
    parts: tuple[Part, ...]

    def __post_init__(self) -> None:
        if not self.parts:
            raise QuestionError(f"a message of the {self.role} is empty")
        if self.role != "user" and any(isinstance(part, Picture) for part in self.parts):
            raise QuestionError(f"a message of the {self.role} cannot hold a picture")


@dataclass(frozen=True, slots=True)
class Writing:
    """How text is to be written: always the most probable token, at most `max_tokens` of them.

    A JSON document is closed there, so that it is whole; the tokens that its form forces count too.
    Text ends before the first of the `stop` strings. With `wants_chances` each token comes with its
    log-probability and with the `alternatives` most probable tokens in its place (0..20). Raises
    QuestionError for bounds that are out of range.
    """

    max_tokens: int = 512
    stop: tuple[str, ...] = ()
    wants_chances: bool = False
    alternatives: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.max_tokens <= MAX_NEW_TOKENS:
            raise QuestionError(f"max tokens must be 1..{MAX_NEW_TOKENS}, not {self.max_tokens}")
        if len(self.stop) > MAX_STOPS or not all(1 <= len(s) <= MAX_STOP_CHARS for s in self.stop):
            raise QuestionError(
                f"at most {MAX_STOPS} stop strings of 1 to {MAX_STOP_CHARS} characters are allowed"
            )
        if not 0 <= self.alternatives <= MAX_ALTERNATIVES:
            raise QuestionError(
                f"alternatives must be 0..{MAX_ALTERNATIVES}, not {self.alternatives}"
            )


@dataclass(frozen=True, slots=True)
class Turn:
    """The user's next turn, and what is wanted in answer to it.

    `session` names the conversation; `opens` begins it anew, and `messages` are then all of it so
    far. Without `opens` the session must be open, and `messages` is empty or one message of the
    user's with further pictures or words. Without a session the conversation is given whole in
    `messages`; what an earlier one had in common with it is not computed again.

    The last message is the user's. Each of `questions` is put behind it and answered by itself, all
    of them in one pass; afterwards they stand in the history one after the other. `reply` has the
    last message itself answered in text; `describe` asks for a description, by the user's `schema`
    where there is one. Nothing of the three: the pictures are looked at and remembered.

    A conversation that has grown too long for its session loses its oldest turns, never the
    pictures of its first message. Text that is unfinished `deadline_s` after the start is cut.
    With `heatmap` the result also tells where in the conversation's pictures each answer looked;
    it takes longer by two passes of a few tokens for each. With `enhance` more is made visible in
    the pictures of its messages before they are looked at.

    Raises QuestionError for a bad name, too many questions or pictures, or an impossible order.
    """

    id: str
    session: str = ""
    opens: bool = False
    messages: tuple[Message, ...] = ()
    questions: tuple[Question, ...] = ()
    reply: bool = False
    describe: bool = False
    schema: Mapping[str, Any] | None = None
    writing: Writing = Writing()
    deadline_s: float = 60.0
    heatmap: bool = False
    enhance: bool = False

    def __post_init__(self) -> None:
        if self.session:
            check_session_name(self.session)
        if self.opens and not self.session:
            raise QuestionError("a session that is opened needs a name")
        if len(self.questions) > MAX_QUESTIONS:
            raise QuestionError(
                f"{len(self.questions)} questions in one turn; at most {MAX_QUESTIONS} are allowed"
            )
        ids = [question.id for question in self.questions]
        if len(set(ids)) < len(ids):
            raise QuestionError("two questions of a turn have the same id")
        wanted = (bool(self.questions), self.reply, self.describe)
        if sum(wanted) > 1:
            raise QuestionError("a turn has questions, or wants a reply, or a description: one")
        if not self.opens and not any(wanted):
            raise QuestionError("nothing is asked: the turn is empty")
        if self.heatmap and not any(wanted):
            raise QuestionError("a heatmap shows where an answer looked, but nothing is asked")
        self._check_messages()

    def _check_messages(self) -> None:
        if self.num_pictures > MAX_PICTURES:
            raise QuestionError(f"{self.num_pictures} pictures; at most {MAX_PICTURES} are allowed")
        if self.continues and not self.messages:
            if self.reply:
                raise QuestionError("there is no message to reply to")
            return
        if not self.messages or self.messages[-1].role != "user":
            raise QuestionError("the last message of a conversation must be the user's")
        if self.continues and len(self.messages) > 1:
            raise QuestionError("an open session is continued with one message")
        if any(message.role == "system" for message in self.messages[1:]):
            raise QuestionError("a system message can only be the first")
        if self.reply and not str(self.messages[-1].parts[-1]).strip():
            raise QuestionError("the message to reply to is empty")

    @property
    def num_pictures(self) -> int:
        """Pictures in its messages."""
        return sum(isinstance(part, Picture) for m in self.messages for part in m.parts)

    @property
    def continues(self) -> bool:
        """Whether the turn goes on with an open session."""
        return bool(self.session) and not self.opens


def check_session_name(name: str) -> None:
    """Raises QuestionError unless it is 1 to 64 letters, digits, `-` and `_`."""
    if not _NAME.fullmatch(name):
        raise QuestionError(
            f"{name[:80]!r} is not a session's name: 1 to 64 of A-Z, a-z, 0-9, - and _"
        )


def new_session_name() -> str:
    """A name that cannot be guessed."""
    return secrets.token_urlsafe(16)


@dataclass(frozen=True, slots=True)
class Token:
    """A token as text (empty where it is part of a character) and as bytes, and the natural
    logarithm of its probability.
    """

    text: str
    data: bytes
    logprob: float


@dataclass(frozen=True, slots=True)
class Chance:
    """The token that was written, and the most probable ones in its place, best first."""

    token: Token
    alternatives: tuple[Token, ...] = ()


@dataclass(frozen=True, slots=True)
class Piece:
    """Some more of a text that is being written. The pieces of a text make up the whole of it.

    `question_id` is empty for a reply. `chances` are those of the tokens written since the last
    piece, where they are wanted; a text that ends before a stop string has some more of them.
    """

    turn_id: str
    question_id: str
    text: str
    chances: tuple[Chance, ...] = ()


@dataclass(frozen=True, slots=True)
class TurnResult:
    """The answers in the order of the questions; of a reply one answer without a question's id.

    `endings` says of each text, by question id, why it ended: `stop` where the model was done or a
    stop string came. A reply and a description have none: their key is empty. `views` has what was
    shown of each picture of the turn's messages. In `timing` `prompt_tokens` are all tokens of the
    conversation and the questions; `known_tokens` of them were remembered and not computed again.
    `num_dropped` turns had to be forgotten for want of room. `attention`, if it is wanted and the
    turn was not called off, has a map for each answer (for a reply or a description without a
    question's id) and each picture of the conversation, answer by answer. `enhanced` says of each
    of the turn's pictures what was done to it, if that was wanted; details that were shown beside
    it count as pictures of the conversation.
    """

    id: str
    session: str
    answers: tuple[Answer, ...]
    description: Description | None
    views: tuple[View, ...]
    timing: Timing
    endings: Mapping[str, Ending] = field(default_factory=dict)
    chances: Mapping[str, tuple[Chance, ...]] = field(default_factory=dict)
    known_tokens: int = 0
    num_dropped: int = 0
    attention: tuple[AttentionMap, ...] = ()
    enhanced: tuple[EnhancedPicture, ...] = ()


class Listener(Protocol):
    """Whoever waits for a turn. Called in the daemon's main thread; must not block or raise."""

    def on_piece(self, piece: Piece) -> None:
        """Some text was written."""

    def on_end(self, outcome: TurnResult | EdgeError) -> None:
        """The turn is over; nothing follows."""
