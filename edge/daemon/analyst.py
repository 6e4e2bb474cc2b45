"""The life of a keyframe: reported, queued, analysed, judged by the rules, described, ended.

Runs in the daemon's main thread and never blocks: the analyzer works in its own process and answers
through the inbox. Every keyframe that comes in here ends in exactly one `end` message.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace

from edge.conversation import Piece
from edge.daemon.analyzer_host import AnalyzerHost, EngineNews
from edge.daemon.conversations import Conversations, Order
from edge.daemon.costs import Costs
from edge.daemon.effort_in_force import EffortInForce, describe_left_out
from edge.daemon.jobs import Job, TurnJob, Urgency, urgency_of
from edge.daemon.messages import (
    Analysed,
    AnalysisRefused,
    Talked,
    TurnRefused,
)
from edge.daemon.progress import Progress, covers_from
from edge.daemon.reporter import Reporter
from edge.daemon.reuse import Recent
from edge.daemon.scheduler import Outcome, Scheduler
from edge.errors import AnalysisFailed, TooBusy
from edge.findings import Finding
from edge.frames import Keyframe
from edge.questions import (
    AnalysisRequest,
    AnalysisResult,
    Answer,
    Look,
    Question,
)
from edge.rules.asking import Asking
from edge.rules.book import RuleBook, Settlement

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 2  # a keyframe whose analyzer died is tried once more
MIN_DESCRIPTION_S = 1.0  # what the last of several descriptions has at least
RETRY_WITHIN_S = 120.0  # a model's first load on an N100 takes 63 s
DISABLED = "the camera was switched off or changed before its analysis"
STOPPED = "the daemon was stopped before its analysis"

Reply = Callable[[Answer | None, str], None]  # the answer, or None and what went wrong


class Analyst:
    """Takes keyframes and users' questions through the analyzer and the rules."""

    def __init__(
        self,
        *,
        host: AnalyzerHost,
        reporter: Reporter,
        rules: RuleBook,
        on_settled: Callable[[Settlement], None],
        deadline_s: float,
        recent: Recent | None = None,
        effort: EffortInForce | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.scheduler = Scheduler()
        self.host = host
        self.conversations = Conversations(self.scheduler, host)
        self.reporter = reporter
        self.rules = rules
        self.costs = Costs()
        self.effort = EffortInForce() if effort is None else effort
        self.deadline_s = deadline_s
        self.recent = Recent(0.0) if recent is None else recent
        self._on_settled = on_settled
        self._clock = clock
        self._replies: dict[str, Reply] = {}
        self._progress: dict[str, Progress] = {}  # of the running jobs about keyframes, by id

    def is_asked_about(self, keyframe: Keyframe) -> bool:
        """Whether some rule has a question about the keyframe."""
        return bool(self.rules.ask(keyframe).looks)

    def take_keyframe(self, keyframe: Keyframe, *, snapshot: bool) -> Finding:
        """A camera has a keyframe: report it, and queue it if there is anything to ask."""
        now = self._clock()
        finding = self.reporter.open(keyframe, snapshot=snapshot)
        effort = self.effort.of_analysis
        asking = self.rules.ask(keyframe, few=effort == "few")
        if not asking.looks:
            self.scheduler.count_unasked(keyframe.camera)
            self.reporter.end(finding.id, {})
            return finding
        if not self.effort.admits(keyframe, now):
            self.scheduler.count_left_out(keyframe.camera)
            self.reporter.end(finding.id, describe_left_out(asking))
            return finding
        job = Job(
            id=finding.id,
            keyframe=keyframe,
            looks=asking.looks,
            urgency=urgency_of(keyframe),
            offered_mono_s=now,
            covers_from_mono_s=now,
            asking=asking,
            effort=effort,
        )
        for gone in self.scheduler.offer(job):
            self.reporter.end(gone.job.id, {"superseded": gone.by.id})
        self.step()
        return finding

    def ask(self, request_id: str, keyframe: Keyframe, question: Question, reply: Reply) -> None:
        """A person asks about a picture: goes before the cameras' keyframes."""
        now = self._clock()
        job = Job(
            id=request_id,
            keyframe=keyframe,
            looks=(Look((), (question,)),),
            urgency=Urgency.USER,
            offered_mono_s=now,
            covers_from_mono_s=now,
        )
        if not self.scheduler.offer_user(job):
            reply(None, "too many questions are waiting; try again later")
            return
        self._replies[request_id] = reply
        self.step()

    def obey(self, order: Order) -> None:
        """A person talks about a picture: goes before the cameras' keyframes as well."""
        self.conversations.obey(order, self._clock())
        self.step()

    def step(self) -> None:
        """Drop what has waited for too long, give the analyzer its next job if it is free."""
        now = self._clock()
        for job in self.scheduler.drop_stale(now):
            waited = now - job.offered_mono_s
            reason = f"waited {waited:.0f} s for the analyzer"
            if isinstance(job, TurnJob):
                self.conversations.end(job.id, TooBusy(reason))
            elif job.is_user:
                self._replies.pop(job.id)(None, reason)
            else:
                self._end_unanalysed(job, "stale", reason)
        for running in self.scheduler.running:
            if not isinstance(running, Job) or self.host.has(running.id):
                continue
            if self.host.is_ready:  # its analyzer died, this is the next one
                self._submit(running)
            else:
                self._give_up_late(running, now)
        if not self.scheduler.running:
            self.host.recycle_if_due(now, is_quiet=not self.scheduler.num_waiting)
        while self.host.is_ready and (taken := self.scheduler.take(now, self.host.places)):
            self._begin(taken, now)

    def heard(self, message: object) -> None:
        """The analyzer says something."""
        if isinstance(message, EngineNews):
            self.host.heard(message, self._clock())
        match message:
            case Analysed(result):
                self.host.done(result.id)
                job = self.scheduler.find_running(result.id)
                if isinstance(job, Job):
                    self._progress[job.id].results.append(result)
                    self._answered(job, result)
            case AnalysisRefused(job_id, error, retry):
                self.host.done(job_id)
                job = self.scheduler.find_running(job_id)
                if isinstance(job, Job):
                    self._failed(job, error, retry=retry)
            case Piece():
                self.conversations.heard(message)
            case Talked(result):
                self.host.done(result.id)
                self.effort.load.count_person(result.timing.total_ms)
                if self.scheduler.find_running(result.id) is not None:
                    self.scheduler.finish(result.id, "analysed")
                    self.conversations.end(result.id, result)
            case TurnRefused(turn_id, error):
                self.host.done(turn_id)
                if self.scheduler.find_running(turn_id) is not None:
                    self.scheduler.finish(turn_id, "failed")
                    self.conversations.end(turn_id, error)
        self.step()

    def analyzer_gone(self, exitcode: int | None) -> None:
        """The analyzer's process has ended, whatever it had is to be tried again."""
        self.host.gone(exitcode, self._clock())
        for running in self.scheduler.running:
            if isinstance(running, TurnJob):
                self.scheduler.finish(running.id, "failed")
                self.conversations.analyzer_gone(running)
            else:
                self._failed(running, "the analyzer process ended during the analysis", retry=True)

    def forget_camera(self, camera: str) -> None:
        """A camera was removed, changed or switched off: its waiting keyframes end unanalysed."""
        self.recent.forget(camera)
        for job in self.scheduler.forget(camera):
            self._end_unanalysed(job, "stale", DISABLED)

    def stop(self, cameras: list[str]) -> None:
        """The daemon ends: so do all findings that are still open, and every user is answered."""
        waiting = self.scheduler.forget_users()
        for running in self.scheduler.running:
            if isinstance(running, TurnJob):
                waiting.append(self.scheduler.finish(running.id, "failed"))
            else:
                self._finish(running, "failed", STOPPED)
        for job in waiting:
            if isinstance(job, TurnJob):
                self.conversations.end(job.id, AnalysisFailed(STOPPED))
            else:
                self._replies.pop(job.id)(None, STOPPED)
        for camera in cameras:
            for kept in self.scheduler.forget(camera):
                self._end_unanalysed(kept, "stale", STOPPED)

    def _begin(self, job: Job | TurnJob, now_mono_s: float) -> None:
        """Take up the job: answer it from memory if that still holds, else send it."""
        if isinstance(job, TurnJob):
            self.conversations.submit(job, now_mono_s)
            return
        progress = self._progress[job.id] = Progress(now_mono_s)
        known = None if job.asking is None else self.recent.find(job)
        if job.asking is None or known is None:
            self._submit(job)
            return
        progress.is_reused = True
        progress.results.append(known)
        self._settle(job, job.asking, known)

    def _submit(self, job: Job) -> None:
        """Send a running job's next part: the questions, or a description after them."""
        now, progress = self._clock(), self._progress[job.id]
        request = AnalysisRequest(
            id=job.id,
            image=job.keyframe.image,
            before=job.keyframe.before,
            looks=job.looks,
            deadline_s=self.deadline_s,
            max_pixels=self.effort.max_pixels(job),
        )
        if progress.wanted:
            wanted = progress.wanted[0]
            request = replace(
                request,
                looks=(wanted.look,),
                describe=True,
                deadline_s=max(MIN_DESCRIPTION_S, progress.describe_until_mono_s - now),
                schema=wanted.schema,
            )
        self.host.submit(request, now, extra_s=request.allowed_s - request.deadline_s)

    def _describe_on(self, job: Job) -> None:
        """Have the next description written; the job is over without one, or time for it."""
        progress = self._progress[job.id]
        if progress.wanted and self._clock() < progress.describe_until_mono_s:
            self._submit(job)
            return
        if progress.wanted:
            progress.reason = f"no time was left for {len(progress.wanted)} more descriptions"
        self._finish(job, "analysed", progress.reason)

    def _give_up_late(self, job: Job, now_mono_s: float) -> None:
        """A job whose analyzer died does not wait for ever for the next one."""
        if now_mono_s - self._progress[job.id].started_mono_s > RETRY_WITHIN_S:
            self._failed(job, self.host.last_error or "no analyzer came up again", retry=False)

    def _answered(self, job: Job, result: AnalysisResult) -> None:
        progress = self._progress[job.id]
        if job.asking is None:
            self._finish(job, "analysed")
        elif progress.settled is not None:
            wanted = progress.wanted.popleft()
            self.costs.count_description(wanted.rules, result.timing.total_ms, self._clock())
            self._describe_on(job)
        else:
            asked = [rule.name for rule in job.asking.rules]
            self.costs.count_keyframe(asked, result.timing.total_ms, self._clock())
            self.recent.keep(job, result)
            self._settle(job, job.asking, result)

    def _settle(self, job: Job, asking: Asking, result: AnalysisResult) -> None:
        """The answers are there: let the rules judge, publish, go on to the description."""
        settlement = self.rules.settle(asking, result.answers, job.id)
        progress = self._progress[job.id]
        is_brief = job.effort == "few"
        progress.is_description_left_out = is_brief and bool(settlement.describe)
        changes = progress.settle(job, settlement, result, self.host.info)
        self.reporter.update(job.id, changes)
        self._on_settled(settlement)
        if is_brief or not settlement.describe:
            self._finish(job, "reused" if progress.is_reused else "analysed")
            return
        progress.wanted.extend(settlement.describe)
        progress.describe_until_mono_s = self._clock() + self.deadline_s
        self._submit(job)

    def _failed(self, job: Job, error: str, *, retry: bool) -> None:
        progress = self._progress[job.id]
        if progress.settled is not None:  # only a description is missing
            progress.reason = f"no description: {error}"
            progress.wanted.popleft()
            if retry:  # the model or its process failed, so the other descriptions are not tried
                progress.wanted.clear()
            self._describe_on(job)
        elif retry and job.attempts + 1 < MAX_ATTEMPTS:
            log.warning("%s: %s; it is tried once more", job.camera, error)
            self.scheduler.retry(job.id)
            self.step()
        else:
            log.warning("%s: analysis failed: %s", job.camera, error)
            self._finish(job, "failed", error)

    def _finish(self, job: Job, outcome: Outcome, reason: str = "") -> None:
        """A running job is over."""
        self.scheduler.finish(job.id, outcome)
        progress = self._progress.pop(job.id)
        if job.is_user:
            self.effort.load.count_person(progress.spent_ms)
            self._reply(job, progress, reason)
            return
        if outcome == "failed":
            spent_ms = (self._clock() - progress.started_mono_s) * 1000
            self.effort.count(job, spent_ms)
            self._end_unanalysed(job, "analysis_failed", reason)
            return
        if outcome == "analysed":
            self.host.spent(progress.spent_ms)
            self.effort.count(job, progress.spent_ms)
        self.reporter.end(job.id, progress.end(job, reason))

    def _reply(self, job: Job, progress: Progress, reason: str) -> None:
        reply = self._replies.pop(job.id)
        if progress.answers:
            reply(progress.answers[0], "")
        else:
            reply(None, reason or "the analysis gave no answer")

    def _end_unanalysed(self, job: Job, status: str, reason: str) -> None:
        self.reporter.end(
            job.id,
            {"status": status, "reason": reason, "covers_from": covers_from(job)},
        )
