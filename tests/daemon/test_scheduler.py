"""The scheduler: who gives way, who goes first, and an account that is always exact."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.daemon.jobs import Urgency
from edge.daemon.scheduler import MAX_USER_JOBS, Scheduler
from edge.findings import KeyframeCounts
from edge.frames import Trigger
from tests.support.keyframes import LEFT, RIGHT, make_job, make_keyframe


def assert_identity(counts: KeyframeCounts) -> None:
    assert counts.keyframes == (
        counts.analysed
        + counts.reused
        + counts.superseded
        + counts.stale
        + counts.failed
        + counts.waiting
    )


def test_two_wait_and_the_third_supersedes_the_similar_one() -> None:
    scheduler = Scheduler()
    left = make_job("left", make_keyframe(boxes=(LEFT,)), at=1.0)
    right = make_job("right", make_keyframe(boxes=(RIGHT,)), at=2.0)
    newer = make_job("newer", make_keyframe(boxes=(RIGHT,)), at=3.0)
    assert scheduler.offer(left) == scheduler.offer(right) == []
    (gone,) = scheduler.offer(newer)
    assert (gone.job.id, gone.by.id) == ("right", "newer")
    assert scheduler.take(4.0) == left
    scheduler.finish("left", "analysed")
    taken = scheduler.take(4.0)
    assert taken is not None
    assert taken.covers_from_mono_s == 2.0, "the span of the superseded one is merged"
    assert scheduler.counts("porch") == KeyframeCounts(
        keyframes=3, analysed=1, superseded=1, waiting=1
    )


def test_without_a_similar_one_the_oldest_gives_way() -> None:
    scheduler = Scheduler()
    for name, box in (("a", LEFT), ("b", LEFT)):
        scheduler.offer(make_job(name, make_keyframe(boxes=(box,)), at=ord(name)))
    (gone,) = scheduler.offer(make_job("c", make_keyframe(boxes=(RIGHT,)), at=200))
    assert gone.job.id == "a"


def test_a_job_that_asks_more_is_kept_where_another_can_go() -> None:
    scheduler = Scheduler()
    scheduler.offer(make_job("asks-more", make_keyframe(), at=1, questions=("q", "extra")))
    scheduler.offer(make_job("same", make_keyframe(), at=2))
    (gone,) = scheduler.offer(make_job("new", make_keyframe(), at=3))
    assert gone.job.id == "same"


def test_a_periodic_keyframe_does_not_push_out_urgent_ones() -> None:
    scheduler = Scheduler()
    for name in "ab":
        scheduler.offer(make_job(name, make_keyframe(trigger="scene", boxes=())))
    (gone,) = scheduler.offer(make_job("tick", make_keyframe(trigger="periodic", boxes=())))
    assert gone.job.id == "tick"
    assert_identity(scheduler.counts("porch"))


@pytest.mark.parametrize(
    ("waiting", "first"),
    [
        pytest.param([("motion", 0.2), ("motion", 0.9)], 1, id="strong before weak motion"),
        pytest.param([("motion", 0.9), ("scene", 0.1)], 1, id="scene before motion"),
        pytest.param([("motion", 0.9), ("tamper", 0.1)], 1, id="tamper before motion"),
        pytest.param([("periodic", 1.0), ("motion", 0.1)], 1, id="motion before periodic"),
        pytest.param([("motion", 0.9), ("motion", 0.8)], 0, id="else first come"),
    ],
)
def test_order_of_service(waiting: list[tuple[Trigger, float]], first: int) -> None:
    scheduler = Scheduler()
    for i, (trigger, score) in enumerate(waiting):
        keyframe = make_keyframe(f"cam{i}", trigger=trigger, score=score)
        scheduler.offer(make_job(str(i), keyframe, at=float(i)))
    taken = scheduler.take(5.0)
    assert taken is not None
    assert taken.id == str(first)


def test_users_go_first_and_are_bounded() -> None:
    scheduler = Scheduler()
    scheduler.offer(make_job("camera", make_keyframe()))
    user = make_job("user", make_keyframe(trigger="command"))
    user = replace(user, urgency=Urgency.USER)
    assert all(scheduler.offer_user(user) for _ in range(MAX_USER_JOBS))
    assert not scheduler.offer_user(user)
    assert scheduler.take(0.0) == user
    scheduler.finish("user", "analysed")
    assert scheduler.total() == KeyframeCounts(keyframes=1, waiting=1), "users are not keyframes"


def test_cameras_take_turns() -> None:
    scheduler = Scheduler()
    order = []
    for at in range(6):
        scheduler.offer(make_job(f"busy{at}", make_keyframe("busy"), at=at))
        if at == 1:
            scheduler.offer(make_job("calm", make_keyframe("calm"), at=at))
        job = scheduler.take(at)
        assert job is not None
        order.append(job.id)
        scheduler.finish(job.id, "analysed")
    assert order.index("calm") <= 2


def test_a_weak_one_that_waits_long_is_not_starved() -> None:
    scheduler = Scheduler(stale_after_s=30)
    scheduler.offer(make_job("weak", make_keyframe("calm", score=0.1), at=0))
    for at in range(0, 30, 2):
        keyframe = make_keyframe("busy", score=0.9)
        scheduler.offer(make_job(f"strong{at}", keyframe, at=at))
        scheduler.drop_stale(at)
        job = scheduler.take(at)
        assert job is not None
        scheduler.finish(job.id, "analysed")
        if job.id == "weak":
            return
    pytest.fail("the weak keyframe was never served")


def test_stale_jobs_are_dropped_and_counted() -> None:
    scheduler = Scheduler(stale_after_s=30)
    scheduler.offer(make_job("old", make_keyframe(), at=0))
    scheduler.offer(make_job("young", make_keyframe(), at=20))
    assert [job.id for job in scheduler.drop_stale(31)] == ["old"]
    assert scheduler.counts("porch") == KeyframeCounts(keyframes=2, stale=1, waiting=1)


def test_only_one_runs_and_a_retry_stays_the_running_one() -> None:
    scheduler = Scheduler()
    scheduler.offer(make_job("a", make_keyframe()))
    scheduler.offer(make_job("b", make_keyframe(boxes=(RIGHT,))))
    assert scheduler.take(0.0) is not None
    assert scheduler.take(0.0) is None
    assert scheduler.retry("a").attempts == 1
    assert scheduler.finish("a", "failed").attempts == 1
    with pytest.raises(KeyError):
        scheduler.finish("a", "failed")


def test_with_several_places_each_camera_has_one() -> None:
    scheduler = Scheduler()
    for camera in ("a", "b", "c"):
        scheduler.offer(make_job(f"{camera}1", make_keyframe(camera)))
        scheduler.offer(make_job(f"{camera}2", make_keyframe(camera, boxes=(RIGHT,))))
    taken = [scheduler.take(0.0, 5) for _ in range(5)]
    assert {job.id for job in taken if job is not None} == {"a1", "b1", "c1"}
    assert taken[3:] == [None, None], "answers about a camera come in order"
    scheduler.finish("b1", "analysed")
    assert scheduler.take(0.0, 2) is None, "both places are taken"
    last = scheduler.take(0.0, 3)
    assert last is not None
    assert last.id == "b2"
    assert scheduler.total() == KeyframeCounts(keyframes=6, analysed=1, waiting=5)


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(
            ["offer", "take", "analysed", "reused", "failed", "retry", "wait", "forget"]
        ),
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from(["motion", "scene", "periodic"]),
        st.floats(0, 1),
    ),
    max_size=120,
)


@settings(max_examples=200, deadline=None)
@given(ACTIONS, st.integers(1, 4))
def test_the_identity_holds_after_every_step(
    actions: list[tuple[str, str, Trigger, float]], num_places: int
) -> None:
    scheduler = Scheduler(stale_after_s=5)
    now, offered, gone = 0.0, 0, 0
    for i, (action, camera, trigger, score) in enumerate(actions):
        now += score
        if action == "offer":
            offered += 1
            keyframe = make_keyframe(camera, trigger=trigger, score=score)
            gone += len(scheduler.offer(make_job(str(i), keyframe, at=now)))
        elif action == "take":
            scheduler.take(now, num_places)
        elif action == "wait":
            now += 3
            gone += len(scheduler.drop_stale(now))
        elif action == "forget":
            gone += len(scheduler.forget(camera))
        elif scheduler.running and action == "retry":
            scheduler.retry(scheduler.running[0].id)
        elif scheduler.running and action in ("analysed", "reused", "failed"):
            running = scheduler.running[-1]
            scheduler.finish(running.id, action)  # type: ignore[arg-type]
            gone += 1
        total = scheduler.total()
        assert_identity(total)
        for name in "abc":
            assert_identity(scheduler.counts(name))
        assert total.keyframes == offered
        assert total.waiting == offered - gone
