"""Questions that cannot be asked are refused where they are made."""

from __future__ import annotations

import pytest

from edge.errors import QuestionError
from edge.questions import choice, count, rating, text, yes_no


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: yes_no("q", ""), "'q' is empty"),
        (lambda: yes_no("q", " \n\t"), "'q' is empty"),
        (lambda: yes_no("q", "x" * 10_000), "has 10000 characters; at most 2000"),
        (lambda: yes_no("q", "is \ud83d open?"), "no valid text: it holds half"),
        (lambda: choice("q", "Which?", ("a", "\udcff")), "no valid text: it holds half"),
        (lambda: choice("q", "Which?", ()), "2 to 32 options, not 0"),
        (lambda: choice("q", "Which?", ("a",)), "2 to 32 options, not 1"),
        (lambda: choice("q", "Which?", tuple(f"o{n}" for n in range(33))), "options, not 33"),
        (lambda: choice("q", "Which?", ("a", "")), "option '' must have 1 to 80"),
        (lambda: choice("q", "Which?", ("a", "b" * 81)), "must have 1 to 80"),
        (lambda: choice("q", "Which?", ("Car", " car ")), "' car ' appears twice"),
        (lambda: count("q", "How many?", 10), "highest count must be 1..9, not 10"),
        (lambda: rating("q", "How busy?", 1), "highest grade must be 2..9, not 1"),
        (lambda: text("q", "What?", 0), "max_chars must be 1..2000, not 0"),
    ],
)
def test_impossible_questions(make, said):
    with pytest.raises(QuestionError, match=said):
        make()


def test_any_language_can_be_asked_in():
    for words in ("门开着吗", "هل الباب مفتوح؟", "🚗 " * 600, "Ist das Tor zu?"):
        assert yes_no("q", words).text == words
