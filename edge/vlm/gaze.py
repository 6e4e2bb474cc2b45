"""Where an answer looked: the model's own attention from the token at which it is read.

That token goes through the model once more, alone, behind the same cached rows: so the passes that
answer know nothing of this, and any branch of the tree can be asked about afterwards. Used by
`look` and `talk` when a heatmap is wanted; it then costs two small passes for each question, one of
one token and one of the words around a question without the question.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.vlm.runner import Floats, Runner
from edge.vlm.tokens import Ids
from edge.vlm.tree import Branch, Segment, TokenTree

# Stands in for a text question where nothing in particular is to be asked for.
NEUTRAL_WORDING = "Write a general description of the picture."

Shares = NDArray[np.float64]  # (N,): what part of all attention each of N visual tokens got


@dataclass(frozen=True, slots=True)
class Gaze:
    """What one answer looked at: `cells` (rows, columns) f32 with the sum 1, and the share of all
    attention that went to the picture.
    """

    cells: Floats
    picture_frac: float


class Gazer:
    """Follows attention to pictures that lie in the KV cache.

    `pictures` are the rows of each one's visual tokens there. Valid until the tree starts anew;
    raises AnalysisFailed where a pass fails.
    """

    def __init__(
        self, tree: TokenTree, runner: Runner, pictures: Sequence[NDArray[np.int64]]
    ) -> None:
        self._tree, self._runner, self._pictures = tree, runner, pictures

    def behind(self, trunk: Branch, words: Ids, blind_to: tuple[int, int] = (0, 0)) -> list[Shares]:
        """Attention from the last of some other words behind `trunk`, which ends with the picture;
        they do not see the cached rows `blind_to` (first, end).
        """
        grown = self._tree.grow([Segment(words, trunk, blind_to=blind_to)])
        return self._shares(grown[0].branch)

    def last(self, end: Branch, token: int) -> list[Shares]:
        """Attention from the last token of the branch `end`; `token` is its id, no picture's."""
        before = Branch(end.rows[:-1], end.position - 1)
        return self._shares(self._tree.grow([Segment((token,), before)])[0].branch)

    def _shares(self, end: Branch) -> list[Shares]:
        """Of the token that the last pass ended with: mean over heads and layers, by picture.

        Attention is averaged as it is, not scaled head by head, so that heads which hardly look at
        the picture hardly count.
        """
        layers = [
            attention_shares(queries, keys[:, end.rows]).mean(axis=0)
            for queries, keys in self._runner.last_queries_and_keys()
        ]
        shares: Shares = np.mean(layers, axis=0)
        return [shares[np.searchsorted(end.rows, rows)] for rows in self._pictures]


def attention_shares(queries: Floats, keys: Floats) -> NDArray[np.float64]:
    """softmax(q k / sqrt(d)) of one token: queries (heads, d), keys (KV heads, T, d) -> (heads, T).

    Grouped queries: neighbouring heads share the keys of one KV head.
    """
    kv_heads, _, width = keys.shape
    grouped = queries.reshape(kv_heads, -1, width).astype(np.float64)
    scores = grouped @ keys.transpose(0, 2, 1) / np.sqrt(width)  # (KV heads, group, T)
    scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
    shares: NDArray[np.float64] = scores / scores.sum(axis=-1, keepdims=True)
    return shares.reshape(len(queries), -1)


def contrast(asked: Shares, neutral: Shares, grid: tuple[int, int]) -> Gaze:
    """The map of a question: what it made the model look at more than it does anyway.

    Some visual tokens draw attention whatever is asked: sinks, mostly background (Kang et al.,
    arXiv 2503.03321). So, as Zhang et al. do (arXiv 2502.17422), a cell's share is set against its
    share without the question: the growth relative to that share, 0 where there is none. Without
    the question are the same words around it: the token that looks decides much of the pattern
    (correlation with its own map on two untrained models: 0.98 to 0.99; with that of a general
    request, which ends with another token, 0.48 to 0.88). Half an even share is added to the
    divisor, so that cells at which nobody looks do not become bright by dividing two nothings. An
    even map where the question changed nothing at all.
    """
    plain, usual = asked / asked.sum(), neutral / neutral.sum()
    growth = np.maximum(plain - usual, 0) / (usual + 0.5 / len(usual))
    if not growth.any():
        growth = np.ones(len(usual))
    cells: Floats = (growth / growth.sum()).astype(np.float32)
    return Gaze(cells.reshape(grid), float(asked.sum()))
