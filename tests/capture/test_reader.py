"""The reconnecting loop: scripted sources for the rules, real servers for the real thing."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest

from edge.capture import reader
from edge.capture.clock import Clock
from edge.capture.reader import CameraState, read_camera
from edge.capture.settings import SourceSettings
from edge.errors import (
    CaptureError,
    SourceBroken,
    SourceEnded,
    SourceUnreachable,
    SourceUnsupported,
)
from edge.frames import Frame
from tests.support.mjpeg import MjpegServer, encode_jpeg
from tests.support.rtsp import RtspServer

SETTINGS = SourceSettings("porch", "demo:street")


class Script:
    """A demo camera: each connection gives `frames` frames, 0.2 s apart, then its error."""

    def __init__(self, *connections: tuple[int, CaptureError | None]) -> None:
        self.connections = list(connections)
        self.now_s = 100.0
        self.states: list[CameraState] = []
        self.waits: list[float] = []
        self.closed = 0
        self.max_waits = 99
        self.opened: list[str] = []

    def open(self, settings: SourceSettings) -> "Script":
        self.opened.append(settings.url)
        if not self.connections:
            raise SourceUnreachable("nothing left")
        if self.connections[0][0] < 0:
            error = self.connections.pop(0)[1]
            assert error is not None
            raise error
        return self

    def frames(self) -> Iterator[Frame]:
        count, error = self.connections.pop(0)
        for index in range(count):
            self.now_s += 0.2
            yield self.frame(index)
        if error is not None:
            raise error

    def close(self) -> None:
        self.closed += 1

    def frame(self, index: int) -> Frame:
        return Frame(
            camera="porch",
            luma=np.zeros((9, 16), np.uint8),
            width_px=16,
            height_px=9,
            pts_s=index * 0.2,
            mono_s=self.now_s,
            captured_at=datetime.now(UTC),
            seq=index,
            is_iframe=index == 0,
            after_gap=False,
            read_image=lambda: np.zeros((9, 16, 3), np.uint8),
        )

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        self.now_s += seconds
        return len(self.waits) >= self.max_waits

    def read(self, settings: SourceSettings = SETTINGS) -> Iterator[Frame]:
        return read_camera(
            settings,
            on_state=self.states.append,
            wait=self.wait,
            openers={"demo": self.open},
            clock=Clock(mono_s=lambda: self.now_s),
            jitter=lambda: 0.5,
        )


def test_reconnects_and_marks_the_seam() -> None:
    script = Script((3, SourceBroken("cut")), (2, SourceEnded("end")))
    frames = list(script.read())
    assert [f.after_gap for f in frames] == [True, False, False, True, False]
    assert [round(f.pts_s, 3) for f in frames] == [0.0, 0.2, 0.4, 1.6, 1.8]
    assert [(s.status, s.error, s.retry_in_s) for s in script.states] == [
        ("online", "", None),
        ("offline", "cut", 1.0),
        ("online", "", None),
        ("ended", "end", None),
    ]
    assert script.waits == [1.0]
    assert script.closed == 2


def test_a_lost_connection_leaves_no_freed_memory_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """A camera that reconnects every minute for a year must not fragment its process's memory."""
    trimmed = []
    monkeypatch.setattr(reader, "trim_heap", lambda: trimmed.append(1))
    script = Script((1, SourceBroken("cut")), (1, SourceBroken("cut")), (1, SourceEnded("end")))
    assert len(list(script.read())) == 3
    assert len(trimmed) == 2


def test_each_failed_try_is_told_with_the_next_wait() -> None:
    script = Script(*[(-1, SourceUnreachable("down"))] * 4, (1, SourceEnded("end")))
    assert len(list(script.read())) == 1
    assert [s.retry_in_s for s in script.states[:4]] == [1.0, 2.0, 5.0, 10.0]
    assert script.waits == [1.0, 2.0, 5.0, 10.0]


def test_unsupported_is_told_and_tried_at_the_slowest_rate() -> None:
    script = Script((-1, SourceUnsupported("no decoder")), (1, SourceEnded("end")))
    assert len(list(script.read())) == 1
    assert script.states[0] == CameraState("porch", "offline", "no decoder", 60.0)
    assert script.waits == [60.0]


def test_a_minute_of_frames_forgives_earlier_failures() -> None:
    script = Script(
        *[(-1, SourceUnreachable("down"))] * 3,
        (310, SourceBroken("cut")),
        (10, SourceBroken("cut")),
        (1, SourceEnded("end")),
    )
    list(script.read())
    assert script.waits == [1.0, 2.0, 5.0, 1.0, 2.0]


def test_wait_can_stop_the_loop() -> None:
    script = Script(*[(-1, SourceUnreachable("down"))] * 9)
    script.max_waits = 2
    assert list(script.read()) == []
    assert script.waits == [1.0, 2.0]


TWO = SourceSettings("porch", "demo:sub", main_url="demo:main")
DOWN = (-1, SourceUnreachable("down"))


def test_the_main_stream_takes_a_failing_sub_streams_place_at_once() -> None:
    script = Script((2, SourceBroken("cut")), (3, SourceEnded("end")))
    assert len(list(script.read(TWO))) == 5
    assert script.opened == ["demo:sub", "demo:main"]
    assert script.waits == [0.0]


