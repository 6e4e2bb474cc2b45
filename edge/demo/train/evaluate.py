"""Figures of an exported model on the examination: accuracy by kind of question, calibration.

    python -m edge.demo.train.evaluate MODEL [--sheets N] [--mistakes DIR]

Also saves pictures of mistakes to look at. Uses the engine; needs no torch.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from edge.conversation import Message, Picture, Turn
from edge.demo.train.exam import Sheet, case_of_part, reading_sheets, sheets
from edge.demo.train.sentences import objects
from edge.demo.train.topics import Ask
from edge.geometry import union_of
from edge.questions import AnalysisRequest, Answer, Look
from edge.vlm.engine import Engine, open_engine
from edge.vlm.settings import EngineSettings

NUM_BINS = 10
PARTS = ("crop", "whole", "text", "description", "conversation")
MAX_MISTAKES = 40  # pictures saved for each kind of question


@dataclass
class Tally:
    """What came of the questions of one kind."""

    right: int = 0
    asked: int = 0
    confused: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    sure: list[tuple[float, bool]] = field(default_factory=list)

    def add(self, wanted: str, said: str, probability: float) -> None:
        """Count an answer."""
        self.asked += 1
        self.right += wanted == said
        self.sure.append((probability, wanted == said))
        if wanted != said:
            self.confused[f"{wanted} -> {said}"] += 1

    @property
    def accuracy(self) -> float:
        """The share of right answers."""
        return self.right / max(1, self.asked)


def calibration_error(sure: Iterable[tuple[float, bool]]) -> float:
    """Expected calibration error: in ten bins of the answer's probability, the mean distance
    between probability and accuracy, weighted by number.
    """
    pairs = np.array([(p, float(right)) for p, right in sure])
    if not len(pairs):
        return 0.0
    bins = np.minimum(NUM_BINS - 1, (pairs[:, 0] * NUM_BINS).astype(int))
    return float(
        sum(
            np.sum(bins == b) * abs(pairs[bins == b, 0].mean() - pairs[bins == b, 1].mean())
            for b in np.unique(bins)
        )
        / len(pairs)
    )


class Examiner:
    """Puts sheets to an engine and keeps the tallies, by table line."""

    def __init__(
        self, engine: Engine, mistakes: Path | None = None, *, packed: bool = True
    ) -> None:
        """With `packed` false each question has a look of its own."""
        self._engine, self._mistakes, self._packed = engine, mistakes, packed
        self.tallies: dict[str, Tally] = defaultdict(Tally)

    def put(self, sheet: Sheet, where: str) -> None:
        """Ask the questions of a sheet."""
        if self._packed:
            self._ask(sheet, where, sheet.asks)
            return
        for ask in sheet.asks:
            self._ask(sheet, where, (ask,))

    def _ask(self, sheet: Sheet, where: str, asks: tuple[Ask, ...]) -> None:
        """Ask in one look."""
        questions = tuple(ask.question for ask in asks)
        request = AnalysisRequest(
            "exam", sheet.drawn.picture, None, (Look(sheet.boxes, questions),)
        )
        result = self._engine.analyze(request)
        case = case_of_part(sheet.drawn, result.views[-1])
        for ask, answer in zip(asks, result.answers, strict=True):
            wanted = ask.answer(case)
            if wanted is None:
                continue
            name = f"{where}: {ask.group}"
            self.tallies[name].add(wanted, answer.value, answer.probability)
            if wanted != answer.value:
                self._keep(sheet, name, ask.question.text, wanted, answer)

    def converse(self, sheet: Sheet) -> None:
        """Ask the questions of a sheet one after the other, once in an open session and once each
        in a conversation of its own.
        """
        region = union_of(sheet.boxes)
        picture = Message("user", (Picture(sheet.drawn.picture, region),))
        opened = self._engine.talk(Turn("open", "exam", opens=True, messages=(picture,)))
        case = case_of_part(sheet.drawn, opened.views[0])
        for ask in sheet.asks:
            wanted = ask.answer(case)
            if wanted is None:
                continue
            asked = (ask.question,)
            further = self._engine.talk(Turn("further", "exam", questions=asked)).answers[0]
            fresh = self._engine.talk(Turn("fresh", messages=(picture,), questions=asked))
            self.tallies["session"].add(wanted, further.value, further.probability)
            self.tallies["fresh"].add(wanted, fresh.answers[0].value, fresh.answers[0].probability)
        self._engine.close_session("exam")

    def describe(self, sheet: Sheet) -> None:
        """Have a sheet's part described, and compare the objects named with those there."""
        look = Look(sheet.boxes, ())
        request = AnalysisRequest("exam", sheet.drawn.picture, None, (look,), describe=True)
        result = self._engine.analyze(request)
        facts = case_of_part(sheet.drawn, result.views[-1]).now
        if result.description is None or facts.doubtful or not facts.is_clear:
            return
        there = set(objects(facts)) - {"door"}
        named = set(result.description.objects) - {"door"}
        precise, complete = self.tallies["objects: precision"], self.tallies["objects: recall"]
        for name in named:
            precise.add(name, name if name in there else "-", 1.0)
        for name in there:
            complete.add(name, name if name in named else "-", 1.0)

    def _keep(self, sheet: Sheet, name: str, asked: str, wanted: str, answer: Answer) -> None:
        """Save the picture of a mistake."""
        tally = self.tallies[name]
        if self._mistakes is None or tally.asked - tally.right > MAX_MISTAKES:
            return
        picture = sheet.drawn.picture.copy()
        height_px, width_px = picture.shape[:2]
        for box in sheet.boxes:
            x1, y1, x2, y2 = box.to_px(width_px, height_px)
            cv2.rectangle(picture, (x1, y1), (x2, y2), (255, 0, 255), 1)
        for line, words in enumerate(
            (asked, f"{wanted}, said {answer.value} {answer.probability:.2f}")
        ):
            place = (4, 14 + 16 * line)
            for ink, thick in (((0, 0, 0), 3), ((255, 255, 255), 1)):
                cv2.putText(picture, words, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, ink, thick)
        folder = self._mistakes / name.replace(": ", "-").replace(" ", "-").replace("/", "-")
        folder.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / f"{sheet.number}.png"), picture[..., ::-1])


