"""Typed answers from logits: which rows are read, and how they become probabilities. Pure.

An option is told by its first token where the options' first tokens differ; the ways of writing it
(capital or not, with a space or not) are pooled. Where first tokens collide ("car", "car park"),
every option of the question is scored over its whole text and an end mark, so that options that
begin alike, and prefixes of each other, are told apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.errors import QuestionError
from edge.questions import Answer, Question
from edge.vlm.prompt import build_stub
from edge.vlm.runner import Floats
from edge.vlm.tokens import Ids, TokenCoder

ROWS_AT_ONCE = 64  # a row of logits is 0.6 MB


@dataclass(frozen=True, slots=True)
class TypedPlan:
    """How one typed question is asked and read.

    `firsts` holds for each option the tokens of which one shows it; empty where options are scored
    whole, and then `wholes` holds each option's tokens and `ends` what may follow the last.
    """

    question: Question
    stub: Ids
    firsts: tuple[Ids, ...]
    wholes: tuple[Ids, ...]
    ends: Ids


@dataclass(frozen=True, slots=True)
class Row:
    """One row to read: a hidden state (H,), and groups of tokens whose joint probability counts."""

    hidden: Floats
    groups: tuple[Ids, ...]


def plan_typed(coder: TokenCoder, eos: Iterable[int], number: int, question: Question) -> TypedPlan:
    """Decide how to read question `number`.

    Raises QuestionError if two options are the same to the model.
    """
    stub = build_stub(coder, number, question)
    options = [" ".join(option.split()) for option in question.options]
    if question.kind in ("count", "rating"):  # the stub ends with the space, digits have one form
        canonical = [coder.encode(option) for option in options]
        variants = [set[int]() for _ in options]
    else:
        canonical = [coder.encode(" " + option) for option in options]
        variants = [
            {ids[0] for form in _forms(option) if (ids := coder.encode(form))} for option in options
        ]
    _check_distinct(question, canonical)
    leading = [ids[0] for ids in canonical]
    if len(set(leading)) < len(leading):
        ends = (*sorted(eos), *coder.single(["\n"]))
        return TypedPlan(question, stub, (), tuple(canonical), ends)
    firsts = []
    for index, (lead, own) in enumerate(zip(leading, variants, strict=True)):
        others = set(leading[:index] + leading[index + 1 :])
        others.update(*variants[:index], *variants[index + 1 :])
        firsts.append((lead, *sorted(own - others - {lead})))
    return TypedPlan(question, stub, tuple(firsts), (), ())


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


def rows_to_read(plan: TypedPlan, stub: Floats, options: Sequence[Floats]) -> list[Row]:
    """The rows that hold a question's answer.

    `stub` (n, H) hidden states of the stub; `options` those of each option's tokens, empty where
    first tokens tell the options apart.
    """
    if plan.firsts:
        return [Row(stub[-1], plan.firsts)]
    rows = [Row(stub[-1], tuple((ids[0],) for ids in plan.wholes))]
    for ids, hidden in zip(plan.wholes, options, strict=True):
        following = [(token,) for token in ids[1:]]
        rows += [Row(h, (group,)) for h, group in zip(hidden, [*following, plan.ends], strict=True)]
    return rows


def read_rows(
    logits_of: Callable[[Floats], Floats], rows: Sequence[Row]
) -> list[NDArray[np.float64]]:
    """For each row the log-probability of each of its groups, over the whole vocabulary."""
    result: list[NDArray[np.float64]] = []
    for start in range(0, len(rows), ROWS_AT_ONCE):
        block = rows[start : start + ROWS_AT_ONCE]
        for row, logits in zip(block, logits_of(np.stack([r.hidden for r in block])), strict=True):
            exact = logits.astype(np.float64)
            total = _log_sum(exact)
            result.append(np.array([_log_sum(exact[list(g)]) - total for g in row.groups]))
    return result


def score(plan: TypedPlan, read: Sequence[NDArray[np.float64]]) -> Answer:
    """The answer from the rows of `rows_to_read`; its probabilities sum to 1."""
    scores = np.array(read[0])
    at = 1
    for index, ids in enumerate(plan.wholes):
        scores[index] += sum(float(row[0]) for row in read[at : at + len(ids)])
        at += len(ids)
    shares = np.exp(scores - _log_sum(scores))
    shares /= shares.sum()
    options = plan.question.options
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