def test_a_camera_that_is_off_is_tried_with_both_streams_again() -> None:
    script = Script(DOWN, DOWN, DOWN, DOWN, (1, SourceEnded("end")))
    list(script.read(TWO))
    assert script.opened == ["demo:sub", "demo:main"] * 2 + ["demo:sub"]
    assert script.waits == [0.0, 1.0, 0.0, 2.0]


def test_the_sub_stream_is_tried_again_after_a_minute_then_after_two() -> None:
    script = Script(DOWN, (400, None), DOWN, (700, None), (1, SourceEnded("end")))
    frames = list(script.read(TWO))
    assert script.opened == ["demo:sub", "demo:main", "demo:sub", "demo:main", "demo:sub"]
    assert len(frames) == pytest.approx(60 * 5 + 120 * 5 + 1, abs=4)
    assert all(a.pts_s < b.pts_s for a, b in pairwise(frames))
    assert sum(f.after_gap for f in frames) == 3
    assert script.closed == 3


def test_a_sub_stream_that_held_is_tried_again_soon() -> None:
    script = Script(
        DOWN, (400, None), (900, SourceBroken("cut")), (400, None), (1, SourceEnded(""))
    )
    assert len(list(script.read(TWO))) == pytest.approx(300 + 900 + 300 + 1, abs=4)


def test_closing_the_iterator_closes_the_source() -> None:
    script = Script((5, None))
    frames = script.read()
    next(frames)
    frames.close()  # type: ignore[attr-defined]
    assert script.closed == 1


def test_a_source_that_just_stops_is_a_break() -> None:
    script = Script((2, None), (1, SourceEnded("end")))
    assert len(list(script.read())) == 3
    assert "gave no more frames" in script.states[1].error


def test_an_openers_error_is_redacted_too() -> None:
    script = Script((-1, SourceUnreachable("bad demo://u:geheim@x, geheim")), (1, SourceEnded("")))
    list(script.read(SourceSettings("porch", "demo://u:geheim@x")))
    assert "geheim" not in script.states[0].error


def test_a_file_ends_and_other_schemes_do_not_take_its_place(h264_clip: Path) -> None:
    states: list[CameraState] = []
    settings = SourceSettings("porch", str(h264_clip), realtime=False)
    frames = list(read_camera(settings, on_state=states.append, wait=never))
    assert len(frames) == 15
    assert [s.status for s in states] == ["online", "ended"]


def never(seconds: float) -> bool:
    raise AssertionError(f"nothing to wait {seconds} s for")


def reconnect(settings: SourceSettings, back: Callable[[], None]) -> tuple[list[Frame], list]:
    """Frames around one failure; `back` mends the camera while the reader waits."""
    states: list[CameraState] = []

    def wait(seconds: float) -> bool:
        back()
        return False

    camera = read_camera(settings, on_state=states.append, wait=wait)
    frames: list[Frame] = []
    for frame in camera:
        frames.append(frame)
        if len([s for s in states if s.status == "online"]) == 2 and len(frames) > 8:
            break
    camera.close()  # type: ignore[attr-defined]
    return frames, states


def test_over_a_restart_of_a_real_rtsp_server(h264_clip: Path) -> None:
    with RtspServer({"/cam": h264_clip}, loop=True, user="me", password="geheim") as server:
        states: list[CameraState] = []

        def wait(seconds: float) -> bool:
            server.start()
            return False

        settings = SourceSettings("porch", server.url("/cam"), read_timeout_s=3.0)
        camera = read_camera(settings, on_state=states.append, wait=wait)
        before = list(islice(camera, 4))
        server.stop()
        after: list[Frame] = []
        while not after or len(states) < 3 or len(after) < 6:
            after.append(next(camera))
        camera.close()  # type: ignore[attr-defined]
    statuses = [s.status for s in states]
    assert statuses[0] == "online"
    assert statuses[-1] == "online"
    assert set(statuses[1:-1]) == {"offline"}
    assert not any("geheim" in s.error for s in states)
    seam = [f for f in after if f.after_gap]
    assert len(seam) == 1
    assert seam[0].is_iframe
    assert all(a.pts_s < b.pts_s for a, b in pairwise(before + after))


def test_a_real_camera_without_its_sub_stream_is_seen_in_the_main_one(h264_clip: Path) -> None:
    with RtspServer({"/main": h264_clip}, loop=True) as server:
        states: list[CameraState] = []
        settings = SourceSettings("porch", server.url("/sub"), main_url=server.url("/main"))
        camera = read_camera(settings, on_state=states.append, wait=lambda _: False)
        frames = list(islice(camera, 4))
        camera.close()  # type: ignore[attr-defined]
    assert [s.status for s in states] == ["offline", "online"]
    assert "no such stream" in states[0].error
    assert (frames[0].width_px, frames[0].after_gap) == (320, True)


def test_over_a_stall_of_a_real_http_camera() -> None:
    jpeg = encode_jpeg(np.full((120, 160, 3), 90, np.uint8))
    with MjpegServer([jpeg], fps=20, fault="stall") as server:

        def mend() -> None:
            server.fault = "none"

        settings = SourceSettings("porch", server.url, read_timeout_s=0.5)
        frames, states = reconnect(settings, mend)
    assert [s.status for s in states] == ["online", "offline", "online"]
    assert "nothing received for 0.5 s" in states[1].error
    assert sum(f.after_gap for f in frames) == 2
    assert server.connections == 2
