"""HTTP cameras: MJPEG in real time, stalled, cut off, silent, guarded, and pages that are none."""

import time
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice, pairwise
from pathlib import Path
from threading import Thread

import pytest

from edge.capture.clock import Clock
from edge.capture.settings import SourceSettings
from edge.capture.source import open_source
from edge.errors import (
    CaptureError,
    SourceBroken,
    SourceEnded,
    SourceUnreachable,
    SourceUnsupported,
)
from tests.support.clips import moving_scene
from tests.support.mjpeg import MjpegServer, encode_jpeg


@pytest.fixture(scope="module")
def jpegs() -> list[bytes]:
    return [encode_jpeg(image) for _, image in moving_scene(1, size=(160, 120), fps=20)]


def test_time_is_the_receive_clock_and_pictures_off_the_grid_are_not_decoded(
    jpegs: list[bytes],
) -> None:
    with (
        MjpegServer(jpegs, fps=20) as server,
        open_source(SourceSettings("porch", server.url)) as source,
    ):
        frames = list(islice(source.frames(), 8))
        facts = source.facts
    # A busy machine may hold single pictures up, but the grid never runs ahead of the clock.
    assert all(a.pts_s < b.pts_s for a, b in pairwise(frames))
    assert frames[-1].pts_s >= 7 * 0.2 - 0.1
    assert frames[-1].mono_s - frames[0].mono_s == pytest.approx(frames[-1].pts_s, abs=0.01)
    assert [f.after_gap for f in frames] == [True] + [False] * 7
    assert all(f.is_iframe for f in frames)
    assert facts.codec == "mjpeg"
    assert facts.counters.decoded == len(frames)
    assert facts.counters.seen > len(frames)
    assert frames[-1].image().shape == (120, 160, 3)


def test_a_stall_ends_with_the_read_timeout(jpegs: list[bytes]) -> None:
    with MjpegServer(jpegs, fps=20, fault="stall") as server:
        settings = SourceSettings("porch", server.url, read_timeout_s=0.6)
        with open_source(settings) as source:
            frames = source.frames()
            next(frames)
            with pytest.raises(SourceBroken, match=r"nothing received for 0.6 s"):
                list(frames)


def test_a_closed_connection_is_a_break(jpegs: list[bytes]) -> None:
    with (
        MjpegServer(jpegs, fps=20, fault="close") as server,
        open_source(SourceSettings("porch", server.url)) as source,
        pytest.raises(SourceBroken, match="camera porch: "),
    ):
        list(source.frames())


def test_a_camera_that_only_sends_rubbish_is_broken(jpegs: list[bytes]) -> None:
    with MjpegServer(jpegs, fps=20) as server:
        # A minute of rubbish passes in a second.
        clock = Clock(mono_s=lambda: 60.0 * time.monotonic())
        with open_source(SourceSettings("porch", server.url), clock) as source:
            frames = source.frames()
            next(frames)
            server.jpegs = [b"\xff\xd8" + b"rubbish" * 100 + b"\xff\xd9"]
            with pytest.raises(SourceBroken, match=r"nothing could be decoded for \d+ s"):
                list(frames)
            assert source.facts.counters.corrupt > 5


@pytest.mark.parametrize(
    ("fault", "kind"), [("mute", SourceUnreachable), ("page", SourceUnreachable)]
)
def test_servers_that_are_no_camera(
    jpegs: list[bytes], fault: str, kind: type[CaptureError]
) -> None:
    with MjpegServer(jpegs, fault=fault) as server:
        started = time.monotonic()
        with pytest.raises(kind, match="camera porch: "):
            open_source(SourceSettings("porch", server.url, open_timeout_s=0.5))
        assert time.monotonic() - started < 3.0


def test_accounts(jpegs: list[bytes]) -> None:
    with MjpegServer(jpegs, user="me", password="p@ss") as server:
        right = server.url.replace("://", "://me:p%40ss@")
        with open_source(SourceSettings("porch", right)) as source:
            assert next(source.frames()).after_gap
        wrong = server.url.replace("://", "://me:geheim@")
        with pytest.raises(SourceUnsupported, match="refused the user name or the") as caught:
            open_source(SourceSettings("porch", wrong))
        assert "geheim" not in str(caught.value)


@pytest.fixture
def folder_url(clips: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(clips)))
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_recording_over_http_has_an_end(folder_url: str, h264_clip: Path) -> None:
    settings = SourceSettings("porch", f"{folder_url}/{h264_clip.name}", realtime=False)
    with open_source(settings) as source:
        frames = source.frames()
        times = [frame.pts_s for frame in islice(frames, 15)]
        with pytest.raises(SourceEnded):
            next(frames)
    assert times == pytest.approx([i * 0.2 for i in range(15)])
    with pytest.raises(SourceUnreachable, match="the server knows no such stream"):
        open_source(SourceSettings("porch", f"{folder_url}/missing.mp4"))
