"""Hardware decoding where there is none: the same pictures, in software, and a word about it."""

import logging
from pathlib import Path

import numpy as np
import pytest

from edge.capture.settings import Hwaccel, SourceSettings
from edge.capture.source import open_source
from edge.errors import SourceEnded
from edge.frames import Luma

pytestmark = pytest.mark.skipif(Path("/dev/dri").exists(), reason="there may be hardware")


def lumas(clip: Path, hwaccel: Hwaccel) -> list[Luma]:
    settings = SourceSettings("porch", str(clip), realtime=False, hwaccel=hwaccel)
    found = []
    with open_source(settings) as source:
        frames = source.frames()
        while True:
            try:
                found.append(next(frames).luma)
            except SourceEnded:
                assert source.facts.hardware == ""
                assert source.facts.counters.corrupt == 0
                return found


@pytest.mark.parametrize("hwaccel", ["vaapi", "qsv", "auto"])
@pytest.mark.parametrize("clip", ["h264_clip", "h265_clip"])
def test_falls_back(
    clip: str,
    hwaccel: Hwaccel,
    request: pytest.FixtureRequest,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = request.getfixturevalue(clip)
    with caplog.at_level(logging.INFO):
        found = lumas(path, hwaccel)
    expected = lumas(path, "off")
    assert len(found) == len(expected) == 15
    assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))
    said = [r.getMessage() for r in caplog.records]
    if hwaccel == "auto":
        assert not said
    else:
        assert len(said) == 1
        assert said[0].startswith(f"porch: {hwaccel} does not decode h26") or "hevc" in said[0]
