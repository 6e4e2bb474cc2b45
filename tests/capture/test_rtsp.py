"""Live RTSP: a real server over TCP and UDP, with accounts, cut off, silent, read too slowly."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import islice, pairwise
from pathlib import Path

import pytest

from edge.capture.settings import SourceSettings
from edge.capture.source import open_source
from edge.errors import SourceBroken, SourceUnreachable, SourceUnsupported
from tests.support.rtsp import RtspServer, missing_server

pytestmark = pytest.mark.skipif(bool(missing_server()), reason=missing_server())

PASSWORD = "p@s:s/w%rdö"


@pytest.fixture(scope="module")
def server(h264_clip: Path, h265_clip: Path) -> Iterator[RtspServer]:
    with RtspServer({"/h264": h264_clip, "/h265": h265_clip}) as running:
        yield running


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("path", ["/h264", "/h265"])
def test_frames_over_the_network(server: RtspServer, path: str, transport: str) -> None:
    settings = SourceSettings("porch", server.url(path), transport=transport)
    with open_source(settings) as source:
        frames = list(islice(source.frames(), 6))
        facts = source.facts
    assert frames[0].after_gap
    assert frames[0].is_iframe
    assert not any(f.after_gap for f in frames[1:])
    assert all(b.pts_s - a.pts_s == pytest.approx(0.2, abs=0.05) for a, b in pairwise(frames))
    assert frames[0].pts_s == 0.0
    assert frames[0].image().shape == (180, 320, 3)
    assert (facts.codec, facts.width_px, facts.height_px) == (
        {"/h264": "h264", "/h265": "hevc"}[path],
        320,
        180,
    )
    assert (facts.counters.corrupt, facts.counters.lost, facts.counters.drains) == (0, 0, 0)


def test_the_end_of_a_live_stream_is_a_break(server: RtspServer) -> None:
    settings = SourceSettings("porch", server.url("/h264"))
    with open_source(settings) as source, pytest.raises(SourceBroken, match="camera porch: "):
        list(source.frames())
    assert source.facts.counters.decoded == pytest.approx(75, abs=2)


@pytest.mark.parametrize("digest", [False, True], ids=["basic", "digest"])
def test_accounts(h264_clip: Path, digest: bool) -> None:
    with RtspServer({"/cam": h264_clip}, user="me", password=PASSWORD, digest=digest) as server:
        with open_source(SourceSettings("porch", server.url("/cam"))) as source:
            assert next(source.frames()).after_gap
        wrong = SourceSettings("porch", server.url("/cam", password="geheim"))
        with pytest.raises(SourceUnsupported, match="refused the user name or the") as caught:
            open_source(wrong)
        assert "geheim" not in str(caught.value)
        assert f"rtsp://***@127.0.0.1:{server.port}/cam" in str(caught.value)


def test_an_unknown_path_and_a_closed_port(server: RtspServer) -> None:
    with pytest.raises(SourceUnreachable, match="the server knows no such stream"):
        open_source(SourceSettings("porch", server.url("/nothing")))
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with pytest.raises(SourceUnreachable, match="Connection refused"):
        open_source(SourceSettings("porch", f"rtsp://127.0.0.1:{port}/x"))


def test_a_killed_server_breaks_the_stream(h264_clip: Path) -> None:
    with (
        RtspServer({"/cam": h264_clip}, loop=True) as server,
        open_source(SourceSettings("porch", server.url("/cam"), read_timeout_s=3.0)) as source,
    ):
        frames = source.frames()
        next(frames)
        server.stop()
        started = time.monotonic()
        with pytest.raises(SourceBroken, match="camera porch: the "):
            list(frames)
        assert time.monotonic() - started < 6.0


def test_a_server_that_never_answers(silent_port: int) -> None:
    settings = SourceSettings(
        "porch", f"rtsp://u:geheim@127.0.0.1:{silent_port}/x", open_timeout_s=0.5
    )
    started = time.monotonic()
    with pytest.raises(SourceUnreachable, match=r"no answer within 0.5 s") as caught:
        open_source(settings)
    assert time.monotonic() - started < 3.0
    assert "geheim" not in str(caught.value)


def test_a_slow_reader_skips_to_the_newest_iframe(h264_clip: Path) -> None:
    with (
        RtspServer({"/cam": h264_clip}, loop=True) as server,
        open_source(SourceSettings("porch", server.url("/cam"))) as source,
    ):
        frames = source.frames()
        last = list(islice(frames, 7))[-1]
        time.sleep(2.8)  # what is being tested: the reader does something else meanwhile
        after = list(islice(frames, 7))
        counters = source.facts.counters
    resumed = next(f for f in after if f.after_gap)
    assert counters.drains == 1
    assert counters.drained > 20
    assert resumed.is_iframe
    # The frames are as old as their time says again: both clocks moved alike.
    lag_s = (after[-1].mono_s - last.mono_s) - (after[-1].pts_s - last.pts_s)
    assert lag_s < 1.5
    assert all(a.pts_s < b.pts_s and a.seq < b.seq for a, b in pairwise([last, *after]))


def test_nothing_native_reaches_stderr_with_a_password(silent_port: int) -> None:
    script = (
        "import logging, traceback, sys\n"
        "logging.basicConfig(level=logging.DEBUG)\n"
        "from edge.capture.settings import SourceSettings\n"
        "from edge.capture.source import open_source\n"
        "for url in sys.argv[1:]:\n"
        "    try: open_source(SourceSettings('porch', url, open_timeout_s=0.3))\n"
        "    except Exception: traceback.print_exc()\n"
    )
    urls = [
        f"rtsp://me:geheim@127.0.0.1:{silent_port}/x",
        "rtsp://me:geheim@127.0.0.1:9/x",
        "http://me:geheim@127.0.0.1:9/x",
        "rtsp://me:ge/heim@127.0.0.1:9/x",
        "http://127.0.0.1:9/x?token=geheim",
    ]
    done = subprocess.run(
        [sys.executable, "-c", script, *urls], capture_output=True, text=True, check=True
    )
    assert done.stderr.count("edge.errors.Source") == len(urls)
    assert "heim" not in done.stderr + done.stdout
