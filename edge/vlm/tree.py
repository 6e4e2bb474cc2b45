"""Text and pictures as a tree in the KV cache: branches share a trunk and do not see each other.

A segment is a run of tokens that continues another one. Several segments go through the model in
one pass: the mask lets each token see its own ancestors only, and positions restart at the parent's
end, so the result equals separate passes. Later passes may continue any branch; what other branches
have put into the cache is hidden from it. Knows nothing of what is asked.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.vlm.runner import Bools, Floats, KvState, Runner
from edge.vlm.tokens import Ids
from edge.vlm.vision import Seen


@dataclass(frozen=True, slots=True)
class Branch:
    """A place in the tree: which rows of the KV cache lead to it, and the next position."""

    rows: NDArray[np.int64]
    position: int


@dataclass(frozen=True, slots=True)
class Segment:
    """Tokens that continue `parent`: a branch of an earlier pass, or the index of an earlier
    segment of the same pass. `pictures` stand where `ids` has runs of the image token, in order.
    `blind_to` are cached rows, as (first, end), that this branch does not see although they are
    among its ancestors; positions are as if it did.
    """

    ids: Ids
    parent: Branch | int
    pictures: tuple[Seen, ...] = ()
    blind_to: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Grown:
    """What a pass added: the hidden state of each of a segment's tokens (n, H), and its end."""

    hidden: Floats
    branch: Branch


ROOT = Branch(np.zeros(0, np.int64), 0)


class TokenTree:
    """The tree of one look, on the runner's KV cache."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._image_token = runner.layout.tokens.image

    def start(self) -> None:
        """Begin with an empty cache."""
        self._runner.clear()

    def grow(self, segments: Sequence[Segment]) -> list[Grown]:
        """Run the segments in one pass; the results are in their order.

        Raises AnalysisFailed; the tree is then unusable until the next `start`.
        """
        places = self._place(segments)
        total = sum(len(segment.ids) for segment in segments)
        mask = np.zeros((total, self._runner.length + total), np.bool_)
        at = 0
        for place, segment in zip(places, segments, strict=True):
            num = len(segment.ids)
            mask[at : at + num, place.seen] = True
            own = slice(self._runner.length + at, self._runner.length + at + num)
            mask[at : at + num, own] = np.tri(num, dtype=np.bool_)
            at += num
        ids = np.array([i for segment in segments for i in segment.ids], np.int64)
        embeddings, visual, deepstack = self._embed(ids, segments)
        positions = np.concatenate([place.positions for place in places], axis=1)
        hidden = self._runner.forward(embeddings, positions, mask, deepstack, visual)
        parts = np.split(hidden, np.cumsum([len(segment.ids) for segment in segments])[:-1])
        return [Grown(part, place.end) for part, place in zip(parts, places, strict=True)]

    def _place(self, segments: Sequence[Segment]) -> list[_Place]:
        places: list[_Place] = []
        at = self._runner.length
        for segment in segments:
            parent = segment.parent
            origin = places[parent].end if isinstance(parent, int) else parent
            positions, following = _positions(segment, origin.position, self._image_token)
            first, end = segment.blind_to
            seen = origin.rows[(origin.rows < first) | (origin.rows >= end)]
            rows = np.concatenate([seen, np.arange(at, at + len(segment.ids))])
            places.append(_Place(seen, positions, Branch(rows, following)))
            at += len(segment.ids)
        return places

    def _embed(
        self, ids: NDArray[np.int64], segments: Sequence[Segment]
    ) -> tuple[Floats, Bools | None, Floats | None]:
        embeddings = self._runner.embed(ids)
        pictures = [picture for segment in segments for picture in segment.pictures]
        if not pictures:
            return embeddings, None, None
        visual = ids == self._image_token
        embeddings[visual] = np.concatenate([picture.tokens for picture in pictures])
        deepstack = np.concatenate([picture.deepstack for picture in pictures], axis=1)
        return embeddings, visual, deepstack


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a segment lies: the cached rows it sees, its positions (3, n), its end."""

    seen: NDArray[np.int64]
    positions: NDArray[np.int64]
    end: Branch


def _positions(segment: Segment, start: int, image_token: int) -> tuple[NDArray[np.int64], int]:
    """M-RoPE positions (3, n): text counts on; a picture's tokens share the time, and go down and
    across from there; what follows begins behind the longer side.
    """
    parts: list[NDArray[np.int64]] = []
    pictures = iter(segment.pictures)
    at, done = start, 0
    while done < len(segment.ids):
        if segment.ids[done] == image_token:
            rows, columns = next(pictures).grid
            down, across = np.divmod(np.arange(rows * columns), columns)
            parts.append(at + np.stack([np.zeros_like(down), down, across]))
            at, done = at + max(rows, columns), done + rows * columns
            continue
        end = done
        while end < len(segment.ids) and segment.ids[end] != image_token:
            end += 1
        parts.append(np.tile(np.arange(at, at + end - done), (3, 1)))
        at, done = at + end - done, end
    return np.concatenate(parts, axis=1), at


class PrefixCache:
    """The KV of prefixes seen lately, so that a camera's question list is computed once.

    Bounded by number and by bytes; the one unused longest goes first. A snapshot is in f32,
    229 kB a token for the 2B model.
    """

    def __init__(self, runner: Runner, max_prefixes: int, max_bytes: int) -> None:
        self._runner = runner
        self._max_prefixes, self._max_bytes = max_prefixes, max_bytes
        self._kept: OrderedDict[Ids, tuple[KvState, Branch, int]] = OrderedDict()

    def start(self, tree: TokenTree, ids: Ids) -> Branch:
        """Begin a look: the cache then holds exactly the prefix, whose end is returned."""
        tree.start()
        if ids in self._kept:
            self._kept.move_to_end(ids)
            kv, branch, _ = self._kept[ids]
            self._runner.restore(kv, len(ids))
            return branch
        branch = tree.grow([Segment(ids, ROOT)])[0].branch
        kv = self._runner.snapshot()
        self._kept[ids] = kv, branch, sum(tensor.byte_size for tensor in kv.values())
        while len(self._kept) > self._max_prefixes or self.num_bytes > self._max_bytes:
            self._kept.popitem(last=False)
        return branch

    @property
    def num_bytes(self) -> int:
        """Memory held by the snapshots."""
        return sum(size for _, _, size in self._kept.values())

    def __len__(self) -> int:
        return len(self._kept)
