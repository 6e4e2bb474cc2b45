"""Which job the analyzer does next, which ones give way, and an exact account of all of them.

Pure: time is an argument, nothing here touches a process or a file. The analyst offers jobs, takes
the next one when the analyzer has a place for it and reports how it ended. A model on this box has
one place, a pool of boxes has several. At all times, for every camera:

    keyframes = analysed + reused + superseded + stale + failed + waiting

| queue                    | bound       | when full                                           |
|--------------------------|-------------|-----------------------------------------------------|
| a camera's waiting slots | 2 keyframes | an older similar or less urgent one is superseded   |
| persons' questions       | 8           | refused: `offer_user` returns False                 |
| with the analyzer        | its places  | `take` returns None                                 |
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal

from edge.daemon.jobs import Job, TurnJob, is_similar
from edge.findings import KeyframeCounts

Outcome = Literal["analysed", "reused", "failed"]

WAITING_SLOTS = 2
MAX_USER_JOBS = 8
STALE_AFTER_S = 30.0
USER_STALE_AFTER_S = 120.0  # a person waits even for a model that is being loaded


@dataclass(frozen=True, slots=True)
class Superseded:
    """`job` gave way to `by` and will not be analysed."""

    job: Job
    by: Job


class Scheduler:
    """Waiting slots, order of service and accounting for all cameras."""

    def __init__(self, *, stale_after_s: float = STALE_AFTER_S) -> None:
        self._stale_after_s = stale_after_s
        self._slots: dict[str, list[Job]] = {}
        self._user: deque[Job | TurnJob] = deque()
        self._running: dict[str, Job | TurnJob] = {}
        self._served_mono_s: dict[str, float] = {}
        self._counts: dict[str, KeyframeCounts] = {}

    @property
    def running(self) -> tuple[Job | TurnJob, ...]:
        """The jobs that the analyzer has now, the oldest first."""
        return tuple(self._running.values())

    def find_running(self, job_id: str) -> Job | TurnJob | None:
        """The running job of that id, if there is one."""
        return self._running.get(job_id)

    @property
    def num_waiting(self) -> int:
        """Jobs in waiting slots and user questions, without the running ones."""
        return sum(len(slots) for slots in self._slots.values()) + len(self._user)

    def offer(self, job: Job) -> list[Superseded]:
        """Queue a keyframe's job; returns the jobs that will not be analysed because of it.

        The newest wins its place, except against jobs that are all more urgent than itself: then it
        is superseded itself.
        """
        self._count(job.camera, keyframes=1, waiting=1)
        slots = self._slots.setdefault(job.camera, [])
        if len(slots) < WAITING_SLOTS:
            slots.append(job)
            return []
        victim = _victim(slots, job)
        self._count(job.camera, waiting=-1, superseded=1)
        if victim is None:
            return [Superseded(job, by=slots[-1])]
        slots.remove(victim)
        slots.append(job.merged_with(victim))
        return [Superseded(victim, by=job)]

    def offer_user(self, job: Job | TurnJob) -> bool:
        """Queue a person's question or turn; False if too many wait already."""
        if len(self._user) >= MAX_USER_JOBS:
            return False
        self._user.append(job)
        return True

    def withdraw(self, job_id: str) -> bool:
        """Take a waiting question or turn of a person's out of the queue; whether it was there."""
        for job in self._user:
            if job.id == job_id:
                self._user.remove(job)
                return True
        return False

    def drop_stale(self, now_mono_s: float) -> list[Job | TurnJob]:
        """Remove and return the jobs that have waited for too long, users' questions among them."""
        dropped: list[Job | TurnJob] = []
        while self._user and now_mono_s - self._user[0].offered_mono_s > USER_STALE_AFTER_S:
            dropped.append(self._user.popleft())
        for camera, slots in self._slots.items():
            for job in list(slots):
                if now_mono_s - job.offered_mono_s > self._stale_after_s:
                    slots.remove(job)
                    dropped.append(job)
                    self._count(camera, waiting=-1, stale=1)
        return dropped

    def take(self, now_mono_s: float, num_places: int = 1) -> Job | TurnJob | None:
        """The next job, which is then running; None if nothing waits or all places are taken.

        Users first, then by urgency; among equals the camera that was served longest ago. A job
        that has waited half of the stale limit moves up one step, so that a busy camera cannot
        starve another. Call `drop_stale` before.
        """
        if len(self._running) >= num_places:
            return None
        if self._user:
            person = self._user.popleft()
            self._running[person.id] = person
            return person
        # One of a camera's at a time: rules want the answers about it in the order of its pictures.
        busy = {job.camera for job in self._running.values() if isinstance(job, Job)}
        waiting = [job for camera in self._slots.keys() - busy for job in self._slots[camera]]
        if not waiting:
            return None

        def order(job: Job) -> tuple[int, float, float]:
            aged = now_mono_s - job.offered_mono_s > self._stale_after_s / 2
            served = self._served_mono_s.get(job.camera, float("-inf"))
            return job.urgency - aged, served, job.offered_mono_s

        job = min(waiting, key=order)
        self._slots[job.camera].remove(job)
        self._served_mono_s[job.camera] = now_mono_s
        self._running[job.id] = job
        return job

    def retry(self, job_id: str) -> Job:
        """A running job is to be run once more (its analyzer died); it stays a running one."""
        running = self._running[job_id]
        if isinstance(running, TurnJob):
            raise TypeError("a turn is not tried again: its conversation is gone")
        retried = running.retried()
        self._running[job_id] = retried
        return retried

    def finish(self, job_id: str, outcome: Outcome) -> Job | TurnJob:
        """A running job ended; its place is free again. KeyError if it is not running."""
        job = self._running.pop(job_id)
        if isinstance(job, Job) and not job.is_user:
            self._count(
                job.camera,
                waiting=-1,
                analysed=int(outcome == "analysed"),
                reused=int(outcome == "reused"),
                failed=int(outcome == "failed"),
            )
        return job

    def count_left_out(self, camera: str) -> None:
        """Count a keyframe that was reported without asking the model because of the load."""
        self._count(camera, left_out=1)

    def count_unasked(self, camera: str) -> None:
        """Count a keyframe that was reported without asking the model."""
        self._count(camera, unasked=1)

    def forget(self, camera: str) -> list[Job]:
        """Remove a camera's waiting jobs (it was removed or changed); they are counted stale."""
        dropped = self._slots.pop(camera, [])
        if dropped:
            self._count(camera, waiting=-len(dropped), stale=len(dropped))
        return dropped

    def forget_users(self) -> list[Job | TurnJob]:
        """Remove all that wait for a person."""
        dropped = list(self._user)
        self._user.clear()
        return dropped

    def counts(self, camera: str) -> KeyframeCounts:
        """The account of one camera."""
        return self._counts.get(camera, KeyframeCounts())

    def total(self) -> KeyframeCounts:
        """The account of the box, cameras removed since the start included."""
        fields = KeyframeCounts.model_fields
        return KeyframeCounts(
            **{f: sum(getattr(c, f) for c in self._counts.values()) for f in fields}
        )

    def _count(self, camera: str, **changes: int) -> None:
        old = self._counts.get(camera, KeyframeCounts())
        self._counts[camera] = old.model_copy(
            update={name: getattr(old, name) + change for name, change in changes.items()}
        )


def _victim(slots: list[Job], new: Job) -> Job | None:
    """Which waiting job gives way to `new`; None if all are more urgent than it."""
    may_go = [job for job in slots if job.urgency >= new.urgency]
    if not may_go:
        return None

    def order(job: Job) -> tuple[bool, bool, int, float]:
        asks_more = not job.question_ids <= new.question_ids
        return asks_more, not is_similar(job, new), -job.urgency, job.offered_mono_s

    return min(may_go, key=order)
