"""Verdicts: yes, no, unsure."""

from __future__ import annotations

import math

import pytest

from edge.calibration import Calibration
from edge.questions import Answer, choice, text
from edge.rules.verdict import read_verdict
from tests.support.rules import make_rule


@pytest.mark.parametrize(
    ("p_yes", "min_confidence", "word"),
    [
        (1.0, 0.6, "yes"),
        (0.6, 0.6, "yes"),
        (0.59, 0.6, "unsure"),
        (0.5, 0.6, "unsure"),
        (0.41, 0.6, "unsure"),
        (0.4, 0.6, "no"),
        (0.0, 0.6, "no"),
        (0.51, 0.5, "yes"),
        (0.5, 0.5, "unsure"),
        (0.49, 0.5, "no"),
        (0.99, 1.0, "unsure"),
        (1.0, 1.0, "yes"),
        (0.0, 1.0, "no"),
        (0.7999999999999999, 0.8, "yes"),  # eight times 0.1, added up
        (0.7999, 0.8, "unsure"),
        (math.nan, 0.6, "unsure"),
    ],
)
def test_yes_no(p_yes: float, min_confidence: float, word: str) -> None:
    answer = Answer("parcel", "yes_no", "yes", p_yes, {"yes": p_yes, "no": 1 - p_yes})
    verdict = read_verdict(make_rule(min_confidence=min_confidence), answer)
    assert verdict.word == word
    absent = read_verdict(make_rule(alert="no", min_confidence=min_confidence), answer)
    assert absent.word == {"yes": "no", "no": "yes", "unsure": "unsure"}[word]


@pytest.mark.parametrize(
    ("open_p", "ajar_p", "word"),
    [(0.4, 0.3, "yes"), (0.2, 0.1, "no"), (0.3, 0.2, "unsure")],
)
def test_options_that_fulfil_it_are_taken_together(open_p: float, ajar_p: float, word: str) -> None:
    question = choice("door", "How is the door?", ("open", "ajar", "closed"))
    rule = make_rule("door", question=question, alert=["open", "ajar"])
    probabilities = {"open": open_p, "ajar": ajar_p, "closed": 1 - open_p - ajar_p}
    value = max(probabilities, key=lambda option: probabilities[option])
    answer = Answer("door", "choice", value, probabilities[value], probabilities)
    verdict = read_verdict(rule, answer)
    assert (verdict.word, verdict.probability) == (word, pytest.approx(open_p + ajar_p))


@pytest.mark.parametrize(
    ("read", "probability", "truncated", "word"),
    [
        ("a STOP sign", 0.9, False, "yes"),
        ("a shop", 0.9, False, "no"),
        ("a STOP sign", 0.2, False, "unsure"),
        ("a shop", 0.2, False, "unsure"),
        ("a shop", 0.9, True, "unsure"),
    ],
)
def test_text(read: str, probability: float, truncated: bool, word: str) -> None:
    rule = make_rule("sign", question=text("sign", "Read the sign."), alert="stop")
    answer = Answer("sign", "text", read, probability, truncated=truncated)
    assert read_verdict(rule, answer).word == word


def test_without_a_condition_nothing_is_judged() -> None:
    answer = Answer("parcel", "yes_no", "yes", 1.0, {"yes": 1.0, "no": 0.0})
    verdict = read_verdict(make_rule(alert=None), answer)
    assert (verdict.word, verdict.probability) == ("unsure", 1.0)


@pytest.mark.parametrize(
    ("temperature", "word", "p_yes"), [(None, "yes", 0.9), (1.0, "yes", 0.9), (2.0, "unsure", 0.75)]
)
def test_the_calibrated_answer_is_judged(
    temperature: float | None, word: str, p_yes: float
) -> None:
    calibration = None if temperature is None else Calibration(temperature)
    rule = make_rule(min_confidence=0.8, calibration=calibration)
    answer = Answer("parcel", "yes_no", "yes", 0.9, {"yes": 0.9, "no": 0.1})
    verdict = read_verdict(rule, answer)
    assert (verdict.word, verdict.probability) == (word, pytest.approx(p_yes))
    assert verdict.answer.probability == pytest.approx(p_yes)


def test_a_rule_without_a_condition_reports_the_calibrated_answer() -> None:
    answer = Answer("parcel", "yes_no", "yes", 0.9, {"yes": 0.9, "no": 0.1})
    verdict = read_verdict(make_rule(alert=None, calibration=Calibration(2.0)), answer)
    assert (verdict.word, verdict.probability) == ("unsure", pytest.approx(0.75))
