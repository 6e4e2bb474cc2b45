"""An engine that takes a known time for a request by a clock of its own, and computes nothing."""

from __future__ import annotations

from edge.errors import AnalysisFailed
from edge.geometry import Box
from edge.questions import AnalysisRequest, AnalysisResult, View

FULL = Box(0.0, 0.0, 1.0, 1.0)


class MeasuredEngine:
    """Takes 1 ms for each 1,000 pixels and 10 ms for each question; the first of a shape takes
    twice as long, and all take `delay_s` more. `now_s` is its clock; with `fails` all fail.
    """

    def __init__(self, *, slower: float = 1.0) -> None:
        self.now_s = 0.0
        self.requests: list[AnalysisRequest] = []
        self.fails = False
        self.delay_s = 0.0
        self._slower = slower
        self._seen: set[tuple[int, int, int]] = set()

    def clock(self) -> float:
        return self.now_s

    def analyze(self, request: AnalysisRequest) -> AnalysisResult:
        self.requests.append(request)
        if self.fails:
            raise AnalysisFailed("no luck")
        height, width = request.image.shape[:2]
        num_questions = len(request.looks[0].questions)
        shape = (height, width, num_questions)
        took_ms = width * height / 1000 + 10 * num_questions
        self.now_s += self._slower * took_ms / 1000 * (1 if shape in self._seen else 2)
        self.now_s += self.delay_s
        self._seen.add(shape)
        return AnalysisResult(request.id, (), None, (View(FULL, width, height),), None)  # type: ignore[arg-type]
