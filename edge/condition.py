"""Condition: which answers to a question make its rule true.

Knows nothing of rules, cameras or time. The configuration parses conditions, rules weigh answers
with them. A condition on a typed question is settled when it is parsed: it becomes the set of the
options that fulfil it, and its probability is the sum of theirs.
"""

from __future__ import annotations

import difflib
import math
import operator
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field

from edge.questions import Answer, QuestionKind

MAX_REGEX_CHARS = 500
MAX_ALTERNATIVES = 32  # entries of a list

# Python's `re` backtracks, and what the camera sees chooses the text, so a pattern's worst case is
# estimated from its repeats: n ** (open repeats + 1) / (open repeats + 1)! steps over n characters
# (one more for the start of the match), times the choices of its ?, {m,n} and |. Measured on one
# 2.1 GHz core with texts made to hurt: 1 to 2 s for each 1e9 of the estimate.
MAX_MATCH_CHARS = 1000  # a regular expression sees no more of a text
MAX_STEPS = 2e9
MAX_SMALL_REPEAT = 9  # {m,n} above it counts like * and +

_COMPARE: dict[str, Callable[[int, int], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "!=": operator.ne,
    "==": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
    "": operator.eq,
}
_COMPARISON = re.compile(r"(>=|<=|!=|==|>|<|=|)\s*(\d{1,6})", re.ASCII)
_RANGE = re.compile(r"(\d{1,6})\s*-\s*(\d{1,6})", re.ASCII)
_YES_NO = {"yes": "yes", "true": "yes", "on": "yes", "no": "no", "false": "no", "off": "no"}
_BRACES = re.compile(r"\{(\d*)(,?)(\d*)\}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Condition:
    """Which answers count as yes. Two texts that accept the same answers are equal.

    `accepted` are the options of a typed question that fulfil it, in the question's order;
    `patterns` are for a text question, of which any one must be found.
    """

    kind: QuestionKind
    text: str = field(compare=False)  # as written, to be shown
    accepted: tuple[str, ...] = ()
    patterns: tuple[re.Pattern[str], ...] = ()

    def matches(self, answer: Answer) -> bool:
        """Whether the answer's value, taken as certain, fulfils the condition."""
        if self.kind == "text":
            read = answer.value[:MAX_MATCH_CHARS]
            return any(pattern.search(read) for pattern in self.patterns)
        return answer.value in self.accepted

    def probability(self, answer: Answer) -> float:
        """How probable it is, 0..1, that the condition holds.

        Typed: the sum over the options that fulfil it. Text: with p the answer's own probability,
        p if the text matches and 1 - p if not, but never past 0.5 to the other side: a poorly read
        text is no evidence for its opposite. A text that was cut short and does not match might
        have matched further on, so it gives 0.5. NaN if the answer's probabilities are.
        """
        if self.kind != "text" and answer.probabilities:
            total = math.fsum(answer.probabilities.get(option, 0.0) for option in self.accepted)
            return total if math.isnan(total) else min(1.0, max(0.0, total))
        trust = min(1.0, max(0.5, answer.probability))
        if self.matches(answer):
            return trust
        is_cut = answer.truncated or len(answer.value) > MAX_MATCH_CHARS
        return 0.5 if is_cut else 1.0 - trust


def parse_condition(kind: QuestionKind, options: tuple[str, ...], value: object) -> Condition:
    """The condition that `value`, as it stands in a YAML file, means for a question.

    yes_no: `yes` or `no` (YAML's true and false too). choice: an option, `!= option`, or a list.
    count and rating: `3`, `>= 3`, `> 2`, `< 1`, `!= 0`, `2-4`, or a list of them; the highest
    count stands for "that many or more". text: a text that must be contained, whatever its case, a
    regular expression as `/.../` or `/.../i`, or a list of which one must be found.
    `options` are the question's own. Raises ValueError with the value and what is allowed, also for
    a condition that always or never holds.
    """
    values = value if isinstance(value, list | tuple) else [value]
    if not 1 <= len(values) <= MAX_ALTERNATIVES:
        raise ValueError(
            f"a condition is one value or a list of 1 to {MAX_ALTERNATIVES}, not {len(values)}"
        )
    shown = ", ".join(str(entry) for entry in values)
    if kind == "text":
        return Condition(kind, shown, patterns=tuple(_pattern(entry) for entry in values))
    parse = {"yes_no": _yes_no, "choice": _choice, "count": _number, "rating": _number}[kind]
    wanted: set[str] = set().union(*(parse(entry, options) for entry in values))
    accepted = tuple(option for option in options if option in wanted)
    if not accepted or len(accepted) == len(options):
        always = "always" if accepted else "never"
        raise ValueError(
            f"the condition {shown!r} {always} holds; the possible answers are {_listed(options)}"
        )
    return Condition(kind, shown, accepted)


def _yes_no(value: object, _options: tuple[str, ...]) -> set[str]:
    word = str(value).strip().casefold()
    if word not in _YES_NO:
        raise ValueError(f"{value!r} is not an answer to a yes/no question; write yes or no")
    return {_YES_NO[word]}


def _choice(value: object, options: tuple[str, ...]) -> set[str]:
    by_plain = {option.strip().casefold(): option for option in options}
    plain = _words(value).casefold()
    negated = plain.startswith("!=") and plain not in by_plain
    if negated:
        plain = plain.removeprefix("!=").strip()
    if plain not in by_plain:
        near = difflib.get_close_matches(plain, by_plain, n=1)
        hint = f"did you mean {by_plain[near[0]]!r}? " if near else ""
        if isinstance(value, bool):
            hint = "YAML reads yes, no, on and off as true or false, so put the word in quotes; "
        raise ValueError(f"{value!r} is not an option; {hint}the options are {_listed(options)}")
    named = {by_plain[plain]}
    return set(options) - named if negated else named


def _number(value: object, options: tuple[str, ...]) -> set[str]:
    words = _words(value)
    span, comparison = _RANGE.fullmatch(words), _COMPARISON.fullmatch(words)
    allowed = f"{options[0]} to {options[-1]}"
    if span is not None:
        low, high = int(span[1]), int(span[2])
        if low > high:
            raise ValueError(f"{words!r} runs backwards; write the smaller number first")
        _in_range(words, (low, high), options)
        return {option for option in options if low <= int(option) <= high}
    if comparison is not None:
        compare, limit = _COMPARE[comparison[1]], int(comparison[2])
        if comparison[1] in {"", "=", "==", "!="}:
            _in_range(words, (limit,), options)
        return {option for option in options if compare(int(option), limit)}
    raise ValueError(
        f"{value!r} is not a condition on a number {allowed}; "
        "write it as 3, '>= 3', '> 2', '< 1', '!= 0' or 2-4"
    )


def _in_range(words: str, numbers: tuple[int, ...], options: tuple[str, ...]) -> None:
    if any(str(number) not in options for number in numbers):
        raise ValueError(
            f"{words!r} is out of range: answers go from {options[0]} to {options[-1]}"
        )


def _pattern(value: object) -> re.Pattern[str]:
    wanted = _words(value)
    if not wanted:
        raise ValueError(f"{value!r} is not a text to look for; write it in quotes, or as /.../")
    if len(wanted) > MAX_REGEX_CHARS:
        raise ValueError(
            f"the text {wanted[:40]!r}... has {len(wanted)} characters; "
            f"at most {MAX_REGEX_CHARS} are allowed"
        )
    regex = re.fullmatch(r"/(.*)/(i?)", wanted, re.DOTALL)
    if regex is None:
        return re.compile(r"\s+".join(re.escape(word) for word in wanted.split()), re.IGNORECASE)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # as for [[:alpha:]], which is not what it looks like
            pattern = re.compile(regex[1], re.IGNORECASE if regex[2] else 0)
    except (re.error, OverflowError, Warning) as fault:
        raise ValueError(f"{wanted!r} is not a valid regular expression: {fault}") from None
    if pattern.flags & re.VERBOSE:
        raise ValueError(f"the pattern {wanted!r} uses the flag x, which is not supported")
    _check_cost(regex[1])
    if pattern.search(""):
        raise ValueError(f"the pattern {wanted!r} is found in every text, even an empty one")
    return pattern


@dataclass(slots=True)
class _Group:
    """What `_check_cost` knows of a group that it is inside of."""

    ways: float = 1.0  # how many ways its ?, {m,n} and inner groups leave
    alternatives: int = 1
    varies: bool = False  # whether it holds a repeat, an alternative or a group that does


def _check_cost(regex: str) -> None:
    """Refuse a valid pattern that some text could keep busy for too long.

    Reads the pattern's text and is stricter than needed: a repeated group must be free of repeats
    and alternatives, which is what makes the cost exponential.
    """
    groups = [_Group()]
    last_varies = False  # whether the item before the current position is a group that varies
    num_open = 0
    at = 0
    while at < len(regex):
        char, item_varies, last_varies = regex[at], last_varies, False
        braces = _BRACES.match(regex, at)
        if char in "*+?" or braces is not None:
            lowest, highest = _bounds(char, braces)
            at = braces.end() if braces is not None else at + 1
            at += regex[at : at + 1] in {"?", "+"}  # lazy or possessive
            if item_varies and highest > 1:
                raise ValueError(
                    f"the pattern /{regex}/ repeats a group that itself holds a repeat or an "
                    "alternative, which some texts make endless; write it without"
                )
            groups[-1].varies |= highest != lowest
            if highest != lowest and highest > MAX_SMALL_REPEAT:
                num_open += 1
            else:
                groups[-1].ways *= highest - lowest + 1
        elif char == "(":
            groups.append(_Group())
            at += 2 if regex.startswith("(?", at) else 1
        elif char == ")" and len(groups) > 1:
            inner = groups.pop()
            last_varies = inner.varies
            groups[-1].varies |= inner.varies
            groups[-1].ways *= inner.ways * inner.alternatives
            at += 1
        else:
            groups[-1].alternatives += char == "|"
            groups[-1].varies |= char == "|"
            at = _class_end(regex, at) if char == "[" else at + (2 if char == "\\" else 1)
    steps = MAX_MATCH_CHARS ** (num_open + 1) / math.factorial(num_open + 1)
    if steps * groups[0].ways * groups[0].alternatives > MAX_STEPS:
        raise ValueError(
            f"the pattern /{regex}/ could take too long on some texts: it has {num_open} open "
            "repeats (* +) beside its choices (? {m,n} |), and at most two are possible; "
            "use a list of shorter patterns"
        )


def _bounds(char: str, braces: re.Match[str] | None) -> tuple[float, float]:
    """How often a repeat repeats at least and at most."""
    if braces is None:
        return (1 if char == "+" else 0), (1 if char == "?" else math.inf)
    low = int(braces[1] or 0)
    if not braces[2]:
        return low, low
    return low, int(braces[3]) if braces[3] else math.inf


def _class_end(regex: str, at: int) -> int:
    """The index after the character class that starts at `at`."""
    at += 1
    if regex[at : at + 1] == "^":
        at += 1
    if regex[at : at + 1] == "]":  # the first one stands for itself
        at += 1
    while at < len(regex) and regex[at] != "]":
        at += 2 if regex[at] == "\\" else 1
    return at + 1


def _words(value: object) -> str:
    """The text of a YAML scalar; empty for what is not a text or a number."""
    is_word = isinstance(value, str | int | float) and not isinstance(value, bool)
    return str(value).strip() if is_word else ""


def _listed(options: tuple[str, ...]) -> str:
    return ", ".join(repr(option) for option in options)
