"""What is asked about a picture, in tokens, and the segments of the one pass that asks it. Pure.

    prefix (system text, typed questions, mark of the picture's start; its KV is remembered)
      └─ picture
           ├─ turn markers ─┬─ stub 1 ─┬─ options, down to where the last two part
           │                │          └─ second digit of stubs 10 to 19
           │                ├─ stub 2
           │                └─ ...
           ├─ text question, turn markers ── written token by token
           └─ description request, turn markers ─┬─ opening of a part ── written token by token
                                                 └─ ...

No branch sees another. What is written does not see the list of typed questions either.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import NamedTuple

from edge.questions import Question
from edge.vlm import prompt
from edge.vlm.tokens import Ids, TokenCoder
from edge.vlm.tree import Branch, Segment
from edge.vlm.typed import TypedPlan, plan_typed

Rows = tuple[int, int]  # rows of the KV cache: the first, and the first one behind


@dataclass(frozen=True, slots=True)
class Asked:
    """Questions as tokens. `paths` are the ways from the model's turn to each token at which an
    answer is read, shorter ones first; what two of them begin with is computed once ("1" for the
    stubs 1 and 10 to 19). `listed` are the tokens of the prefix that list the typed questions.
    """

    plans: tuple[TypedPlan, ...]
    prefix: Ids
    listed: Rows
    turn: Ids
    paths: tuple[Ids, ...]
    texts: tuple[Ids, ...]

    @property
    def num_typed(self) -> int:
        """Tokens behind the picture that typed questions take."""
        return len(self.turn) + len(self.paths)


class Opening(NamedTuple):
    """What an answer begins with, and what may come next, fed along on a guess."""

    ids: Ids = ()
    guess: Ids = ()


@dataclass(frozen=True, slots=True)
class Prompt:
    """What asks for something in writing, up to the model's turn, and what the answers begin with:
    each of `openings` on a branch of its own.
    """

    words: Ids
    openings: tuple[Opening, ...] = (Opening(),)

    def fork(self) -> tuple[Ids, tuple[Ids, ...]]:
        """What all branches begin with, and the rest of each."""
        tokens = [opening.ids + opening.guess for opening in self.openings]
        columns = zip(*tokens, strict=False)  # down to the shortest
        shared = tuple(ids[0] for ids in takewhile(lambda ids: len(set(ids)) == 1, columns))
        return self.words + shared, tuple(ids[len(shared) :] for ids in tokens)

    @property
    def num_tokens(self) -> int:
        """Tokens of the pass that it takes."""
        trunk, rests = self.fork()
        return len(trunk) + sum(len(rest) for rest in rests)


@dataclass(frozen=True, slots=True)
class Order:
    """The segments of a pass; as indices: the segment in which each typed path ends, counted from
    the model's turn, and for each prompt those at whose ends its answers begin.
    """

    segments: list[Segment]
    nodes: Mapping[Ids, int]
    written: tuple[tuple[int, ...], ...]

    @property
    def num_tokens(self) -> int:
        """Tokens of the pass."""
        return sum(len(segment.ids) for segment in self.segments)


def plan_questions(
    coder: TokenCoder, chat: prompt.ChatFormat, eos: frozenset[int], questions: tuple[Question, ...]
) -> Asked:
    """What does not depend on the picture. Raises QuestionError as `plan_typed`."""
    typed = [question for question in questions if question.kind != "text"]
    plans = [plan_typed(coder, eos, n, question) for n, question in enumerate(typed, start=1)]
    paths = {
        path[:end]: None
        for path in (plan.stub + fork.path for plan in plans for fork in plan.forks)
        for end in range(1, len(path) + 1)
    }
    prefix = prompt.build_prefix(chat, coder, typed)
    return Asked(
        plans=tuple(plans),
        prefix=prefix,
        listed=(len(prompt.build_prefix(chat, coder, ())), len(prefix)),
        turn=prompt.build_turn(chat, coder) if plans else (),
        paths=tuple(paths),
        texts=tuple(
            prompt.build_turn(chat, coder, question.text)
            for question in questions
            if question.kind == "text"
        ),
    )


def order_pass(
    asked: Asked, prompts: Sequence[Prompt], origin: Branch, picture: Segment | None, listed: Rows
) -> Order:
    """The segments behind `origin`: the picture if it is still to be read, what is typed, prompts.

    `listed` are the cached rows that the prompts do not see.
    """
    segments: list[Segment] = []
    trunk: Branch | int = origin
    if picture is not None:
        segments.append(picture)
        trunk = 0
    nodes: dict[Ids, int] = {}
    if asked.plans:
        nodes[()] = len(segments)
        segments.append(Segment(asked.turn, trunk))
    for path in asked.paths:
        nodes[path] = len(segments)
        segments.append(Segment(path[-1:], nodes[path[:-1]]))
    written = []
    for wanted in prompts:
        words, rests = wanted.fork()
        start = len(segments)
        segments.append(Segment(words, trunk, blind_to=listed))
        ends = []
        for rest in rests:
            ends.append(len(segments) if rest else start)
            segments += [Segment(rest, start)] if rest else []
        written.append(tuple(ends))
    return Order(segments, nodes, tuple(written))
