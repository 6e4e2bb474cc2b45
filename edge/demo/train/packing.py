"""What is asked about a batch of pictures, laid out in tokens exactly as the engine lays it out.

    prefix (system text, list of typed questions, mark of the picture's start)
      └─ picture(s)
           ├─ turn markers ─┬─ stub 1, stub 2 ...; where options share tokens, the ways on
           └─ texts, each: its words, turn markers, the answer, perhaps further turns

Words and tokens come from the engine's own modules; a test holds ids, positions and mask to what
the engine feeds. Knows nothing of torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.demo.train.tail import Cue, Span, Tail, Text, moved
from edge.questions import Question
from edge.vlm.prompt import ChatFormat, build_prefix, build_turn, one_line, timestamp
from edge.vlm.tokens import Ids, TokenCoder
from edge.vlm.typed import TypedPlan, plan_typed


@dataclass(frozen=True, slots=True)
class Grammar:
    """What layouts are made with: the tokenizer, the chat format and the ids that steer."""

    coder: TokenCoder
    chat: ChatFormat
    image: int
    vision_start: int
    vision_end: int
    eos: frozenset[int]


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture as the prompt holds it: rows and columns of tokens; of a pair, its time."""

    grid: tuple[int, int]
    at_s: float | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """Where a typed question stands: spans of its number and of its words in the prefix, and the
    places of its stub in the tail. `spelled` are the words, token by token.
    """

    number: Span
    words: Span
    stub: tuple[int, ...]
    spelled: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Packed:
    """A batch of B pictures. `prefix` (P,) is seen by all; behind it stand S tokens.

    `tail` (B, S) ids, `positions` (3, P + S), `seen` (S, P + S) bool, `pictures_at` (N,) the
    tail's places of visual tokens. `rows`: where typed answers are read, as (place in the tail,
    number of the plan, of its fork). `targets` (B, S) the texts' next tokens or NO_TARGET.
    `listed` says where each plan's question stands, `cues` (for each picture) where texts answer.
    """

    prefix: NDArray[np.int64]
    tail: NDArray[np.int64]
    positions: NDArray[np.int64]
    seen: NDArray[np.bool_]
    pictures_at: NDArray[np.int64]
    plans: tuple[TypedPlan, ...]
    rows: tuple[tuple[int, int, int], ...]
    targets: NDArray[np.int64]
    listed: tuple[Listed, ...]
    cues: tuple[tuple[Cue, ...], ...]


def pack(
    grammar: Grammar,
    shown: Sequence[Shown],
    questions: Sequence[Question],
    texts: Sequence[Sequence[Text]],
) -> Packed:
    """Lay out typed questions, the same for all pictures, and text branches: for each branch one
    text for each of the B pictures; without branches, B is 1.
    """
    coder = grammar.coder
    plans = tuple(plan_typed(coder, grammar.eos, n, q) for n, q in enumerate(questions, start=1))
    plain = build_prefix(grammar.chat, coder, ())
    listed = build_prefix(grammar.chat, coder, questions)
    prefix = listed + _lead(grammar, shown[0])
    tree = Tail(len(prefix), (len(plain), len(listed)), max((len(b) for b in texts), default=1))
    picture, pictures_at = _picture(grammar, shown)
    trunk = tree.add(picture, None, _picture_positions(picture, shown, grammar.image, len(prefix)))
    nodes: dict[Ids, int] = {}
    if plans:
        nodes[()] = tree.add(build_turn(grammar.chat, coder), trunk)
    for path in _paths(plans):
        nodes[path] = tree.add(path[-1:], nodes[path[:-1]])
    rows = tuple(
        (tree.ends[nodes[plan.stub + fork.path]], number, index)
        for number, plan in enumerate(plans)
        for index, fork in enumerate(plan.forks)
    )
    lines = find_lines(coder, listed[len(plain) :], questions)
    stubs = (
        tuple(tree.ends[nodes[plan.stub[:end]]] for end in range(1, len(plan.stub) + 1))
        for plan in plans
    )
    for branch in texts:
        tree.add_texts(branch, trunk)
    before = np.tile(np.arange(len(prefix)), (3, 1))
    return Packed(
        prefix=np.array(prefix, np.int64),
        tail=np.stack([np.concatenate(column) for column in tree.ids]),
        positions=np.concatenate([before, *tree.positions], axis=1),
        seen=tree.mask(),
        pictures_at=pictures_at,
        plans=plans,
        rows=rows,
        targets=np.stack([np.concatenate(column) for column in tree.targets]),
        listed=tuple(
            Listed(
                moved(number, len(plain)),
                moved(words, len(plain)),
                stub,
                spell(coder, listed[len(plain) :][slice(*words)]),
            )
            for (number, words), stub in zip(lines, stubs, strict=True)
        ),
        cues=tuple(map(tuple, tree.cues)),
    )


