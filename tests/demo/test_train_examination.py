"""The examination counts right what an engine answers; its pictures are not those of training."""

from __future__ import annotations

import itertools
import subprocess
import sys

import pytest

from edge.demo.train.evaluate import Examiner, Tally, calibration_error, examine, table
from edge.demo.train.exam import EXAM_SEED, case_of_part, reading_sheets, sheets
from edge.demo.train.sentences import objects
from edge.geometry import Box
from edge.questions import AnalysisResult, Answer, Description, Timing, View

WHOLE = View(Box(0, 0, 1, 1), 640, 352)


class Oracle:
    """An engine that is shown whole frames and knows every answer; or always says the other."""

    def __init__(self, sheets_by_picture, *, lies: bool = False) -> None:
        self._sheets, self._lies = sheets_by_picture, lies
        self.looks = 0

    def analyze(self, request) -> AnalysisResult:
        self.looks += 1
        sheet = self._sheets[id(request.image)]
        case = case_of_part(sheet.drawn, WHOLE)
        answers = []
        for question in request.looks[0].questions:
            ask = next(a for a in sheet.asks if a.question == question)
            said = ask.answer(case) or "?"
            if self._lies:
                said = next((o for o in question.options if o != said), "wrong")
            answers.append(Answer(question.id, question.kind, said, 0.9))
        description = None
        if request.describe:
            description = Description("", tuple(objects(case.now)), (), ())
        return AnalysisResult("exam", tuple(answers), description, (WHOLE,), Timing())


def put_all(*, lies: bool, packed: bool = True) -> tuple[Examiner, Oracle]:
    papers = [*itertools.islice(sheets(8, whole=True), 8)]
    reading = [*reading_sheets(12)]
    oracle = Oracle({id(s.drawn.picture): s for s in papers + reading}, lies=lies)
    examiner = Examiner(oracle, packed=packed)
    for sheet in papers:
        examiner.put(sheet, "whole")
        examiner.describe(sheet)
    for sheet in reading:
        examiner.put(sheet, "text")
    return examiner, oracle


def test_one_who_knows_all_is_right():
    examiner, _ = put_all(lies=False)
    figures = table(examiner.tallies)
    for name in ("presence, whole frames", "choice, whole frames", "text read"):
        assert figures[name] == 1, name
    assert figures["objects, precision"] == figures["objects, recall"] == 1
    assert figures["questions"] > 60


def test_one_who_lies_is_wrong():
    figures = table(put_all(lies=True)[0].tallies)
    assert figures["presence, whole frames"] == figures["text read"] == 0


def test_one_by_one_every_question_has_its_own_look():
    packed, alone = put_all(lies=False)[1], put_all(lies=False, packed=False)[1]
    assert alone.looks > packed.looks + 60


def test_mistakes_are_kept_as_pictures(tmp_path):
    (sheet,) = sheets(1, whole=True)
    examiner = Examiner(Oracle({id(sheet.drawn.picture): sheet}, lies=True), tmp_path)
    examiner.put(sheet, "whole")
    assert {path.suffix for path in tmp_path.rglob("*.*")} == {".png"}


def test_calibration():
    assert calibration_error([(0.8, True)] * 8 + [(0.8, False)] * 2) == pytest.approx(0)
    assert calibration_error([(0.95, True), (0.95, False)]) == pytest.approx(0.45)
    assert calibration_error([]) == 0


def test_confusion_is_counted():
    tally = Tally()
    for said in ("open", "ajar", "ajar"):
        tally.add("open", said, 0.5)
    assert tally.accuracy == pytest.approx(1 / 3)
    assert tally.confused == {"open -> ajar": 2}


def test_parts_can_be_left_out():
    class Nobody:
        def analyze(self, request):
            raise AssertionError(f"nothing was to be asked, but {request}")

    assert examine(Nobody(), 3, parts=()) == {}


def test_the_seed_is_none_that_people_take():
    """Streams of training begin with the user's seed, which is small; see `--seed`."""
    assert EXAM_SEED > 10_000


def test_no_torch_is_needed():
    code = "import sys, edge.demo.train.evaluate; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=100)
