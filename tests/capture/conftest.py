"""Clips shared by the capture tests; made once."""

from pathlib import Path

import pytest

from tests.support.clips import Walk, encode_clip, moving_scene

SIZE = (320, 180)


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clips")


@pytest.fixture(scope="session")
def h264_clip(clips: Path) -> Path:
    """3 s, 25 pictures a second, an I-frame each second."""
    return encode_clip(clips / "h264.mp4", moving_scene(3, [Walk(0.5, 2.5)], size=SIZE))


@pytest.fixture(scope="session")
def h265_clip(clips: Path) -> Path:
    """As h264_clip."""
    frames = moving_scene(3, [Walk(0.5, 2.5)], size=SIZE)
    return encode_clip(clips / "h265.mp4", frames, codec="libx265")