def find_lines(
    coder: TokenCoder, ids: Ids, questions: Sequence[Question]
) -> list[tuple[Span, Span]]:
    """Where in the tokens of a list each question's number and its words stand, without the point
    behind the one and the allowed answers behind the others.
    """
    sizes = [coder.bytes_of(token) for token in ids]
    ends = np.cumsum([len(part) for part in sizes])
    whole = b"".join(sizes)
    found = []
    at = 0
    for number, question in enumerate(questions, start=1):
        at = whole.index(b"\n%d. " % number, at) + 1
        words = at + len(b"%d. " % number) - 1  # a word's token begins with its space
        end = words + 1 + len(one_line(question.text).encode())
        bounds = np.searchsorted(ends, [at, at + len(str(number)), words, end], side="right")
        first, after, begin, stop = (int(bound) for bound in bounds)
        found.append(((first, after), (begin, stop)))
    return found


def spell(coder: TokenCoder, ids: Ids) -> tuple[str, ...]:
    """The text of each token."""
    return tuple(coder.decode([token]) for token in ids)


def _lead(grammar: Grammar, step: Shown) -> Ids:
    """What stands before a picture's tokens."""
    time_ids = () if step.at_s is None else timestamp(grammar.coder, step.at_s)
    return (*time_ids, grammar.vision_start)


def _picture(grammar: Grammar, shown: Sequence[Shown]) -> tuple[Ids, NDArray[np.int64]]:
    """The tokens of what is shown, without the first lead, and the places of visual ones."""
    ids: Ids = ()
    for index, step in enumerate(shown):
        ids += _lead(grammar, step) if index else ()
        ids += (*(grammar.image,) * (step.grid[0] * step.grid[1]), grammar.vision_end)
    return ids, np.flatnonzero(np.array(ids) == grammar.image)


def _picture_positions(
    ids: Ids, shown: Sequence[Shown], image: int, start: int
) -> NDArray[np.int64]:
    """M-RoPE positions (3, n): a picture's tokens share the time and go down and across from
    there; what follows begins behind the longer side.
    """
    parts: list[NDArray[np.int64]] = []
    grids = iter(step.grid for step in shown)
    at, done = start, 0
    while done < len(ids):
        if ids[done] == image:
            rows, columns = next(grids)
            down, across = np.divmod(np.arange(rows * columns), columns)
            parts.append(at + np.stack([np.zeros_like(down), down, across]))
            at, done = at + max(rows, columns), done + rows * columns
        else:
            parts.append(np.full((3, 1), at))
            at, done = at + 1, done + 1
    return np.concatenate(parts, axis=1)


def _paths(plans: Sequence[TypedPlan]) -> list[Ids]:
    """The ways from the model's turn to each token at which an answer is read, shorter first."""
    return list(
        {
            path[:end]: None
            for path in (plan.stub + fork.path for plan in plans for fork in plan.forks)
            for end in range(1, len(path) + 1)
        }
    )
