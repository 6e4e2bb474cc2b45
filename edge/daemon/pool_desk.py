"""The desk where jobs for the pool are handed out and their answers come in. Pure.

Decides by the times it is given. A job is published, taken by a worker, answered. It is published
again when nobody takes it within TAKE_S (the broker deals out in turn, also to a worker that is
busy, and lets the message expire), when the worker that has it goes away, and when that worker does
not answer within its lease. So a job may be done twice; the first answer counts, others are told
apart by the id. A job without an answer at the end of its time is given back.

| queue               | bound                  | when full                       |
|---------------------|------------------------|---------------------------------|
| jobs with the desk  | a place for each       | the scheduler hands out no more |
|                     | worker that is ready   |                                 |
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from edge.elsewhere import PoolFacts

TAKE_S = 3.0  # a ready worker takes a job within milliseconds
LEASE_MARGIN_S = 5.0  # on top of a job's deadline, for the way there and back
MAX_PLACES = 16
MAX_SEEN = 1000  # names kept to count them; whoever may write notes can invent any number


@dataclass(slots=True)
class Errand:
    """A job under way. `worker` has taken it; "" while nobody has."""

    id: str
    payload: bytes
    lease_s: float
    give_up_mono_s: float
    again_mono_s: float = -math.inf  # when it is to be published (again)
    worker: str = ""
    published: int = 0


class Desk:
    """Who is ready to work, and which jobs are under way."""

    def __init__(self) -> None:
        self._ready: set[str] = set()
        self._seen: set[str] = set()
        self._errands: dict[str, Errand] = {}
        self._jobs = self._answered = self._taken_back = self._given_up = 0
        self._redelivered = self._doubled = 0

    @property
    def places(self) -> int:
        """How many jobs are worth having at once; 0 while no worker is ready."""
        return min(len(self._ready), MAX_PLACES)

    @property
    def facts(self) -> PoolFacts:
        """The counts, but for what is done without the pool."""
        return PoolFacts(
            workers=len(self._ready),
            in_flight=len(self._errands),
            answered=self._answered,
            redelivered=self._redelivered,
            doubled=self._doubled,
            workers_seen=len(self._seen),
            jobs=self._jobs,
            taken_back=self._taken_back,
            given_up=self._given_up,
        )

    def offer(self, job_id: str, payload: bytes, deadline_s: float, give_up_mono_s: float) -> None:
        """A job is to be done; after `give_up_mono_s` no answer is of use."""
        lease_s = deadline_s + LEASE_MARGIN_S
        self._jobs += 1
        self._errands[job_id] = Errand(job_id, payload, lease_s, give_up_mono_s)

    def due(self, now_mono_s: float) -> Iterator[Errand]:
        """The jobs that are to be published now; nothing is while no worker is ready."""
        for errand in self._errands.values() if self._ready else ():
            if errand.again_mono_s <= now_mono_s:
                errand.worker = ""
                errand.published += 1
                errand.again_mono_s = now_mono_s + TAKE_S
                self._redelivered += errand.published == 2
                yield errand

    def taken(self, job_id: str, worker: str, now_mono_s: float) -> None:
        """A worker says that it has a job."""
        errand = self._errands.get(job_id)
        if errand is not None:
            errand.worker = worker
            errand.again_mono_s = now_mono_s + errand.lease_s

    def answered(self, job_id: str) -> bool:
        """An answer has come; whether it is the first."""
        if self._errands.pop(job_id, None) is None:
            self._doubled += 1
            return False
        self._answered += 1
        return True

    def unclaimed(self, job_id: str) -> None:
        """The broker had nobody to give a job to: no worker is ready, whatever their notes say."""
        errand = self._errands.get(job_id)
        if errand is not None and not errand.worker:
            self._ready.clear()
            errand.again_mono_s = -math.inf

    def ready(self, worker: str) -> None:
        """A worker takes jobs."""
        self._ready.add(worker)
        if len(self._seen) < MAX_SEEN:
            self._seen.add(worker)

    def gone(self, worker: str, now_mono_s: float) -> None:
        """A worker takes no more jobs; what it had is to be done by another."""
        self._ready.discard(worker)
        for errand in self._errands.values():
            if errand.worker == worker:
                errand.again_mono_s = now_mono_s

    def cut_off(self) -> None:
        """The broker is away: who is ready is not known, and what was published may not arrive."""
        self._ready.clear()
        for errand in self._errands.values():
            errand.again_mono_s = -math.inf

    def take_back(self) -> list[str]:
        """The ids of all jobs under way, which are not any more: another does them."""
        ids = list(self._errands)
        self._errands.clear()
        self._taken_back += len(ids)
        return ids

    def give_up(self, now_mono_s: float) -> list[str]:
        """The ids of jobs whose time is over; they are not under way any more."""
        late = [e.id for e in self._errands.values() if now_mono_s >= e.give_up_mono_s]
        for job_id in late:
            del self._errands[job_id]
        self._given_up += len(late)
        return late
