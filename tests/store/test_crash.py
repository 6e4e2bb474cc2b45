"""kill -9 in the middle of a stream of commits: what was reported recorded is there."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.store.database import Store, open_store
from edge.store.settings import StoreSettings
from tests.support.store_writer import MESSAGES_EACH

REPOSITORY = Path(__file__).parents[2]
NUM_ROUNDS = 40

Writer = subprocess.Popen[str]


@pytest.fixture
def writer() -> Iterator[Writer]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.store_writer"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
    ) as process:
        yield process
        process.kill()


def write_until_killed(
    writer: Writer, folder: Path, num_commits: int, delay_s: float
) -> list[list[str]]:
    assert writer.stdin is not None
    assert writer.stdout is not None
    writer.stdin.write(f"{folder} {num_commits} {delay_s}\n")
    writer.stdin.flush()
    said = []
    for line in writer.stdout:
        if line == "killed\n":
            return said
        said.append(line.split())
    raise AssertionError("the writer died by itself")


def test_nothing_reported_is_lost_and_seq_has_no_gap_after_kills(
    tmp_path: Path, writer: Writer
) -> None:
    rng = random.Random(7)
    reported: dict[str, dict[int, str]] = {"porch": {}, "yard": {}}
    retired: set[tuple[str, int]] = set()
    for _ in range(NUM_ROUNDS):
        num_commits = rng.randint(1, 20)
        said = write_until_killed(writer, tmp_path, num_commits, rng.uniform(0.0, 0.02))
        assert sum(words[0] == "recorded" for words in said) >= num_commits
        for word, camera, seq, *rest in said:
            if word == "recorded":
                reported[camera][int(seq)] = rest[0]
            else:
                retired.add((camera, int(seq)))
        with open_store(StoreSettings(tmp_path)) as store:
            for camera, known in reported.items():
                check_camera(store, camera, known, retired)
        assert [p.name for p in tmp_path.glob("*.corrupt*")] == []


def check_camera(
    store: Store, camera: str, reported: dict[int, str], retired: set[tuple[str, int]]
) -> None:
    last = store.next_seq(camera) - 1
    newest_reported = max(reported, default=0)
    # at most the one commit that was under way when the process died may exceed the reports
    assert newest_reported <= last <= newest_reported + 1
    assert (store.load_state(camera) or {"seq": 0})["seq"] == last

    for finding_id in set(reported.values()):
        finding = store.finding(finding_id)
        assert finding is not None
        assert finding.seq >= max(seq for seq, known in reported.items() if known == finding_id)

    rows = Counter(
        tuple(json.loads(row.payload)) for row in store.pending(1_000_000) if row.camera == camera
    )
    for seq in range(1, last + 1):
        if (camera, seq) not in retired:
            assert rows[camera, seq] == MESSAGES_EACH, f"messages of {camera} {seq}"
    assert max((seq for _, seq in rows), default=0) <= last
    if last > newest_reported:  # recorded, but killed before it could say so
        reported[last] = next(f.id for f in store.findings(camera) if f.seq == last)
