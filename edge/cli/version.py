"""What `edge --version` says: ours, and the libraries that decode and look, as they load here.

A picture that differs from another box's is a matter of these; so is a box on which one is broken,
which is said in its place. Each is asked in the room that owns it.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import platform

from edge import __version__

LOADED = {"FFmpeg": "edge.capture.library", "OpenCV": "edge.sampler.library"}
INSTALLED = {"OpenVINO": "openvino"}  # takes a second to load


def describe_version() -> str:
    """Two lines: ours, and the others'."""
    others = [f"Python {platform.python_version()}"]
    for name, room in LOADED.items():
        try:
            others.append(importlib.import_module(room).describe())
        except ImportError as error:
            others.append(f"{name} does not load ({error})")
    for name, package in INSTALLED.items():
        try:
            others.append(f"{name} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            others.append(f"{name} is not installed")
    return f"edge {__version__}\n{', '.join(others)}"
