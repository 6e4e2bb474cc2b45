"""What the program needs to show itself without a camera, a broker or a download.

A small bundled model, a synthetic camera and a local broker. Wired in by the commands; no other
part of the program knows about it.
"""

from __future__ import annotations

from pathlib import Path

MODEL_DIR = Path(__file__).parent / "model"
