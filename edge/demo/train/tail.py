"""What stands behind the prefix, for all pictures of a batch: segments that see their ancestors.

Knows which token sees which and at which position it stands; nothing of what the tokens mean. Built
by `packing`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge.vlm.tokens import Ids

NO_TARGET = -1

Span = tuple[int, int]  # from, to (exclusive)


@dataclass(frozen=True, slots=True)
class Cue:
    """A token at which something is to be said, the span of the words that asked for it, and by
    which channels of the labels it is shown, or by which printed character besides. Indices into a
    text's ids, or into a tail. `spelled` are the words, token by token.
    """

    row: int
    words: Span
    spelled: tuple[str, ...]
    shown_by: tuple[str, ...]
    character: str = ""

    def moved(self, by: int) -> Cue:
        """The same further down."""
        return replace(self, row=self.row + by, words=moved(self.words, by))


@dataclass(frozen=True, slots=True)
class Text:
    """A branch behind the picture: `targets[i]` is what must follow `ids[i]`, or NO_TARGET."""

    ids: Ids
    targets: Ids
    cues: tuple[Cue, ...] = ()


def moved(span: Span, by: int) -> Span:
    """The same span further down."""
    return span[0] + by, span[1] + by


class Tail:
    """Segments behind a prefix of `num_prefix` tokens, for `num` pictures at once. `listed` are
    the prefix's rows that texts do not see.
    """

    def __init__(self, num_prefix: int, listed: tuple[int, int], num: int) -> None:
        self._num_prefix, self._listed, self.num = num_prefix, listed, num
        self._seen: list[NDArray[np.bool_]] = []  # by segment: what its first token's parent sees
        self._sizes: list[int] = []
        self._next: list[int] = []  # by segment: the position that follows it
        self.ids: list[list[NDArray[np.int64]]] = [[] for _ in range(num)]
        self.targets: list[list[NDArray[np.int64]]] = [[] for _ in range(num)]
        self.positions: list[NDArray[np.int64]] = []
        self.ends: list[int] = []  # by segment: its last token's place in the tail
        self.cues: list[list[Cue]] = [[] for _ in range(num)]  # by picture, of its texts

    def add(self, ids: Ids, parent: int | None, positions: NDArray[np.int64] | None = None) -> int:
        """Append a segment that is the same for all pictures; gives its number."""
        row = np.array(ids, np.int64)
        none = np.full(len(ids), NO_TARGET, np.int64)
        return self._append([row] * self.num, [none] * self.num, parent, positions)

    def add_texts(self, texts: Sequence[Text], parent: int) -> int:
        """Append a branch that differs between pictures; shorter ones are filled up."""
        longest = max(len(text.ids) for text in texts)
        ids = np.zeros((self.num, longest), np.int64)
        targets = np.full((self.num, longest), NO_TARGET, np.int64)
        start = sum(self._sizes)
        for i, text in enumerate(texts):
            self.cues[i] += [cue.moved(start) for cue in text.cues]
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
