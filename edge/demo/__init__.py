"""What the program needs to show itself without a camera, a broker or a download.

A small bundled model, a synthetic camera and a local broker. Wired in by the commands and by a
camera's process; no stage knows about it.
"""

from pathlib import Path

CONFIG = Path(__file__).with_name("demo.yaml")
