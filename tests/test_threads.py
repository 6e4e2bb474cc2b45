"""Libraries take one thread, unless somebody has said otherwise."""

from __future__ import annotations

import os
import subprocess
import sys

CODE = """
from edge.threads import take_one_thread
take_one_thread()
import cv2, numpy
numpy.ones((400, 400), numpy.float32) @ numpy.ones((400, 400), numpy.float32)
print(cv2.getNumThreads(), len(__import__("os").listdir("/proc/self/task")))
"""


def run(**more: str) -> list[int]:
    names = ("OPENCV_FOR_THREADS_NUM", "OPENBLAS_NUM_THREADS")
    environment = {key: value for key, value in os.environ.items() if key not in names}
    found = subprocess.run(
        [sys.executable, "-c", CODE],
        env=environment | more,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return [int(word) for word in found.stdout.split()]


def test_one_thread() -> None:
    assert run() == [1, 1]


def test_what_was_said_is_heeded() -> None:
    assert run(OPENCV_FOR_THREADS_NUM="2")[0] == 2
