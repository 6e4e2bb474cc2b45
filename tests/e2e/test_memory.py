"""Many questions over HTTP: neither the daemon nor the analyzer grows."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import requests

from edge.bench.figures import read_memory
from edge.pictures import encode_jpeg
from tests.support.daemon import DaemonProcess, wait_until
from tests.web.conftest import free_port

# EDGE_MEMORY_MODEL names a folder to measure another model than the bundled one
MODEL = os.environ.get("EDGE_MEMORY_MODEL", "demo")
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180 if MODEL == "demo" else 3600)]
CONFIG = """
node: box
mqtt: {{host: 127.0.0.1, port: 1}}
vlm: {{model: {model}}}
store: {{folder: ./store}}
http: {{port: {port}}}
cameras:
  off: {{input: "demo:yard", enabled: false}}
"""
ROUNDS, PICTURES = 10, 100
WARM_UP = 12  # each of the sizes, so that every pass has been seen
SIZES = ((640, 360), (360, 640), (800, 600), (256, 256), (1280, 720), (200, 120))
MOST_GROWTH_BYTES = 20_000_000


def picture(number: int) -> bytes:
    width, height = SIZES[number % len(SIZES)]
    rng = np.random.default_rng(number)
    coarse = rng.integers(0, 255, (height // 40, width // 40, 3), np.uint8)
    return encode_jpeg(coarse.repeat(40, axis=0).repeat(40, axis=1))


def is_at_rest(process: psutil.Process) -> bool:
    """Whether it has not computed for a moment, and none of its threads waits for a processor."""
    before = process.cpu_times()
    time.sleep(0.3)
    tasks = Path(f"/proc/{process.pid}/task").iterdir()
    states = {(task / "stat").read_text().rpartition(")")[2].split()[0] for task in tasks}
    return states == {"S"} and process.cpu_times() == before


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_memory_is_flat(tmp_path: Path) -> None:
    port = free_port()
    config = CONFIG.format(model=MODEL, port=port)
    with DaemonProcess(tmp_path, config) as daemon:
        url = f"http://127.0.0.1:{port}"

        def is_ready() -> bool:
            try:
                return requests.get(f"{url}/ready", timeout=10).ok
            except requests.ConnectionError:
                return False

        wait_until(is_ready, "it is ready", 120 if MODEL == "demo" else 600)
        session = requests.Session()

        def ask(number: int, **fields: object) -> dict[str, object]:
            reply = session.post(
                f"{url}/api/v1/chat",
                files={"image": picture(number)},
                data={"query": f"What is number {number}?", "max_tokens": 4, **fields},
                timeout=120,
            )
            assert reply.ok, reply.text
            return reply.json()

        def used() -> dict[str, int]:
            assert daemon.process is not None
            processes = {"main": daemon.process.pid, "analyzer": daemon.child("analyzer").pid}
            # after an answer is out the analyzer makes ready for the next turn, and frees buffers
            wait_until(lambda: is_at_rest(daemon.child("analyzer")), "the analyzer rests", 120)
            return {
                name: read_memory(Path(f"/proc/{pid}/smaps_rollup")).anonymous_bytes
                for name, pid in processes.items()
            }

        def rounds() -> None:
            """Questions on one picture, each seeing what was said before."""
            path = f"{url}/api/v1/sessions/{ask(0, enhance=True)['session']}"
            for number in range(ROUNDS):
                asked = {"query": f"And number {number}?", "max_tokens": 4}
                assert session.post(f"{path}/ask", json=asked, timeout=120).ok
            assert session.delete(path, timeout=20).ok

        for number in range(WARM_UP):
            ask(number, enhance=True)
        rounds()

        def grown() -> dict[str, int]:
            before = used()
            rounds()
            for number in range(PICTURES):
                ask(1000 + number)
            after = used()
            growth = {name: after[name] - before[name] for name in before}
            print(  # noqa: T201 - shown with -s, for a figure
                {
                    name: f"{bytes_ / 1e6:+.1f} of {after[name] / 1e6:.0f} MB"
                    for name, bytes_ in growth.items()
                }
            )
            return growth

        growth = grown()
        if max(growth.values()) > MOST_GROWTH_BYTES:
            growth = grown()  # on a busy machine heaps find their size late; a leak grows again
        assert max(growth.values()) <= MOST_GROWTH_BYTES, growth
        assert daemon.stop() == 0
