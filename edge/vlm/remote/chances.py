"""Typed answers from a server's `logprobs`: the options' shares of what it might have said. Pure.

As in `edge.vlm.typed`, only the options are compared, and the ways of writing one (capital or not,
with a space or a quotation mark before it) are pooled. But a server tells no more than the most
probable tokens, and of one way only, the one that it took. What it does not tell is bounded, never
guessed: an option that is not among the tokens told can have at most the share of the least of them
and at most what is left of the whole, and counts with that. So the probability of the best option
is rather too low than too high.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edge.errors import QuestionError
from edge.questions import Answer, Question

# How much of the chosen token's probability the options must have together. A model that begins
# with something else, such as its thoughts, leaves them a millionth, which says nothing.
MIN_SHARE_OF_CHOSEN = 0.01
_MARKS = " \t\r\n\"'`*_"  # may stand around an answer: **Yes**, "yes", a line break
_SPACE = re.compile(r"\s+")


class Unreadable(Exception):
    """The options cannot be found in what the server says."""


@dataclass(frozen=True, slots=True)
class TokenChance:
    """A token as text, and its probability."""

    text: str
    probability: float


@dataclass(frozen=True, slots=True)
class Place:
    """A token that was written, and the most probable ones in its place, itself among them or
    not.
    """

    chosen: TokenChance
    others: tuple[TokenChance, ...] = ()

    @property
    def least(self) -> float:
        """What a token that is not told has at most."""
        return min((one.probability for one in self.others), default=self.chosen.probability)

    def alternatives(self) -> dict[str, float]:
        """Every token told, with its probability."""
        told = {one.text: one.probability for one in self.others}
        return {self.chosen.text: self.chosen.probability} | told


def read_chances(question: Question, places: Sequence[Place]) -> Answer:
    """The answer to a typed question from the tokens that were written in answer to it.

    Raises Unreadable where they do not begin with an option.
    """
    options = plain_options(question)
    start = next((n for n, place in enumerate(places) if place.chosen.text.strip(_MARKS)), None)
    if start is None:
        raise Unreadable("no token was written")
    shares = _shares(options, places[start:], tuple(range(len(options))), "")
    total = sum(shares.values())
    written = _option_of("".join(place.chosen.text for place in places[start:]), options)
    # The written one first: where two are equal for all that is known, it is the model's choice.
    order = sorted(shares, key=lambda n: (-shares[n], n != written))
    return Answer(
        question_id=question.id,
        kind=question.kind,
        value=question.options[order[0]],
        probability=shares[order[0]] / total,
        probabilities={option: shares[n] / total for n, option in enumerate(question.options)},
    )


def read_written(question: Question, text: str) -> Answer:
    """The answer to a typed question from text alone, which must be an option and no more.

    Text has no probability: the option counts as certain. Raises Unreadable for anything else.
    """
    said = _plain(text).rstrip(".!")
    options = plain_options(question)
    if question.kind == "count" and said.isdecimal():  # the highest stands for more as well
        said = str(min(int(said), int(options[-1])))
    if said not in options:
        raise Unreadable(f"{text.strip()[:40]!r} is none of the options")
    best = question.options[options.index(said)]
    return Answer(
        question_id=question.id,
        kind=question.kind,
        value=best,
        probability=1.0,
        probabilities={option: float(option == best) for option in question.options},
    )


def plain_options(question: Question) -> list[str]:
    """The options as they are compared. Raises QuestionError if two of them are the same then."""
    options = [_plain(option) for option in question.options]
    for n, option in enumerate(options):
        if option in options[:n]:
            raise QuestionError(f"question {question.id!r}: option {option!r} appears twice")
    return options


def _plain(text: str) -> str:
    plain = _SPACE.sub(" ", text.casefold()).strip()
    return plain.strip(_MARKS) or plain


def _shares(
    options: Sequence[str], places: Sequence[Place], members: tuple[int, ...], said: str
) -> dict[int, float]:
    """The share of each of `members` behind what was `said`, up to a common factor.

    Where tokens are the beginning of several options, the way that was taken is followed, and the
    shares at its end divide theirs; other ways are divided equally. Raises Unreadable.
    """
    place = places[0]
    ways: dict[str, float] = {}  # what stands there then, the ways of writing it pooled
    for token, probability in place.alternatives().items():
        text = _joined(said, token)
        ways[text] = ways.get(text, 0.0) + probability
    shares = dict.fromkeys(members, 0.0)
    taken = _joined(said, place.chosen.text)
    for text, led in _lead(options, members, ways, taken).items():
        further = dict.fromkeys(led, 1.0)
        if text == taken and len(led) > 1 and len(places) > 1:
            further = _shares(options, places[1:], led, taken)
        for member in led:
            shares[member] += ways[text] * further[member] / sum(further.values())
    seen = sum(shares.values())
    if seen < MIN_SHARE_OF_CHOSEN * place.chosen.probability or not seen:
        raise Unreadable(f"{place.chosen.text[:40]!r} begins none of the options")
    absent = [member for member, share in shares.items() if not share]
    if absent:
        left = max(0.0, 1.0 - math.fsum(place.alternatives().values()))
        shares |= dict.fromkeys(absent, min(place.least, left / len(absent)))
    return shares


def _joined(said: str, token: str) -> str:
    """What is said with one more token, as it is compared; space at the end is kept."""
    text = _SPACE.sub(" ", (said + token).casefold())
    return text if said else text.lstrip(_MARKS)


def _lead(
    options: Sequence[str], members: Sequence[int], texts: Iterable[str], taken: str
) -> dict[str, tuple[int, ...]]:
    """To which members each of the texts leads.

    A model writes a word in as few tokens as there are for it: the beginning of an option counts
    only where no text says the whole of it, and then the longest one, and the one that was taken.
    """
    led = {text: _leads_to(options, members, text) for text in texts if text.strip(_MARKS)}
    kept: dict[str, list[int]] = {text: [] for text in led}
    for member in members:
        mine = [text for text, to in led.items() if member in to]
        whole = [text for text in mine if text.startswith(options[member])]
        longest = max(map(len, mine), default=0)
        for text in whole or [t for t in mine if len(t) == longest or t == taken]:
            kept[text].append(member)
    return {text: tuple(to) for text, to in kept.items() if to}


def _leads_to(options: Sequence[str], members: Sequence[int], text: str) -> tuple[int, ...]:
    """Of which members a text is the beginning; else which one it says and has ended."""
    begins = tuple(n for n in members if options[n].startswith(text))
    if begins:
        return begins
    ended = [n for n in members if _has_ended(options[n], text)]
    return (max(ended, key=lambda n: len(options[n])),) if ended else ()


def _option_of(text: str, options: Sequence[str]) -> int | None:
    """The longest option that a text begins with."""
    said = _plain(text)
    begun = [n for n, option in enumerate(options) if said == option or _has_ended(option, said)]
    return max(begun, key=lambda n: len(options[n]), default=None)


def _has_ended(option: str, text: str) -> bool:
    """Whether a text says more than the option, and the option is whole in it."""
    return text.startswith(option) and len(text) > len(option) and not text[len(option)].isalnum()
