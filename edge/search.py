"""Searching the findings: what is looked for, and a page of what was found.

Whoever shows findings builds a query, the store answers it; neither knows the other.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge.errors import QuestionError
from edge.findings import Finding

MAX_PAGE = 200
MAX_SEARCH_CHARS = 200


@dataclass(frozen=True, slots=True)
class FindingQuery:
    """Findings that fulfil everything given, the latest first.

    `since` is included, `until` is not (s since 1970). Each word of `text`, separated by spaces,
    must occur in what the model wrote about a finding that has ended (summary, objects, texts,
    spatial relations, texts in the details, answers in text), also within a word, in either case.
    `after` is the cursor of the page before. Raises QuestionError for a limit out of range and a
    text that is too long.
    """

    camera: str | None = None
    rule: str | None = None
    since: float | None = None
    until: float | None = None
    text: str = ""
    limit: int = 50
    after: str = ""

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MAX_PAGE:
            raise QuestionError(f"limit must be 1..{MAX_PAGE}, not {self.limit}")
        if len(self.text) > MAX_SEARCH_CHARS:
            raise QuestionError(
                f"the text to search for has {len(self.text)} characters; "
                f"at most {MAX_SEARCH_CHARS} are allowed"
            )


@dataclass(frozen=True, slots=True)
class FindingPage:
    """Some findings; `cursor` leads to the next ones, and is empty where there are no more."""

    findings: tuple[Finding, ...]
    cursor: str = ""
