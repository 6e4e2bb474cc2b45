"""The library that reads streams."""

from __future__ import annotations

import av


def describe() -> str:
    """PyAV's version and that of the FFmpeg within. Raises ImportError where they do not load."""
    return f"FFmpeg {av.ffmpeg_version_info} (PyAV {av.__version__})"
