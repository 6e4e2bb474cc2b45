"""Progress of the analyzer's running job, and what the finding says of it. Pure."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from edge.daemon.descriptions import description_fields
from edge.daemon.jobs import Job
from edge.daemon.reporter import model_report, timing_report, view_report
from edge.findings import LeftOutReport, rfc3339
from edge.questions import AnalysisResult, Answer, ModelInfo
from edge.rules.asking import DescriptionWanted
from edge.rules.book import Settlement


@dataclass(slots=True)
class Progress:
    """What is known of the running job. `settled` are the finding's fields once the rules have
    judged; of the descriptions that are `wanted` the first is being written.
    """

    started_mono_s: float
    results: list[AnalysisResult] = field(default_factory=list)
    settled: dict[str, object] | None = None
    is_reused: bool = False  # the answers are those of an earlier keyframe
    wanted: deque[DescriptionWanted] = field(default_factory=deque)
    describe_until_mono_s: float = math.inf
    reason: str = ""  # why a description is missing
    is_description_left_out: bool = False  # one was wanted, and there is no time for it

    @property
    def answers(self) -> list[Answer]:
        """All that have come."""
        return [answer for result in self.results for answer in result.answers]

    @property
    def spent_ms(self) -> float:
        """What the analyzer took for all of it."""
        return sum(result.timing.total_ms for result in self.results)

    def settle(
        self, job: Job, settlement: Settlement, result: AnalysisResult, info: ModelInfo | None
    ) -> dict[str, object]:
        """The rules have judged: the finding's fields now."""
        self.settled = {
            "verdicts": list(settlement.verdicts),
            "severity": settlement.severity,
            "views": [view_report(view) for view in result.views],
            "model": model_report(result.model or info),
            "covers_from": covers_from(job),
            "reused": self.is_reused,
            "left_out": self._left_out(job),
        }
        return {**self.settled, **self._timing(job)}

    def end(self, job: Job, reason: str) -> dict[str, object]:
        """The job is over: the finding's fields at its end."""
        views = dict.fromkeys(view for result in self.results for view in result.views)
        written = [r.description for r in self.results if r.description is not None]
        return {
            **(self.settled or {}),
            **self._timing(job),
            "reason": reason,
            **description_fields(written),
            "views": [view_report(view) for view in views],
        }

    def _left_out(self, job: Job) -> LeftOutReport | None:
        """What the load made the box leave out; None where that is nothing."""
        if job.effort == "full" or job.asking is None:
            return None
        return LeftOutReport(
            effort=job.effort,
            rules=list(job.asking.left_out),
            description=self.is_description_left_out,
        )

    def _timing(self, job: Job) -> Mapping[str, object]:
        queue_ms = (self.started_mono_s - job.offered_mono_s) * 1000
        return {"timing": timing_report(queue_ms, [result.timing for result in self.results])}


def covers_from(job: Job) -> str | None:
    """When the merged time span began, if the job stands for more than its own keyframe."""
    merged_s = job.offered_mono_s - job.covers_from_mono_s
    if merged_s <= 0:
        return None
    began = job.keyframe.captured_at.timestamp() - merged_s
    return rfc3339(datetime.fromtimestamp(began, job.keyframe.captured_at.tzinfo))
