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

from edge.questions import Question
from edge.vlm.prompt import ChatFormat, build_prefix, build_turn, timestamp
from edge.vlm.tokens import Ids, TokenCoder
from edge.vlm.typed import TypedPlan, plan_typed

NO_TARGET = -1


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
class Text:
    """A branch behind the picture: `targets[i]` is what must follow `ids[i]`, or NO_TARGET."""

    ids: Ids
    targets: Ids


@dataclass(frozen=True, slots=True)
class Packed:
    """A batch of B pictures. `prefix` (P,) is seen by all; behind it stand S tokens.

    `tail` (B, S) ids, `positions` (3, P + S), `seen` (S, P + S) bool, `pictures_at` (N,) the
    tail's places of visual tokens. `rows`: where typed answers are read, as (place in the tail,
    number of the plan, of its fork). `targets` (B, S) the texts' next tokens or NO_TARGET.
    """

    prefix: NDArray[np.int64]
    tail: NDArray[np.int64]
    positions: NDArray[np.int64]
    seen: NDArray[np.bool_]
    pictures_at: NDArray[np.int64]
    plans: tuple[TypedPlan, ...]
    rows: tuple[tuple[int, int, int], ...]
    targets: NDArray[np.int64]


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
    tree = _Tree(len(prefix), (len(plain), len(listed)), max((len(b) for b in texts), default=1))
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
    )


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


class _Tree:
    """Segments behind a prefix of `num_prefix` tokens, for `num` pictures at once. `listed` are
    the prefix's rows that texts do not see.
    """

    def __init__(self, num_prefix: int, listed: tuple[int, int], num: int) -> None:
        self._num_prefix, self._listed, self._num = num_prefix, listed, num
        self._seen: list[NDArray[np.bool_]] = []  # by segment: what its first token's parent sees
        self._sizes: list[int] = []
        self._next: list[int] = []  # by segment: the position that follows it
        self.ids: list[list[NDArray[np.int64]]] = [[] for _ in range(num)]
        self.targets: list[list[NDArray[np.int64]]] = [[] for _ in range(num)]
        self.positions: list[NDArray[np.int64]] = []
        self.ends: list[int] = []  # by segment: its last token's place in the tail

    def add(self, ids: Ids, parent: int | None, positions: NDArray[np.int64] | None = None) -> int:
        """Append a segment that is the same for all pictures; gives its number."""
        row = np.array(ids, np.int64)
        none = np.full(len(ids), NO_TARGET, np.int64)
        return self._append([row] * self._num, [none] * self._num, parent, positions)

    def add_texts(self, texts: Sequence[Text], parent: int) -> int:
        """Append a branch that differs between pictures; shorter ones are filled up."""
        longest = max(len(text.ids) for text in texts)
        ids = np.zeros((self._num, longest), np.int64)
        targets = np.full((self._num, longest), NO_TARGET, np.int64)
        for i, text in enumerate(texts):
            ids[i, : len(text.ids)] = text.ids
            targets[i, : len(text.targets)] = text.targets
        return self._append(list(ids), list(targets), parent, None, blind=True)

    def mask(self) -> NDArray[np.bool_]:
        """(S, P + S): true where a token sees another."""
        total = sum(self._sizes)
        mask = np.zeros((total, self._num_prefix + total), np.bool_)
        at = 0
        for seen, size in zip(self._seen, self._sizes, strict=True):
            mask[at : at + size, : len(seen)] = seen
            own = self._num_prefix + at
            mask[at : at + size, own : own + size] = np.tri(size, dtype=np.bool_)
            at += size
        return mask

    def _append(
        self,
        ids: list[NDArray[np.int64]],
        targets: list[NDArray[np.int64]],
        parent: int | None,
        positions: NDArray[np.int64] | None,
        *,
        blind: bool = False,
    ) -> int:
        size = len(ids[0])
        start = sum(self._sizes)
        seen = np.zeros(self._num_prefix + start, np.bool_)
        at = self._num_prefix
        if parent is None:
            seen[:at] = True
        else:
            inherited = self._seen[parent]
            seen[: len(inherited)] = inherited
            end = self._num_prefix + self.ends[parent] + 1
            seen[end - self._sizes[parent] : end] = True
            at = self._next[parent]
        if blind:
            seen[self._listed[0] : self._listed[1]] = False
        if positions is None:
            positions = np.tile(np.arange(at, at + size), (3, 1))
        for column, row in zip(self.ids, ids, strict=True):
            column.append(row)
        for column, row in zip(self.targets, targets, strict=True):
            column.append(row)
        self._seen.append(seen)
        self._sizes.append(size)
        self._next.append(int(positions.max()) + 1 if size else at)
        self.positions.append(positions)
        self.ends.append(start + size - 1)
        return len(self._sizes) - 1
