"""Children are started, watched and replaced: decided by the times given, without processes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edge.capture.facts import Counters, SourceFacts
from edge.capture.settings import SourceSettings
from edge.daemon.analyzer_host import DEADLINE_MARGIN_S, LOAD_DEADLINE_S, AnalyzerHost
from edge.daemon.camera_host import CameraHost
from edge.daemon.messages import (
    CameraStatus,
    EngineAway,
    EngineFailed,
    EngineReady,
    Heartbeat,
    PaceKnown,
    ServerNews,
    SetLogLevel,
    Stop,
)
from edge.daemon.plans import AnalyzerPlan, CameraPlan
from edge.daemon.stats import capture_stats
from edge.elsewhere import ServerFacts
from edge.pace import Pace, PacePoint
from edge.questions import AnalysisRequest, ModelInfo
from edge.sampler.settings import SamplerSettings
from edge.vlm.settings import EngineSettings
from tests.support.keyframes import make_keyframe
from tests.support.scripted_child import Nursery

PLAN = CameraPlan(SourceSettings("porch", "demo:yard"), SamplerSettings("porch"))
INFO = ModelInfo("tiny", "int8", 1.5)


def make_camera() -> tuple[CameraHost, Nursery]:
    nursery = Nursery()
    return CameraHost(PLAN, nursery.spawn, stall_timeout_s=15), nursery


def make_analyzer() -> tuple[AnalyzerHost, Nursery]:
    nursery = Nursery()
    host = AnalyzerHost(AnalyzerPlan(EngineSettings(Path("/nowhere"))), nursery.spawn)
    host.check(0)
    return host, nursery


def request(deadline_s: float = 20.0) -> AnalysisRequest:
    image = make_keyframe().image
    return AnalysisRequest("a", image, None, (), deadline_s=deadline_s)


def test_a_silent_camera_is_killed_once_and_started_anew() -> None:
    host, nursery = make_camera()
    host.check(0)
    host.heard(5)
    host.check(19.9)
    assert not nursery.newest.killed
    host.check(20.1)
    assert nursery.newest.killed
    assert host.status.state == "stalled"
    host.gone(-9, 20.2)
    host.check(20.3)
    assert len(nursery.children) == 1, "not before the back-off is over"
    host.check(22)
    assert len(nursery.children) == 2
    assert host.slot.restarts == 1
    first, second = nursery.children
    assert not host.slot.is_current(first.generation)
    assert host.slot.is_current(second.generation)


def test_back_off_grows_and_starts_over_after_a_healthy_run() -> None:
    host, nursery = make_camera()
    now, delays = 0.0, []
    for _ in range(5):
        host.check(now)
        born = len(nursery.children)
        died = now
        host.gone(1, now)
        while len(nursery.children) == born:
            now += 0.1
            host.check(now)
        delays.append(now - died)
    assert delays == sorted(delays)
    assert delays[0] < 1.5
    assert delays[-1] > 20
    now += 100  # a healthy life
    host.gone(1, now)
    host.check(now + 1.5)
    assert len(nursery.children) == 7


def test_frames_are_counted_over_restarts_and_fps_over_a_minute() -> None:
    host, _ = make_camera()
    host.check(0)
    for second in range(100):
        host.beat(Heartbeat(second * 5), float(second))
    assert host.frames == 495
    assert host.fps() == pytest.approx(5.0)
    assert host.last_frame_age_s(100.0) == 1.0
    host.gone(1, 100)
    host.check(110)
    host.beat(Heartbeat(10), 111)
    assert host.frames == 505


def test_the_end_of_a_recording_is_not_a_failure() -> None:
    host, nursery = make_camera()
    host.check(0)
    host.changed(CameraStatus("ended"))
    host.gone(0, 1)
    host.check(1000)
    assert len(nursery.children) == 1
    assert host.slot.restarts == 0


def test_a_process_that_was_asked_to_end_has_not_failed() -> None:
    host, nursery = make_camera()
    host.check(0)
    host.changed(CameraStatus("online"))
    host.replace_plan(replace(PLAN, sampler=replace(PLAN.sampler, sensitivity=0.9)))
    assert nursery.newest.killed
    host.gone(-9, 1)
    assert host.status == CameraStatus("starting")
    assert (host.last_error, host.slot.restarts) == ("", 0)
    host.check(1)
    assert len(nursery.children) == 2, "no back-off"


def test_a_recording_that_is_replaced_is_no_recording_any_more() -> None:
    host, nursery = make_camera()
    host.check(0)
    host.changed(CameraStatus("ended"))
    host.gone(0, 1)
    host.slot.resume()  # as a reload with another source does
    host.check(2)
    host.gone(1, 3)  # dies before it has said anything
    host.check(10)
    assert len(nursery.children) == 3


def test_what_a_disabled_camera_still_says_does_not_enable_it() -> None:
    host, nursery = make_camera()
    host.check(0)
    host.disable()
    host.changed(CameraStatus("online"))  # it was opening its stream
    assert not host.is_enabled
    host.check(100)  # and then it hangs
    assert nursery.newest.killed
    assert host.status.state == "disabled"
    host.gone(-9, 101)
    host.enable()
    host.check(102)
    assert len(nursery.children) == 2


def test_no_two_processes_have_the_same_generation() -> None:
    first, first_nursery = make_camera()
    again, again_nursery = make_camera()
    first.check(0)
    again.check(0)
    assert not again.slot.is_current(first_nursery.newest.generation)
    assert again.slot.is_current(again_nursery.newest.generation)


def test_another_log_level_does_not_replace_a_process() -> None:
    host, nursery = make_analyzer()
    host.replace_plan(replace(host.plan, log_level="DEBUG"))
    assert nursery.newest.sent == [SetLogLevel("DEBUG")]
    assert not nursery.newest.killed
    host.replace_plan(replace(host.plan, nice=0))
    assert nursery.newest.killed


def test_the_same_failure_to_load_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    host, _ = make_analyzer()
    for error in ("no such file", "no such file", "another"):
        host.heard(EngineFailed(error), 0.0)
    assert [r.getMessage() for r in caplog.records if r.levelname == "ERROR"] == [
        "analyzer: no such file",
        "analyzer: another",
    ]


def test_disabled_means_no_process() -> None:
    host, nursery = make_camera()
    host.check(0)
    host.disable()
    assert nursery.newest.sent == [Stop()]
    host.gone(0, 1)
    host.check(1000)
    assert len(nursery.children) == 1
    host.enable()
    host.check(1001)
    assert len(nursery.children) == 2


def test_an_analysis_past_its_deadline_ends_the_process() -> None:
    host, nursery = make_analyzer()
    host.heard(EngineReady(INFO, 2.0), 0.0)
    host.submit(request(deadline_s=20), 100)
    host.check(120 + DEADLINE_MARGIN_S - 0.1)
    assert not nursery.newest.killed
    host.check(120 + DEADLINE_MARGIN_S + 0.1)
    assert nursery.newest.killed
    host.gone(-9, 131)
    assert host.state == "failed"
    host.check(140)
    assert host.state == "loading"


def test_a_model_that_loads_for_ever_is_given_up() -> None:
    host, nursery = make_analyzer()
    host.check(LOAD_DEADLINE_S - 1)
    assert not nursery.newest.killed
    host.check(LOAD_DEADLINE_S + 1)
    assert nursery.newest.killed


def test_while_a_server_is_away_nothing_is_submitted_and_a_silent_process_is_replaced() -> None:
    host, nursery = make_analyzer()
    host.heard(EngineReady(INFO, 2.0), 0.0)
    host.submit(request(deadline_s=20), 100)
    host.heard(EngineAway("nothing listens there"), 101)
    host.done("a")  # the refusal of the request
    assert (host.state, host.is_ready, host.last_error) == ("away", False, "nothing listens there")
    host.heard(ServerNews(ServerFacts("http://h/v1", failures=4)), 300)
    host.check(300 + LOAD_DEADLINE_S - 1)
    assert host.server is not None
    assert host.server.failures == 4
    assert not nursery.newest.killed
    host.check(300 + LOAD_DEADLINE_S + 1)
    assert nursery.newest.killed


def test_nothing_can_be_submitted_before_the_model_is_loaded() -> None:
    host, _ = make_analyzer()
    with pytest.raises(RuntimeError, match="loading"):
        host.submit(request(), 0)


def test_the_budget_is_the_measured_speed() -> None:
    host, _ = make_analyzer()
    assert host.keyframes_per_hour() is None
    assert host.keyframes_per_hour(2000.0) == 1800, "as measured, before the first"
    for milliseconds in (900, 1000, 1100):
        host.spent(milliseconds)
    assert host.median_ms() == 1000
    assert host.keyframes_per_hour(2000.0) == 3600


def test_the_pace_is_that_of_the_present_model() -> None:
    host, _ = make_analyzer()
    pace = Pace((PacePoint(65_536, 1, 500.0),))
    host.heard(PaceKnown(pace), 0)
    assert host.pace == pace
    host.replace_plan(AnalyzerPlan(EngineSettings(Path("/elsewhere"))))
    assert host.pace is None


def facts(received: int) -> SourceFacts:
    counters = Counters(received=received, seen=received - 1, decoded=4, left_out=5, lost=2)
    return SourceFacts("rtsp", "hevc", "", 1920, 1080, 24.999, 50, 2.0004, "idle", "", counters)


def test_a_quiet_camera_is_as_alive_as_its_packets() -> None:
    host, _ = make_camera()
    host.check(0)
    host.beat(Heartbeat(3, facts(100)), 1.0)
    host.beat(Heartbeat(3, facts(125)), 2.0)
    assert host.last_frame_age_s(2.5) == pytest.approx(0.5)
    host.beat(Heartbeat(3, facts(125)), 3.0)
    assert host.last_frame_age_s(3.0) == pytest.approx(1.0)
    host.gone(1, 4.0)
    assert host.capture is None


def test_what_capture_knows_is_published() -> None:
    stats = capture_stats(facts(100)).model_dump()
    assert stats == {
        "codec": "hevc",
        "hardware": "",
        "width": 1920,
        "height": 1080,
        "stream_fps": 25.0,
        "gop_frames": 50,
        "gop_s": 2.0,
        "decode": "idle",
        "reason": "",
        "received": 100,
        "decoded": 4,
        "left_out": 5,
        "wakes": 0,
        "corrupt": 0,
        "lost": 2,
        "gaps": 0,
        "drained": 0,
        "main": None,
    }
