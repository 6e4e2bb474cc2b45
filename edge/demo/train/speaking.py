"""How the language model is taught: right answers to packed questions, right words in texts.

Typed answers are learned as the engine reads them, between a question's options alone, and a
little among all tokens. Knows layouts only as `asking` gives them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own habit
from numpy.typing import NDArray
from torch import Tensor

from edge.demo.train.asking import Lesson
from edge.demo.train.model import read
from edge.demo.train.packing import Packed
from edge.demo.train.pointing import Pointers, build_pointers, point
from edge.demo.train.tail import NO_TARGET
from edge.demo.train.teaching import Target
from edge.vlm.typed import score

ANY_WEIGHT = 0.1  # of the typed answer among all tokens
TEXT_WEIGHT = 0.7
POINT_WEIGHT = 0.6
ALONE_WEIGHT = 0.2  # of a question to which all pictures of a batch have the same answer


@dataclass(frozen=True, slots=True)
class Heard:
    """What the language model makes of a lesson: hidden states of the tail, (B, S, H), and how far
    it looked where it was told, a loss, if it was told.
    """

    hidden: Tensor
    packed: Packed
    missed: Tensor | None = None


def hear(
    language: Any,
    packed: Packed,
    tokens: Tensor,
    deepstack: Sequence[Tensor] = (),
    pointers: Pointers | None = None,
) -> Heard:
    """Run the prefix once and the tails of all pictures behind it. `tokens` (B, N, H) are the
    visual tokens in the tail's order.
    """
    watch = None if pointers is None else (pointers.watch_prefix(), pointers.watch_tail())
    table = language.embed_tokens.weight
    num_prefix, batch = len(packed.prefix), tokens.shape[0]
    prefix = F.embedding(torch.from_numpy(packed.prefix), table)[None]
    causal = torch.ones(num_prefix, num_prefix, dtype=torch.bool).tril()
    before = packed.positions[:, :num_prefix]
    _, past = read(language, prefix, before, causal, watch=watch[0] if watch else None)
    tail = torch.from_numpy(packed.tail).expand(batch, -1)
    at = torch.from_numpy(packed.pictures_at)
    embedded = F.embedding(tail, table).index_copy(1, at, tokens.to(table.dtype))
    positions = packed.positions[:, num_prefix:]
    seen = torch.from_numpy(packed.seen)
    tail_watch = watch[1] if watch else None
    hidden, _ = read(language, embedded, positions, seen, past, deepstack, at, tail_watch)
    missed = None if pointers is None or watch is None else point(pointers, *watch)
    return Heard(hidden, packed, missed)


def pointers_of(lesson: Lesson, target: Target) -> Pointers | None:
    """Where to look in a lesson about pictures with these labels."""
    shown_by = tuple(ask.shown_by for ask in lesson.asks)
    return build_pointers(lesson.packed, shown_by, lesson.options >= 0, target)


def speak(language: Any, heard: Heard, lesson: Lesson, *, even: bool = False) -> dict[str, Tensor]:
    """The losses of a lesson. With `even` each answer to a typed question counts the same in a
    batch, however rare it is: quicker to learn from, but the probabilities come out wrong.
    """
    table = language.embed_tokens.weight
    packed = heard.packed
    losses: dict[str, Tensor] = {}
    if heard.missed is not None:
        losses["point"] = POINT_WEIGHT * heard.missed
    if packed.rows and (lesson.groups != NO_TARGET).any():
        logits = row_logits(table, heard)
        columns, there = fork_columns(packed)
        by_group = group_scores(logits, columns, there)
        wanted = torch.from_numpy(lesson.groups).reshape(-1)
        surprise = F.cross_entropy(
            by_group.flatten(0, 1), wanted, ignore_index=NO_TARGET, reduction="none"
        )
        weights = torch.from_numpy(answer_weights(lesson.groups, even=even)).reshape(-1)
        losses["typed"] = (surprise * weights).sum() / weights.sum()
        leads = torch.from_numpy(columns[..., 0])  # (R, G)
        lead = leads[None].expand(len(lesson.groups), -1, -1)
        chosen = torch.from_numpy(np.maximum(lesson.groups, 0))
        token = lead.gather(2, chosen[..., None])[..., 0].reshape(-1)
        token = torch.where(wanted == NO_TARGET, NO_TARGET, token)
        among_all = F.cross_entropy(logits.flatten(0, 1), token, ignore_index=NO_TARGET)
        losses["any"] = ANY_WEIGHT * among_all
    targets = torch.from_numpy(packed.targets)
    asked = targets != NO_TARGET
    if asked.any():
        written = (heard.hidden[asked] @ table.T).float()
        losses["text"] = TEXT_WEIGHT * F.cross_entropy(written, targets[asked])
    return losses


def answer_weights(groups: NDArray[np.int64], *, even: bool) -> NDArray[np.float32]:
    """What each answer counts, (B, R): the same, or each of a row's answers as much as the others
    together; a row with one answer alone counts little then.
    """
    weights: NDArray[np.float32] = (groups != NO_TARGET).astype(np.float32)
    if not even:
        return weights
    for row, column in enumerate(groups.T):
        answers, index, counts = np.unique(column, return_inverse=True, return_counts=True)
        num = int((answers != NO_TARGET).sum())
        weights[:, row] *= (1.0 if num > 1 else ALONE_WEIGHT) / counts[index] / max(1, num)
    return weights


def row_logits(table: Tensor, heard: Heard) -> Tensor:
    """Logits of the rows at which typed answers are read, (B, R, V) f32."""
    places = torch.tensor([row[0] for row in heard.packed.rows])
    return (heard.hidden[:, places] @ table.T).float()


def fork_columns(packed: Packed) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Tokens of each row's groups, (R, G, K), and which of these places are real."""
    forks = [packed.plans[plan].forks[fork] for _, plan, fork in packed.rows]
    num_groups = max(len(fork.groups) for fork in forks)
    num_tokens = max(len(group) for fork in forks for group in fork.groups)
    columns = np.zeros((len(forks), num_groups, num_tokens), np.int64)
    there = np.zeros(columns.shape, np.bool_)
    for row, fork in enumerate(forks):
        for index, group in enumerate(fork.groups):
            columns[row, index, : len(group)] = group
            there[row, index, : len(group)] = True
    return columns, there


