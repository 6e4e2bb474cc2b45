"""A process that writes to a store until it is killed: `python -m tests.support.store_writer`.

Takes rounds on standard input, one a line: a folder, a number of commits and a delay in seconds.
For each it forks a child that opens the store there and records as fast as it can, kills the child
with SIGKILL that long after so many commits, and prints `killed`. The child prints
`recorded CAMERA SEQ ID` after each `record` that returned and `retiring CAMERA SEQ` before each row
it retires.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import threading
import time
from pathlib import Path

from edge.findings import new_finding_id
from edge.store.database import Store, open_store
from edge.store.outbox import OutboxMessage
from edge.store.settings import StoreSettings
from tests.support.finding_samples import build_finding

MESSAGES_EACH = 2


def write(folder: Path, say: int) -> None:
    """Record three messages for each finding, on two cameras in turn; the body of the child."""
    store = open_store(StoreSettings(folder))
    threading.Thread(target=retire, args=(store, say), daemon=True).start()
    while True:
        for camera in ("porch", "yard"):
            finding_id = new_finding_id()
            for kind in ("new", "update", "end"):
                seq = store.next_seq(camera)
                finding = build_finding(camera, seq, kind, finding_id)
                message = OutboxMessage(
                    camera, "edge/t", json.dumps([camera, seq]).encode() + b" " * (seq % 7 * 999)
                )
                store.record(finding, [message] * MESSAGES_EACH, {camera: {"seq": seq}})
                os.write(say, f"recorded {camera} {seq} {finding_id}\n".encode())


def retire(store: Store, say: int) -> None:
    """Retire the oldest rows and trim, beside the recording thread."""
    while True:
        store.wait_for_rows(1)
        rows = store.pending(6)
        for row in rows:
            camera, seq = json.loads(row.payload)
            os.write(say, f"retiring {camera} {seq}\n".encode())
        store.retire([row.id for row in rows])
        store.enforce_limits()


def run_round(folder: Path, num_commits: int, delay_s: float) -> None:
    """Fork a writer, wait for its commits and `delay_s` more, kill it, pass on what it said."""
    hear, say = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(hear)
        write(folder, say)
    os.close(say)
    heard = b""
    while heard.count(b"recorded") < num_commits and (more := os.read(hear, 4096)):
        heard += more
    kill_at = time.monotonic() + delay_s
    while (left_s := kill_at - time.monotonic()) > 0:
        if select.select([hear], [], [], left_s)[0]:
            heard += os.read(hear, 65536)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while more := os.read(hear, 65536):
        heard += more
    os.close(hear)
    sys.stdout.write(heard.decode() + "killed\n")
    sys.stdout.flush()


if __name__ == "__main__":
    for line in sys.stdin:
        place, commits, delay = line.rsplit(maxsplit=2)
        run_round(Path(place), int(commits), float(delay))
