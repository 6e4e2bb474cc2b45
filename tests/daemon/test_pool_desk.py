"""The desk of the pool: what is published when, and what counts as an answer."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from edge.daemon.pool_desk import LEASE_MARGIN_S, MAX_PLACES, MAX_SEEN, TAKE_S, Desk


def desk_with(*workers: str) -> Desk:
    desk = Desk()
    for worker in workers:
        desk.ready(worker)
    return desk


def published(desk: Desk, now: float) -> list[str]:
    return [errand.id for errand in desk.due(now)]


def test_places_are_the_workers_that_are_ready() -> None:
    desk = desk_with("a", "b", "b")
    assert desk.places == 2
    desk.gone("a", 0)
    assert desk.places == 1
    assert desk_with(*(f"w{n}" for n in range(40))).places == MAX_PLACES


def test_a_job_waits_for_a_worker() -> None:
    desk = desk_with()
    desk.offer("j", b"", 20, 100)
    assert published(desk, 0) == []
    desk.ready("a")
    assert published(desk, 1) == ["j"]
    assert published(desk, 1.1) == []


def test_a_job_that_nobody_takes_is_published_again() -> None:
    desk = desk_with("a")
    desk.offer("j", b"", 20, 100)
    assert published(desk, 0) == ["j"]
    assert published(desk, TAKE_S - 0.1) == []
    assert published(desk, TAKE_S) == ["j"]
    assert desk.facts.redelivered == 1


def test_a_worker_that_goes_away_gives_its_job_back_at_once() -> None:
    desk = desk_with("a", "b")
    for job in ("j", "k"):
        desk.offer(job, b"", 20, 100)
    assert published(desk, 0) == ["j", "k"]
    desk.taken("j", "a", 0.1)
    desk.taken("k", "b", 0.1)
    desk.gone("a", 1)
    assert published(desk, 1) == ["j"]


def test_a_worker_that_does_not_answer_within_its_lease_is_not_waited_for() -> None:
    desk = desk_with("a", "b")
    desk.offer("j", b"", 20, 100)
    assert published(desk, 0) == ["j"]
    desk.taken("j", "a", 1)
    assert published(desk, 20 + LEASE_MARGIN_S) == []
    assert published(desk, 21 + LEASE_MARGIN_S) == ["j"]


def test_the_first_answer_counts() -> None:
    desk = desk_with("a")
    desk.offer("j", b"", 20, 100)
    assert published(desk, 0) == ["j"]
    assert desk.answered("j")
    assert not desk.answered("j")
    assert not desk.answered("a stranger's")
    assert (desk.facts.answered, desk.facts.doubled, desk.facts.in_flight) == (1, 2, 0)
    desk.taken("j", "a", 1)  # too late: nothing comes of it
    assert published(desk, 100) == []


def test_where_the_broker_has_nobody_no_worker_is_ready() -> None:
    desk = desk_with("a")  # its note is from before its box was switched off
    desk.offer("j", b"", 20, 100)
    assert published(desk, 0) == ["j"]
    desk.unclaimed("j")
    assert desk.places == 0
    desk.ready("b")
    assert published(desk, 0.5) == ["j"]


def test_without_the_broker_all_is_published_again_later() -> None:
    desk = desk_with("a")
    desk.offer("j", b"", 20, 100)
    assert published(desk, 0) == ["j"]
    desk.taken("j", "a", 0.1)
    desk.cut_off()
    assert (desk.places, published(desk, 1)) == (0, [])
    desk.ready("a")
    assert published(desk, 2) == ["j"]


def test_a_job_is_given_up_at_the_end_of_its_time() -> None:
    desk = desk_with()
    desk.offer("j", b"", 20, 80)
    desk.offer("k", b"", 20, 90)
    assert desk.give_up(79) == []
    assert desk.give_up(80) == ["j"]
    assert desk.take_back() == ["k"]
    facts = desk.facts
    assert (facts.jobs, facts.given_up, facts.taken_back, facts.in_flight) == (2, 1, 1, 0)


def test_workers_that_were_there_are_counted_once() -> None:
    desk = desk_with("a", "b")
    desk.gone("a", 0)
    desk.ready("a")
    desk.cut_off()
    assert (desk.facts.workers, desk.facts.workers_seen) == (0, 2)
    for number in range(2 * MAX_SEEN):
        desk.ready(f"stranger{number}")
    assert desk.facts.workers_seen == MAX_SEEN


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["offer", "due", "taken", "answer", "ready", "gone", "unclaimed", "cut", "late", "back"]
        ),
        st.integers(0, 5),
        st.sampled_from("abc"),
    ),
    max_size=150,
)


@settings(max_examples=200, deadline=None)
@given(STEPS)
def test_no_job_is_lost_or_answered_twice(steps: list[tuple[str, int, str]]) -> None:
    desk, now, num = Desk(), 0.0, 0
    offered: set[str] = set()
    ended: list[str] = []
    for action, number, worker in steps:
        now += number
        job = f"job{number}"
        match action:
            case "offer":
                num += 1
                offered.add(f"job{num}")
                desk.offer(f"job{num}", b"", 20, now + 100)
            case "due":
                list(desk.due(now))
            case "taken":
                desk.taken(job, worker, now)
            case "answer":
                if desk.answered(job):
                    ended.append(job)
            case "ready":
                desk.ready(worker)
            case "gone":
                desk.gone(worker, now)
            case "unclaimed":
                desk.unclaimed(job)
            case "cut":
                desk.cut_off()
            case _:
                ended += desk.give_up(now) if action == "late" else desk.take_back()
        assert len(ended) == len(set(ended))
        facts = desk.facts
        assert facts.in_flight == len(offered) - len(ended)
        assert facts.jobs == facts.answered + facts.taken_back + facts.given_up + facts.in_flight
    desk.ready("z")
    waiting = offered - set(ended)
    assert {e.id for e in desk.due(now + 1000)} == waiting, "what is left can still be done"