def group_scores(logits: Tensor, columns: NDArray[np.int64], there: NDArray[np.bool_]) -> Tensor:
    """The joint score of each group, (B, R, G): log of a probability up to a constant."""
    batch, rows, _ = logits.shape
    flat = torch.from_numpy(columns.reshape(1, rows, -1)).expand(batch, -1, -1)
    picked = logits.gather(2, flat).view(batch, *columns.shape)
    picked = picked.masked_fill(torch.from_numpy(~there), -1e4)
    return picked.logsumexp(-1)


@torch.no_grad()  # type: ignore[untyped-decorator] # torch is not read by mypy
def typed_answers(language: Any, heard: Heard) -> list[list[dict[str, float]]]:
    """The probabilities of the options, by picture and question, as the engine scores them."""
    packed = heard.packed
    if not packed.rows:
        return [[] for _ in range(len(heard.hidden))]
    logits = row_logits(language.embed_tokens.weight, heard)
    by_group = group_scores(logits, *fork_columns(packed)).double().numpy()
    found = []
    for picture in by_group:
        read_forks: list[list[NDArray[np.float64]]] = [[] for _ in packed.plans]
        for (_, plan, fork), scores in zip(packed.rows, picture, strict=True):
            read_forks[plan].append(scores[: len(packed.plans[plan].forks[fork].groups)])
        found.append(
            [
                dict(score(plan, read).probabilities)
                for plan, read in zip(packed.plans, read_forks, strict=True)
            ]
        )
    return found


@torch.no_grad()  # type: ignore[untyped-decorator] # torch is not read by mypy
def written_right(language: Any, heard: Heard) -> tuple[float, float]:
    """How many of the texts' tokens are right, given all before them, and how many there are."""
    targets = torch.from_numpy(heard.packed.targets)
    asked = targets != NO_TARGET
    if not asked.any():
        return 0.0, 0.0
    said = (heard.hidden[asked] @ language.embed_tokens.weight.T).argmax(-1)
    return float((said == targets[asked]).sum()), float(asked.sum())
