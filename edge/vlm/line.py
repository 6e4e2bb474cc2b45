"""Lines: what is asked in one turn of a conversation, and how each answer is read or written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edge.conversation import Turn
from edge.questions import Question
from edge.vlm import prompt
from edge.vlm.describe import Describer, DescriptionPlan
from edge.vlm.dialogue import DialogueFormat, build_ask
from edge.vlm.tokens import Ids, TokenCoder
from edge.vlm.typed import TypedPlan, plan_alone

TYPED_ROOM_TOKENS = 8
WRITTEN_ROOM_TOKENS = 64  # what the conversation leaves at least for a written answer


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that is asked. `words` are the user's, with the markers that make it the model's
    turn; `opening` is what the answer begins with. `typed` or `described` say how the answer is
    read; with neither it is text.
    """

    words: Ids
    opening: Ids = ()
    question: Question | None = None
    typed: TypedPlan | None = None
    described: DescriptionPlan | None = None

    @property
    def question_id(self) -> str:
        """The question's id; empty for a reply and a description."""
        return "" if self.question is None else self.question.id

    @property
    def ids(self) -> Ids:
        """All that is fed before the answer."""
        return self.words + self.opening

    def paths(self) -> Iterator[Ids]:
        """The ways from the end of the line to each token at which options part, shorter first."""
        forks = () if self.typed is None else self.typed.forks
        ways = {fork.path[:end] for fork in forks for end in range(1, len(fork.path) + 1)}
        return iter(sorted(ways, key=lambda way: (len(way), way)))

    @property
    def num_tokens(self) -> int:
        """Tokens that the line and the least of an answer take."""
        room = WRITTEN_ROOM_TOKENS if self.typed is None else TYPED_ROOM_TOKENS
        return len(self.ids) + room + sum(1 for _ in self.paths())


def build_lines(
    turn: Turn, form: DialogueFormat, coder: TokenCoder, eos: frozenset[int], describer: Describer
) -> list[Line]:
    """What a turn asks. Raises QuestionError for options or a schema that cannot be used."""
    parts = turn.messages[-1].parts if turn.messages else ()
    follows_words = bool(parts) and isinstance(parts[-1], str) and bool(parts[-1].strip())
    join = coder.encode("\n") if follows_words else ()
    if turn.reply:
        return [Line(form.chat.closing)]
    if turn.describe:
        plan = describer.plan(turn.schema)
        request = prompt.build_turn(form.chat, coder, plan.request)
        return [Line(join + request, plan.whole.opening, described=plan)]
    return [
        Line(
            join + build_ask(coder, question) + form.chat.closing,
            question=question,
            typed=None if question.kind == "text" else plan_alone(coder, eos, question),
        )
        for question in turn.questions
    ]
