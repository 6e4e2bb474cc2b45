"""The order of a bench, and what becomes of a side that fails."""

from __future__ import annotations

import pytest

from edge.bench.cases import Case, Plan
from edge.bench.figures import Sample
from edge.bench.rounds import run_rounds
from edge.errors import AnalysisFailed

SMALL, LARGE = Case("verdict", 256, 192, 8), Case("verdict", 640, 352, 8)
PLAN = Plan(cases=(SMALL, LARGE), against=frozenset((SMALL, LARGE)), rounds=3, warm_ups=1)


class Side:
    """Answers at once and notes who was asked when; fails where it is told to."""

    def __init__(self, name: str, asked: list, fails_at: tuple[Case, int] | None = None) -> None:
        self.name, self.asked, self.fails_at = name, asked, fails_at

    def run(self, case: Case, round_index: int) -> Sample:
        self.asked.append((self.name, case, round_index))
        if (case, round_index) == self.fails_at:
            raise AnalysisFailed("a shape conflicts")
        return Sample(total_s=1.0 + round_index, fed_px=(case.width_px, case.height_px))


def test_each_side_goes_first_in_half_of_the_rounds():
    asked: list = []
    measured = run_rounds(PLAN, Side("ours", asked), Side("theirs", asked), lambda _: None)
    firsts = [name for name, case, index in asked if case == SMALL and index >= 0][::2]
    assert firsts == ["ours", "theirs", "ours"]
    assert [s.total_s for s in measured.genai[LARGE]] == [1.0, 2.0, 3.0]  # no warm-up among them


def test_the_other_sides_failure_costs_that_case_its_comparison_alone():
    asked: list = []
    theirs = Side("theirs", asked, fails_at=(LARGE, 1))
    measured = run_rounds(PLAN, Side("ours", asked), theirs, lambda _: None)
    assert len(measured.engine[LARGE]) == len(measured.genai[SMALL]) == 3
    assert LARGE not in measured.genai
    assert measured.genai_failures == {LARGE: "a shape conflicts"}
    assert ("theirs", LARGE, 2) not in asked


def test_a_failing_engine_ends_the_bench():
    with pytest.raises(AnalysisFailed, match="a shape conflicts"):
        run_rounds(PLAN, Side("ours", [], fails_at=(SMALL, 0)), None, lambda _: None)
