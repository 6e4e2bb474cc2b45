"""Where the language model is told to look while it answers.

An answer needs a chain: the number at the answer finds the question of that number, the question's
word finds the tokens that show the thing. Left alone the chain takes thousands of steps to form,
for no link is of use before the others; told link by link, it takes a few hundred. One or two
heads of some layers are told, all others are free:

    layer 0     a question's words look at its number, and so does the last token of a stub
    layer 1     where an answer begins, at the words of its question that say what it is about
    layers 2, 3 there too, at the visual tokens that show what is asked; at the mark of the
                picture's end where none does, so that "no" is as easy to say as "yes"

The loss is -log of the share of attention that falls where it should. Called by `speaking`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edge.demo.train.labels import ALPHABET, CHANNELS
from edge.demo.train.model import Watch
from edge.demo.train.packing import Packed
from edge.demo.train.teaching import Target
from edge.demo.train.wordings import ABOUT

NUMBER, WORDS, THINGS = 0, 1, (2, 3)  # layers
HEADS = (0, 3)  # the first of each group that shares keys
SHOWN = 0.3  # of a channel: so much of a thing in a token that it is worth a look
NOT_SHOWN = 0.12  # in no token more: the thing is not there
_NOWHERE = -1e4

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Pointers:
    """Which tokens should look where. `words` (W,) are places in the prefix and `numbers` (W, P)
    where these look; `rows` (B, R) are places in the tail, and `own`, `asked`, `things` (B, R, T)
    where these look in the layers above, `nothing` where there is no thing; rows without any are
    not told.
    """

    words: Tensor
    numbers: Tensor
    rows: Tensor
    own: Tensor
    asked: Tensor
    things: Tensor
    nothing: Tensor

    def watch_prefix(self) -> Watch:
        """What to watch while the prefix is read."""
        return Watch(self.words[None], (NUMBER,))

    def watch_tail(self) -> Watch:
        """What to watch while the tail is read."""
        return Watch(self.rows, (NUMBER, WORDS, *THINGS))


def build_pointers(
    packed: Packed, shown_by: tuple[tuple[str, ...], ...], answered: Flags, target: Target
) -> Pointers | None:
    """For a batch of B pictures; None where nothing is to be told.

    `shown_by` are the channels of each plan, `answered` (B, plans) whether there is an answer,
    `target` the labels of the visual tokens.
    """
    batch = len(target.tokens)
    cues = packed.cues if len(packed.cues) == batch else ((),) * batch
    num_rows = len(packed.listed) + max(map(len, cues))
    if not num_rows:
        return None
    num_prefix = len(packed.prefix)
    total = num_prefix + packed.tail.shape[1]
    rows = np.zeros((batch, num_rows), np.int64)
    own, asked, things, nothing = (np.zeros((batch, num_rows, total), np.bool_) for _ in range(4))
    labels, letters = target.tokens.numpy(), target.letters.numpy()
    visual = num_prefix + packed.pictures_at
    end = visual[-1] + 1
    for index, listed in enumerate(packed.listed):
        rows[:, index] = listed.stub[-1]
        num_digits = listed.number[1] - listed.number[0]
        own[:, index, [num_prefix + place for place in listed.stub[:num_digits]]] = True
        asked[:, index, slice(*listed.words)] = _about(listed.spelled, shown_by[index])
        shown, none = _places_of(labels, shown_by[index])
        things[:, index, visual] = shown & answered[:, index, None]
        nothing[:, index, end] = none & answered[:, index]
    for picture, found in enumerate(cues):
        for index, cue in enumerate(found, start=len(packed.listed)):
            rows[picture, index] = cue.row
            at = num_prefix + np.arange(*cue.words)
            asked[picture, index, at] = _about(cue.spelled, cue.shown_by)
            shown, none = _places_of(labels[picture], cue.shown_by)
            if cue.character:
                shown &= (letters[picture] == 1 + ALPHABET.find(cue.character)).any(axis=-1)
            things[picture, index, visual] = shown
            nothing[picture, index, end] = none
    spans = [listed.words for listed in packed.listed]
    words = np.concatenate([np.arange(*span) for span in spans] or [np.zeros(0, np.int64)])
    numbers = np.zeros((len(words), num_prefix), np.bool_)
    row = 0
    for listed in packed.listed:
        size = listed.words[1] - listed.words[0]
        numbers[row : row + size, slice(*listed.number)] = True
        row += size
    return Pointers(*map(torch.from_numpy, (words, numbers, rows, own, asked, things, nothing)))


def point(pointers: Pointers, prefix: Watch, tail: Watch) -> Tensor:
    """The loss of all that was watched."""
    losses = [
        _missed(tail.seen[NUMBER], pointers.own, HEADS[:1]),
        _missed(tail.seen[WORDS], pointers.asked, HEADS),
        *(_missed(tail.seen[layer], pointers.things, HEADS) for layer in THINGS),
        *(_missed(tail.seen[layer], pointers.nothing, HEADS) for layer in THINGS),
    ]
    if len(pointers.words):
        losses.append(_missed(prefix.seen[NUMBER], pointers.numbers[None], HEADS[:1]))
    return torch.stack(losses).sum()


def _missed(shares: Tensor, allowed: Tensor, heads: tuple[int, ...]) -> Tensor:
    """-log of the share that falls on what is allowed, (B, heads, R, T) and (B, R, T)."""
    told = allowed.any(-1)
    falls = shares[:, list(heads)].masked_fill(~allowed[:, None], _NOWHERE).logsumexp(-1)
    weights = told[:, None].expand_as(falls).float()
    return -(falls * weights).sum() / weights.sum().clamp(min=1)


def _about(spelled: tuple[str, ...], shown_by: tuple[str, ...]) -> Flags:
    """Which of a question's tokens say what it is about; all where none is known to."""
    known: set[str] = set().union(*(ABOUT[name.split()[0]] for name in shown_by))
    found = np.array([token.strip().lower() in known for token in spelled], np.bool_)
    return found if found.any() else ~found


def _places_of(labels: NDArray[np.float32], names: tuple[str, ...]) -> tuple[Flags, Flags]:
    """Which visual tokens show any of the channels, and whether certainly none does:
    (..., N, channels) to (..., N) and (...). Without channels neither.
    """
    most = labels[..., [CHANNELS.index(name) for name in names]].max(axis=-1, initial=0)
    none = (most < NOT_SHOWN).all(axis=-1) & bool(names)
    return most > SHOWN, none
