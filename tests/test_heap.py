"""What the C library keeps of freed memory, seen in processes of their own."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

USE_AND_FREE = """
import sys
from pathlib import Path
import numpy as np
from edge.heap import keep_pictures_apart

def own_bytes():
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith("Private"))

if sys.argv[1] == "apart":
    assert keep_pictures_apart()
kept = []
before = own_bytes()
for i in range(12):
    pictures = [np.ones(6_000_000, np.uint8) for _ in range(3)]
    kept.append(np.ones(100_000, np.uint8))  # something small that stays, behind them
    del pictures
print(own_bytes() - before - 1_200_000)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told so")
def test_freed_pictures_are_given_back() -> None:
    kept = {}
    for how in ("as usual", "apart"):
        words = [sys.executable, "-c", USE_AND_FREE, how]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        kept[how] = int(done.stdout)
    assert kept["as usual"] > 5_000_000
    assert kept["apart"] < 1_000_000
