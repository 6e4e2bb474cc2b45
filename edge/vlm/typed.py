"""Typed answers from logits: which rows are read, and how they become probabilities. Pure.

The options of a question are a tree of tokens, and where it forks the model decides. Mostly that
is at once: first tokens differ, and the ways of writing an option (capital or not, with a space or
not) are pooled. Where first tokens collide ("car", "car park"), the tree forks again further down,
between a next token and an end mark, and an option's probability is the product along its way.
Only the tokens that a fork allows are ever compared, so only their columns of the head are needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.errors import AnalysisFailed, QuestionError
from edge.questions import Answer, Question
from edge.vlm.prompt import build_stub
from edge.vlm.runner import Floats
from edge.vlm.tokens import Ids, TokenCoder


@dataclass(frozen=True, slots=True)
class Fork:
    """Where options part: `path` leads there from the stub's end. Each way on is shown by any of
    the tokens of its group, and is that of its members, options by their index.
    """

    path: Ids
    groups: tuple[Ids, ...]
    members: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class TypedPlan:
    """How one typed question is asked and read."""

    question: Question
    stub: Ids
    forks: tuple[Fork, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One row to read: a hidden state (H,), and groups of tokens whose joint score counts."""

    hidden: Floats
    groups: tuple[Ids, ...]


def plan_typed(coder: TokenCoder, eos: Iterable[int], number: int, question: Question) -> TypedPlan:
    """Decide how to read question `number` of a list.

    Raises QuestionError if two options are the same to the model.
    """
    stub = build_stub(coder, number, question)
    options = [" ".join(option.split()) for option in question.options]
    if question.kind in ("count", "rating"):  # the stub ends with the space, digits have one form
        canonical = [coder.encode(option) for option in options]
        variants = [set[int]() for _ in options]
    else:
        canonical = [coder.encode(" " + option) for option in options]
        variants = [_first_tokens(coder, option) for option in options]
    return TypedPlan(question, stub, _forks(coder, eos, question, canonical, variants))


def plan_alone(coder: TokenCoder, eos: Iterable[int], question: Question) -> TypedPlan:
    """Decide how to read a question whose answer is all that the model says: without a stub.

    Raises as `plan_typed`.
    """
    options = [" ".join(option.split()) for option in question.options]
    canonical = [coder.encode(option) for option in options]
    variants = [_first_tokens(coder, option) for option in options]
    return TypedPlan(question, (), _forks(coder, eos, question, canonical, variants))


def _forks(
    coder: TokenCoder,
    eos: Iterable[int],
    question: Question,
    canonical: Sequence[Ids],
    variants: Sequence[set[int]],
) -> tuple[Fork, ...]:
    """Where options written as in `canonical` part; `variants` are their other first tokens."""
    _check_distinct(question, canonical)
    ends = (*sorted(eos), *coder.single(["\n"]))
    forks = _find_forks(canonical, tuple(range(len(canonical))), 0, ends)
    if not forks[0].path:
        forks[0] = _pool(forks[0], variants)
    return tuple(forks)


def _first_tokens(coder: TokenCoder, option: str) -> set[int]:
    """With which tokens a model may begin to write an option."""
    return {ids[0] for form in _forms(option) if (ids := coder.encode(form))}


def _forms(option: str) -> list[str]:
    """The ways in which a model may begin to write an option."""
    cases = {option, option[:1].upper() + option[1:], option[:1].lower() + option[1:]}
    return sorted(cases) + [" " + case for case in sorted(cases)]


def _check_distinct(question: Question, encoded: Sequence[Ids]) -> None:
    seen: dict[Ids, str] = {}
    for option, ids in zip(question.options, encoded, strict=True):
        if not ids:
            raise QuestionError(f"question {question.id!r}: option {option!r} has no text")
        if ids in seen:
            raise QuestionError(
                f"question {question.id!r}: options {seen[ids]!r} and {option!r} "
                f"are the same to the model"
            )
        seen[ids] = option


def _find_forks(
    options: Sequence[Ids], members: tuple[int, ...], depth: int, ends: Ids
) -> list[Fork]:
    """The forks between `members`, which have their first `depth` tokens in common."""
    ways: dict[Ids, list[int]] = {}
    for member in members:
        following = options[member][depth : depth + 1] or ends
        ways.setdefault(following, []).append(member)
    forks = []
    if len(ways) > 1:
        shared = options[members[0]][:depth]
        forks.append(Fork(shared, tuple(ways), tuple(tuple(m) for m in ways.values())))
    for way in ways.values():
        if len(way) > 1:
            forks += _find_forks(options, tuple(way), depth + 1, ends)
    return forks


def _pool(fork: Fork, variants: Sequence[set[int]]) -> Fork:
    """The first fork, with the other ways of writing its options that can mean one group only."""
    own = [set().union(*(variants[m] for m in members)) for members in fork.members]
    groups = []
    for index, (lead,) in enumerate(fork.groups):
        others = {group[0] for group in fork.groups}
        others.update(*own[:index], *own[index + 1 :])
        groups.append((lead, *sorted(own[index] - others)))
    return Fork(fork.path, tuple(groups), fork.members)


def read_rows(
    logits_of: Callable[[Floats, NDArray[np.int64]], Floats], rows: Sequence[Row]
) -> list[NDArray[np.float64]]:
    """For each row the score of each of its groups: log of a probability, up to a constant.

    `logits_of` gives for hidden states (R, H) and tokens (C,) their logits (R, C); it is called
    once, with the tokens of all rows together. Raises AnalysisFailed if those are no numbers.
    """
    columns = np.array(sorted({i for row in rows for group in row.groups for i in group}), np.int64)
    logits = logits_of(np.stack([row.hidden for row in rows]), columns).astype(np.float64)
    if not np.isfinite(logits).all():
        raise AnalysisFailed("the model gives no usable logits for a question")
    return [
        np.array([_log_sum(line[np.searchsorted(columns, group)]) for group in row.groups])
        for row, line in zip(rows, logits, strict=True)
    ]


def score(plan: TypedPlan, read: Sequence[NDArray[np.float64]]) -> Answer:
    """The answer from the scores at each fork; its probabilities sum to 1."""
    options = plan.question.options
    logs = np.zeros(len(options))
    for fork, scores in zip(plan.forks, read, strict=True):
        for members, log in zip(fork.members, scores - _log_sum(scores), strict=True):
            logs[list(members)] += log
    shares = np.exp(logs)
    shares /= shares.sum()
    best = int(np.argmax(shares))
    return Answer(
        question_id=plan.question.id,
        kind=plan.question.kind,
        value=options[best],
        probability=float(shares[best]),
        probabilities={option: float(share) for option, share in zip(options, shares, strict=True)},
    )


def _log_sum(values: NDArray[np.float64]) -> float:
    """log(sum(exp(values))), without overflow."""
    highest = values.max()
    return float(highest + np.log(np.exp(values - highest).sum()))
