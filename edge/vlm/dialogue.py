"""The words of a conversation of several turns, in the chat format of the model's own template.

    opening SYSTEM between [pictures] QUESTION closing ANSWER following QUESTION closing ANSWER ...

A question stands behind the pictures, and its answer is the whole of the model's turn. What people
wrote is encoded as plain text, as in `prompt`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge.conversation import Message, Part, Picture
from edge.errors import ModelInvalid, QuestionError
from edge.questions import Question
from edge.vlm.layout import Layout
from edge.vlm.prompt import SYSTEM, ChatFormat, allowed_answers, one_line, render_chat
from edge.vlm.tokens import Ids, TokenCoder
from edge.vlm.transcript import Fed, Transcript

# Stand-ins while the template is rendered, as in `prompt`.
_FIRST, _ANSWER, _SECOND = "\ue003", "\ue004", "\ue005"


@dataclass(frozen=True, slots=True)
class DialogueFormat:
    """The token sequences between turns. `following` ends the model's turn and begins the user's;
    `bare` begins a conversation without a system text.
    """

    chat: ChatFormat
    following: Ids
    bare: Ids


def read_dialogue_format(layout: Layout, coder: TokenCoder, chat: ChatFormat) -> DialogueFormat:
    """The format of the model's template for several turns.

    Raises ModelInvalid if the template cannot be rendered or writes later turns in another way.
    """
    rendered = render_chat(
        layout,
        [
            {"role": "user", "content": [{"type": "text", "text": _FIRST}]},
            {"role": "assistant", "content": [{"type": "text", "text": _ANSWER}]},
            {"role": "user", "content": [{"type": "text", "text": _SECOND}]},
        ],
    )
    bare, _, rest = rendered.partition(_FIRST)
    closing, _, rest = rest.partition(_ANSWER)
    following, found, closing_again = rest.partition(_SECOND)
    if not found or closing != closing_again or coder.encode_control(closing) != chat.closing:
        raise ModelInvalid(
            f"the chat template of {layout.model_dir} does not write later turns as it writes the "
            f"first; it renders {rendered[:200]!r}"
        )
    return DialogueFormat(chat, coder.encode_control(following), coder.encode_control(bare))


def build_ask(coder: TokenCoder, question: Question) -> Ids:
    """The words of a question within a conversation: a typed one says how it may be answered."""
    if question.kind == "text":
        return coder.encode(question.text.strip())
    return coder.encode(f"{one_line(question.text)} ({allowed_answers(question)})")


@dataclass(frozen=True, slots=True)
class Script:
    """A conversation in tokens. `turns` are the places where the user's turns begin, the first one
    behind the pictures of its message; from there on turns may be forgotten. `is_open` while the
    user speaks: the next words belong to the last turn.
    """

    transcript: Transcript
    turns: tuple[int, ...]
    is_open: bool

    def forget(self, num: int) -> Script:
        """Without its `num` oldest turns; fewer than there are."""
        first, end = self.turns[0], self.turns[num]
        turns = tuple(at - (end - first) for at in self.turns[num:])
        return Script(self.transcript.without(first, end), turns, self.is_open)


class ScriptWriter:
    """Puts messages into tokens. `feed` gives what is fed of a picture."""

    def __init__(self, layout: Layout, coder: TokenCoder, chat: ChatFormat) -> None:
        self.format = read_dialogue_format(layout, coder, chat)
        self._coder, self._tokens = coder, layout.tokens
        self.house_prefix = (
            chat.opening + coder.encode(SYSTEM) + chat.between + (self._tokens.vision_start,)
        )

    def begin(self, messages: Sequence[Message], fed: Sequence[Fed]) -> Script:
        """The conversation so far; its last turn, the user's, is left open.

        Without a system message it has the house's own; with an empty one, none. `fed` are the
        pictures of the messages, in order. Raises QuestionError if the model speaks first.
        """
        system, rest = SYSTEM, list(messages)
        if rest and rest[0].role == "system":
            system = "\n\n".join(str(part) for part in rest.pop(0).parts)
        if not rest or rest[0].role != "user":
            raise QuestionError("a conversation begins with the user, behind the system message")
        chat, pictures = self.format.chat, list(fed)
        opening = chat.opening + self._coder.encode(system) + chat.between
        transcript = Transcript(opening if system.strip() else self.format.bare)
        turns: list[int] = []
        for index, message in enumerate(rest):
            if index:
                transcript = transcript.plus(self._link(rest[index - 1], message))
            if message.role == "user":
                turns.append(len(transcript))
            for part in _joined(message.parts):
                transcript = self._with_part(transcript, part, pictures)
                if len(turns) == 1 and isinstance(part, Picture):
                    turns = [len(transcript)]
        return Script(transcript, tuple(turns), is_open=True)

    def go_on(self, script: Script, messages: Sequence[Message], fed: Sequence[Fed]) -> Script:
        """The conversation with the user's next turn begun, and left open."""
        transcript, turns = script.transcript, script.turns
        if not script.is_open:
            transcript = transcript.plus(self.format.following)
            turns = (*turns, len(transcript))
        pictures = list(fed)
        for part in _joined(tuple(part for message in messages for part in message.parts)):
            transcript = self._with_part(transcript, part, pictures)
            if len(turns) == 1 and isinstance(part, Picture):
                turns = (len(transcript),)
        return Script(transcript, turns, is_open=True)

    def answered(self, script: Script, words: Sequence[Ids], answers: Sequence[Ids]) -> Script:
        """The conversation with what was asked and answered, one behind the other; the words end
        with the closing. Without any the user's turn stays open.
        """
        transcript, turns = script.transcript, list(script.turns)
        for n, (asked, answer) in enumerate(zip(words, answers, strict=True)):
            if n:
                transcript = transcript.plus(self.format.following)
                turns.append(len(transcript))
            transcript = transcript.plus(asked + answer)
        return Script(transcript, tuple(turns), is_open=not words)

    def _link(self, before: Message, after: Message) -> Ids:
        if before.role == after.role:
            return self._coder.encode("\n\n")
        return self.format.following if after.role == "user" else self.format.chat.closing

    def _with_part(self, transcript: Transcript, part: Part, pictures: list[Fed]) -> Transcript:
        if isinstance(part, str):
            return transcript.plus(self._coder.encode(part))
        tokens = self._tokens
        lead, end = (tokens.vision_start,), (tokens.vision_end,)
        return transcript.plus_picture(lead, pictures.pop(0), tokens.image, end)


def _joined(parts: Sequence[Part]) -> list[Part]:
    """Texts that follow each other as one, so that their tokens are those of one text; the first
    and the last without space around the whole, as a person's words stand in any chat.
    """
    joined: list[Part] = []
    for part in parts:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] = f"{joined[-1]}\n{part}"
        else:
            joined.append(part)
    return [part.strip() if isinstance(part, str) else part for part in joined]
