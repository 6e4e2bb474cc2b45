"""Pens: where in the token tree something is being written, and how several write side by side.

A writing is a generator: each step it yields what its pens want fed, and goes on when their logits
are those behind it. Writings that do not depend on each other go `together`: one pass feeds what
all of them want. A pass of few tokens costs what reading the weights once costs, so for up to five
it is as quick as for one (2B model, int4). Knows the token tree, not what is written.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from edge.vlm.runner import Floats, Runner
from edge.vlm.tree import Branch, Segment, TokenTree

T = TypeVar("T")


@dataclass
class Pen:
    """Writes on one branch of the tree: holds the logits for the next token.

    `num_written` counts the tokens chosen by the model, forced ones not included.
    """

    tree: TokenTree
    runner: Runner
    branch: Branch
    logits: Floats = field(repr=False)  # (V,)
    num_written: int = 0
    fed: list[int] = field(default_factory=list)  # since the pen was made

    def feed(self, ids: Sequence[int], beside: Sequence[Stroke] = ()) -> None:
        """Append tokens, whoever chose them, in one pass; `beside` are those of other pens of the
        same tree, in the same pass.
        """
        strokes = [(self, ids), *beside]
        grown = self.tree.grow([Segment(tuple(some), pen.branch) for pen, some in strokes])
        logits = self.runner.logits(np.stack([end.hidden[-1] for end in grown]))
        for (pen, some), end, row in zip(strokes, grown, logits, strict=True):
            pen.branch, pen.logits = end.branch, row
            pen.fed += some

    def back(self, num_tokens: int) -> None:
        """Take back the last tokens; the logits are those of before until the next `feed`.

        Only tokens of text that were fed to this pen or the end of its branch.
        """
        rows, position = self.branch.rows, self.branch.position
        del self.fed[max(0, len(self.fed) - num_tokens) :]
        self.branch = Branch(rows[: len(rows) - num_tokens], position - num_tokens)


Stroke = tuple[Pen, Sequence[int]]  # a pen, and the tokens it wants fed, at least one
Writing = Generator[Sequence[Stroke], None, T]  # what it returns is what was written


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
            (pen, ids), *beside = next(writing)
        except StopIteration as end:
            written: T = end.value
            return written
        pen.feed(ids, beside)