def examine(
    engine: Engine,
    num: int,
    mistakes: Path | None = None,
    *,
    parts: Collection[str] = PARTS,
    packed: bool = True,
) -> dict[str, Tally]:
    """Crops, whole frames (a third as many), texts (half), descriptions (a fifth), conversations
    (a tenth).
    """
    examiner = Examiner(engine, mistakes, packed=packed)
    for sheet in sheets(num, whole=False):
        if "crop" in parts:
            examiner.put(sheet, "crop")
        if "description" in parts and sheet.number % 5 == 0:
            examiner.describe(sheet)
        if "conversation" in parts and sheet.number % 10 == 0:
            examiner.converse(sheet)
    for sheet in sheets(num // 3 if "whole" in parts else 0, whole=True):
        examiner.put(sheet, "whole")
    for sheet in reading_sheets(num // 2 if "text" in parts else 0):
        examiner.put(sheet, "text")
    return dict(examiner.tallies)


def table(tallies: dict[str, Tally]) -> dict[str, float]:
    """The figures of the model card."""

    def share(*names: str) -> float:
        found = [t for n, t in tallies.items() if n in names]
        return sum(t.right for t in found) / max(1, sum(t.asked for t in found))

    def of(where: str, start: str) -> list[str]:
        return [n for n in tallies if n.startswith(f"{where}: {start}")]

    sure = [pair for n in of("crop", "presence") for pair in tallies[n].sure]
    choices = ("door", "car colour", "parcel place")
    return {
        "presence, crops": share(*of("crop", "presence")),
        "presence, whole frames": share(*of("whole", "presence")),
        "choice, crops": share(*(f"crop: {name}" for name in choices)),
        "choice, whole frames": share(*(f"whole: {name}" for name in choices)),
        "count of people, crops": share("crop: count people"),
        "count of people, whole frames": share("whole: count people"),
        "typed, crops": share(*of("crop", "")),
        "text read": share("text: read"),
        "calibration error": calibration_error(sure),
        "objects, precision": share("objects: precision"),
        "objects, recall": share("objects: recall"),
        "session minus fresh": share("session") - share("fresh"),
        "questions": float(sum(t.asked for t in tallies.values())),
    }


def main() -> None:
    """Examine a model folder and print the figures as JSON."""
    parser = argparse.ArgumentParser(description="Examine an exported model.")
    parser.add_argument("model", type=Path)
    parser.add_argument("--sheets", type=int, default=300)
    parser.add_argument("--mistakes", type=Path)
    arguments = parser.parse_args()
    with open_engine(EngineSettings(arguments.model, threads=1)) as engine:
        tallies = examine(engine, arguments.sheets, arguments.mistakes)
    lines = {
        name: {"right": tally.right, "asked": tally.asked, "accuracy": round(tally.accuracy, 4)}
        | {"confused": dict(sorted(tally.confused.items(), key=lambda item: -item[1])[:6])}
        for name, tally in sorted(tallies.items())
    }
    figures = {name: round(value, 4) for name, value in table(tallies).items()}
    print(json.dumps({"lines": lines, "table": figures}, indent=1))  # noqa: T201 - the report


if __name__ == "__main__":
    main()
