"""Pens: where in the token tree something is being written, and how several write side by side.

A writing is a generator: each step it yields what its pens want fed, and goes on when their logits
are those behind it. Writings that do not depend on each other go `together`: one pass feeds what
all of them want. A pass of few tokens costs little more than reading the weights once, as one
token does (2B model, int4), so what likely comes next may go along on a guess. Knows the token
tree, not what is written.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

import numpy as np

from edge.vlm.runner import Floats, Runner
from edge.vlm.tree import Branch, Grown, Segment, TokenTree

T = TypeVar("T")


class End(NamedTuple):
    """The end of a branch, and the logits for the token behind it, (V,)."""

    branch: Branch
    logits: Floats


@dataclass
class Pen:
    """Writes on one branch of the tree: holds the logits for the next token.

    `num_written` counts the tokens chosen by the model, forced ones not included; `ahead` are the
    tokens that were fed behind the branch on a guess, with the end that each makes.
    """

    tree: TokenTree
    runner: Runner
    branch: Branch
    logits: Floats = field(repr=False)  # (V,)
    num_written: int = 0
    fed: list[int] = field(default_factory=list)  # since the pen was made
    ahead: list[tuple[int, End]] = field(default_factory=list, repr=False)

    def feed(
        self, ids: Sequence[int], beside: Sequence[Stroke] = (), guess: Sequence[int] = ()
    ) -> None:
        """Append tokens, whoever chose them, in one pass; `beside` are those of other pens of the
        same tree, in the same pass. `guess` goes along: see `follow`.
        """
        strokes = [Stroke(self, ids, guess), *beside]
        grown = self.tree.grow([Segment((*s.ids, *s.guess), s.pen.branch) for s in strokes])
        ends = read_ends(self.runner, grown, [stroke.guess for stroke in strokes])
        for (pen, some, guessed), (end, *ahead) in zip(strokes, ends, strict=True):
            pen.branch, pen.logits = end
            pen.ahead = list(zip(guessed, ahead, strict=True))
            pen.fed += some

    def follow(self, ids: Sequence[int]) -> int:
        """Append those of `ids` that were guessed, without a pass; how many of them these are.

        Of a guess that is not what follows, nothing is seen.
        """
        num = 0
        for token, (guessed, end) in zip(ids, self.ahead, strict=False):
            if token != guessed:
                break
            self.branch, self.logits = end
            self.fed.append(token)
            num += 1
        self.ahead = self.ahead[num:] if num == len(ids) else []
        return num

    def back(self, num_tokens: int) -> None:
        """Take back the last tokens; the logits are those of before until the next `feed`.

        Only tokens of text that were fed to this pen or the end of its branch.
        """
        del self.fed[max(0, len(self.fed) - num_tokens) :]
        self.branch = _shortened(self.branch, num_tokens)
        self.ahead = []


class Stroke(NamedTuple):
    """A pen, the tokens that it wants fed, at least one, and those to go along on a guess."""

    pen: Pen
    ids: Sequence[int]
    guess: Sequence[int] = ()


Writing = Generator[Sequence[Stroke], None, T]  # what it returns is what was written


def read_ends(
    runner: Runner, grown: Sequence[Grown], guesses: Sequence[Sequence[int]]
) -> list[list[End]]:
    """For each segment, of which the last tokens are a guess: its end before the guess, and that
    behind each token of it. All rows are read together.
    """
    lefts = [range(len(guess), -1, -1) for guess in guesses]
    rows = [
        part.hidden[-1 - left] for part, some in zip(grown, lefts, strict=True) for left in some
    ]
    logits = iter(runner.logits(np.stack(rows)))
    return [
        [End(_shortened(part.branch, left), next(logits)) for left in some]
        for part, some in zip(grown, lefts, strict=True)
    ]


def _shortened(branch: Branch, num_tokens: int) -> Branch:
    """A branch without its last tokens, of text."""
    kept = len(branch.rows) - num_tokens
    return Branch(branch.rows[:kept], branch.position - num_tokens)


def together(writings: Sequence[Writing[T]]) -> Writing[list[T]]:
    """Writings side by side, each with pens of its own, until the last has ended; what they wrote
    is in their order, and is what each would write alone.
    """
    written: dict[int, T] = {}
    while len(written) < len(writings):
        strokes: list[Stroke] = []
        for n, writing in enumerate(writings):
            if n in written:
                continue
            try:
                strokes += next(writing)
            except StopIteration as end:
                written[n] = end.value
        if strokes:
            yield strokes
    return [written[n] for n in range(len(writings))]


def write(writing: Writing[T]) -> T:
    """Write to the end, a pass for each step. Raises AnalysisFailed if the model fails."""
    while True:
        try:
            (pen, ids, guess), *beside = next(writing)
        except StopIteration as end:
            written: T = end.value
            return written
        pen.feed(ids, beside, guess)
