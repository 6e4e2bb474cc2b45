"""A real RTSP camera for tests: Debian's GStreamer RTSP server, playing clips in real time.

    with RtspServer({"/cam": path}, loop=True) as server:
        server.url("/cam")

The pictures are passed through as they were encoded (H.264 or H.265 in an mp4). Each client gets
its own playback from the start of the clip, unless `shared`. Skips the test where the server is
missing.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import av
import pytest

from tests.support.clips import repeat_clip

SYSTEM_PYTHON = "/usr/bin/python3"
LOOPED_CLIP_S = 900.0  # a looped clip is repeated, without re-encoding, to last this long
START_TIMEOUT_S = 20.0
PAYLOADERS = {"h264": "h264parse ! rtph264pay", "hevc": "h265parse ! rtph265pay"}


@cache
def missing_server() -> str:
    """Why the RTSP server cannot run here; empty where it can."""
    probe = (
        "import gi; gi.require_version('GstRtspServer', '1.0');"
        "from gi.repository import Gst, GstRtspServer; Gst.init(None);"
        "missing = [e for e in ('qtdemux', 'h264parse', 'h265parse', 'rtph264pay', 'rtph265pay')"
        " if Gst.ElementFactory.find(e) is None];"
        "raise SystemExit(f'no GStreamer elements {missing}' if missing else 0)"
    )
    if not Path(SYSTEM_PYTHON).exists():
        return f"{SYSTEM_PYTHON} is missing"
    done = subprocess.run(
        [SYSTEM_PYTHON, "-W", "ignore", "-c", probe], capture_output=True, text=True, check=False
    )
    return "" if done.returncode == 0 else f"no GStreamer RTSP server: {done.stderr.strip()[-200:]}"


class RtspServer:
    """Serves the clips in `mounts` (path on the server -> mp4 file) on a free loopback port.

    A text in the place of a file is a GStreamer pipeline that ends in `name=pay0`.

    `stop()` kills the process as a power cut would; `start()` brings it back on the same port.
    """

    def __init__(
        self,
        mounts: Mapping[str, Path | str],
        *,
        loop: bool = False,
        shared: bool = False,
        user: str = "",
        password: str = "",
        digest: bool = False,
    ) -> None:
        if missing_server():
            pytest.skip(missing_server())
        self._mounts = dict(mounts)
        self._loop = loop
        self._shared = shared
        self._user, self._password, self._digest = user, password, digest
        self._folder = tempfile.TemporaryDirectory(prefix="rtsp-")
        self._process: subprocess.Popen[str] | None = None
        self.port = 0

    def url(self, path: str, *, password: str | None = None) -> str:
        """The address of a mount point, with the account (or another `password`), encoded."""
        account = ""
        if self._user:
            secret = self._password if password is None else password
            account = f"{quote(self._user, safe='')}:{quote(secret, safe='')}@"
        return f"rtsp://{account}127.0.0.1:{self.port}{path}"

    def start(self) -> None:
        """Serve; returns when the port is bound."""
        if self._process is not None:
            return
        orders = {
            "port": self.port,
            "launches": {path: self._launch(path) for path in self._mounts},
            "shared": self._shared,
            "user": self._user,
            "password": self._password,
            "digest": self._digest,
        }
        script = Path(__file__).with_name("rtsp_process.py")
        self._process = subprocess.Popen(
            [SYSTEM_PYTHON, "-W", "ignore", str(script), json.dumps(orders)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.strip():
            assert self._process.stderr is not None
            message = self._process.stderr.read()
            self.stop()
            raise RuntimeError(f"the RTSP server did not start: {message}")
        self.port = int(line)

    def stop(self) -> None:
        """Kill the server at once; its clients see the connection end."""
        if self._process is None:
            return
        self._process.kill()
        self._process.communicate(timeout=START_TIMEOUT_S)
        self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
        self._folder.cleanup()

    def _launch(self, path: str) -> str:
        clip = self._mounts[path]
        if isinstance(clip, str):
            return clip
        with av.open(str(clip)) as container:
            codec = container.streams.video[0].codec_context.name
        if codec not in PAYLOADERS:
            raise ValueError(f"{clip}: the test server passes on H.264 and H.265, not {codec}")
        if self._loop:
            looped = Path(self._folder.name) / f"{path.strip('/').replace('/', '_')}.mp4"
            clip = looped if looped.exists() else repeat_clip(clip, looped, LOOPED_CLIP_S)
        source = f'filesrc location="{clip}" ! qtdemux'
        return f"( {source} ! {PAYLOADERS[codec]} name=pay0 pt=96 config-interval=1 )"
