"""A conversation as the model reads it: token ids, with pictures where the image tokens are. Pure.

Two conversations are compared token by token, pictures by their pixels, so that what both begin
with need not be computed twice. Knows nothing of the KV cache.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from edge.frames import Image
from edge.geometry import FULL, Box
from edge.vlm.tokens import Ids


@dataclass(frozen=True, slots=True)
class Fed:
    """A picture at the size at which it is fed, (h, w, 3) uint8 RGB. `grid` is (rows, columns) in
    visual tokens; `digest` is equal only for equal pictures of equal size. `box` is the part of the
    person's picture that it shows.
    """

    image: Image = field(repr=False, compare=False)
    grid: tuple[int, int]
    digest: bytes
    box: Box = field(default=FULL, compare=False)

    @property
    def num_tokens(self) -> int:
        """Visual tokens that it takes."""
        return self.grid[0] * self.grid[1]


def feed(image: Image, token_px: int) -> Fed:
    """The picture with its name; sides in whole tokens of `token_px`."""
    grid = image.shape[0] // token_px, image.shape[1] // token_px
    return Fed(np.ascontiguousarray(image), grid, digest_of(image))


def digest_of(image: Image) -> bytes:
    """Equal only for equal pictures of equal size; under a millisecond for 640x352 pixels."""
    pixels = np.ascontiguousarray(image)
    return hashlib.blake2b(repr(image.shape).encode() + pixels.tobytes(), digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class Transcript:
    """Token ids, and the pictures with the place of their first token, in order."""

    ids: Ids = ()
    pictures: tuple[tuple[int, Fed], ...] = ()

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def num_bytes(self) -> int:
        """Memory held by the pictures' pixels."""
        return sum(fed.image.nbytes for _, fed in self.pictures)

    def plus(self, ids: Sequence[int]) -> Transcript:
        """With more text."""
        return replace(self, ids=self.ids + tuple(ids))

    def plus_picture(self, lead: Ids, fed: Fed, image_token: int, end: Ids) -> Transcript:
        """With another picture between its markers."""
        at = len(self.ids) + len(lead)
        ids = self.ids + lead + (image_token,) * fed.num_tokens + end
        return Transcript(ids, (*self.pictures, (at, fed)))

    def without(self, first: int, end: int) -> Transcript:
        """With the tokens first..end-1 left out; no picture may lie across a border."""
        kept = [
            (at if at < first else at - (end - first), fed)
            for at, fed in self.pictures
            if not first <= at < end
        ]
        return Transcript(self.ids[:first] + self.ids[end:], tuple(kept))

    def pictures_from(self, first: int) -> tuple[Fed, ...]:
        """The pictures from token `first` on."""
        return tuple(fed for at, fed in self.pictures if at >= first)

    def num_shared(self, other: Transcript) -> int:
        """With how many tokens both begin; never ends amid a picture."""
        num = min(len(self.ids), len(other.ids))
        differing = np.flatnonzero(np.array(self.ids[:num]) != np.array(other.ids[:num]))
        if len(differing):
            num = int(differing[0])
        theirs = dict(other.pictures)
        for at, fed in self.pictures:
            if at >= num:
                break
            match = theirs.get(at)
            if match is None or match.digest != fed.digest or at + fed.num_tokens > num:
                return at
        return num

    def position(self, num: int) -> int:
        """The M-RoPE position behind the first `num` tokens: a picture counts with its longer side
        only.
        """
        inside = [fed for at, fed in self.pictures if at < num]
        return num - sum(fed.num_tokens - max(fed.grid) for fed in inside)
