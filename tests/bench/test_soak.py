"""The soak: what is planned, how it is judged, and a short one on the whole box."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge.bench.soak.account import (
    FLAT_BYTES,
    MIN_SAMPLES,
    Heard,
    Soak,
    growth_of,
    imbalances,
    tracebacks,
)
from edge.bench.soak.disk import SmallDisk
from edge.bench.soak.plan import BROKER_AWAY_MAX_S, DISK_FULL_MAX_S, Kill, build_plan
from edge.bench.soak.processes import MAIN, Held, family, is_alive, read_held
from edge.bench.soak.report import as_document, as_tables
from edge.bench.tables import as_text
from edge.demo.broker import LocalBroker
from edge.mqtt.listener import Listener
from edge.mqtt.settings import MqttSettings
from tests.support.broker import Subscriber, mosquitto_path
from tests.support.commands import run
from tests.support.daemon import wait_until
from tests.support.web_box import build_present


def test_a_seed_makes_the_plan() -> None:
    plan = build_plan(600, 100, 7)
    assert plan == build_plan(600, 100, 7)
    assert plan.kills != build_plan(600, 100, 8).kills
    moments = [kill.at_s for kill in plan.kills]
    assert len(moments) == 100
    assert moments == sorted(moments)
    assert 0 < moments[0] < moments[-1] < 600


@pytest.mark.parametrize("length_s", [24.0, 600.0, 900.0, 7200.0])
def test_the_troubles_end_before_the_soak_does(length_s: float) -> None:
    plan = build_plan(length_s, 1, 1)
    for window, most_s in (
        (plan.disk_full, DISK_FULL_MAX_S),
        (plan.broker_away, BROKER_AWAY_MAX_S),
    ):
        assert 0 < window.start_s < window.end_s < length_s
        assert window.end_s - window.start_s <= most_s
        assert window.holds(window.start_s)
        assert not window.holds(window.end_s)
    assert plan.disk_full.end_s < plan.broker_away.start_s


def test_fifteen_minutes_have_the_broker_away_for_ten() -> None:
    window = build_plan(900, 1, 1).broker_away
    assert window.end_s - window.start_s == BROKER_AWAY_MAX_S == 600


def test_whom_a_kill_hits_does_not_depend_on_the_order() -> None:
    names = ["main", "cam1", "analyzer"]
    for pick in (0.0, 0.4, 0.999, 1.0):
        assert Kill(0, pick).choose(names) == Kill(0, pick).choose(names[::-1])
    assert {Kill(0, pick / 10).choose(names) for pick in range(10)} == set(names)


def test_what_is_heard_is_accounted_for() -> None:
    heard = Heard()
    for kind, seq in (("new", 1), ("end", 2), ("end", 2), ("new", 5), ("new", 4)):
        heard.take("a" if seq < 3 else f"b{seq}", kind, "porch", seq)
    heard.take("c", "end", "yard", 9)
    assert (heard.messages, heard.repeated, heard.out_of_order, heard.gaps) == (6, 1, 1, 1)
    assert heard.ended == {"a", "c"}


def test_an_account_that_does_not_add_up_is_seen() -> None:
    stats = build_present().stats
    assert imbalances(stats) == []
    camera = stats.cameras["porch"]
    for change in ({"analysed": 3}, {"keyframes": 2}, {"waiting": -1, "failed": 2}):
        wrong = camera.model_copy(update={"counts": camera.counts.model_copy(update=change)})
        found = imbalances(stats.model_copy(update={"cameras": {"porch": wrong}}))
        assert [line.split(":")[0] for line in found] == ["porch"]


def test_growth_is_seen_and_noise_is_not() -> None:
    steady = [Held(30 + n % 2, 16, 70_000_000 + n * 1000) for n in range(30)]
    assert growth_of("main", steady).is_flat
    leak = [replace(held, descriptors=30 + n) for n, held in enumerate(steady)]
    assert not growth_of("main", leak).is_flat
    fat = [replace(h, anonymous_bytes=70_000_000 + n * FLAT_BYTES) for n, h in enumerate(steady)]
    assert not growth_of("main", fat).is_flat
    assert growth_of("main", leak[: MIN_SAMPLES - 1]).is_flat, "too few to say anything"


def test_tracebacks_are_counted_by_what_they_end_with() -> None:
    one = 'Traceback (most recent call last):\n  File "x", line 1\n    f()\nOSError: no\n'
    log = f"INFO fine\n{one}INFO on\n{one}ValueError: this is none\n"
    assert tracebacks(log) == {"OSError: no": 2}


def good_soak(**changes: Any) -> Soak:
    heard = Heard()
    heard.take("a", "end", "porch", 1)
    soak = Soak(
        seed=1,
        length_s=24,
        disk_full_s=3,
        broker_away_s=16,
        kills={"main": 1},
        starts=2,
        ends_when_full=0,
        stored=1,
        heard=heard,
        lost=(),
        unfinished=(),
        samples=3,
        imbalances=(),
        growths=(growth_of("main", [Held(30, 16, 70_000_000)]),),
        dropped=0,
        tracebacks={},
        unasked_ends=0,
        exit_status=0,
        left_out={},
    )
    return replace(soak, **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"lost": ("b",)},
        {"unfinished": ("b",)},
        {"imbalances": ("porch: 1 of 2",)},
        {"dropped": 1},
        {"tracebacks": {"OSError": 1}},
        {"unasked_ends": 1},
        {"exit_status": -9},
        {"stored": 0},
        {"samples": 0},
        {"growths": (growth_of("main", [Held(30 + n, 9, 1) for n in range(30)]),)},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_each_fault_is_told(changes: dict[str, Any]) -> None:
    assert good_soak().faults() == []
    assert "No fault was found" in as_text(as_tables(good_soak()))
    bad = good_soak(**changes)
    assert len(bad.faults()) == 1
    assert bad.faults()[0] in as_text(as_tables(bad))
    assert (as_document(bad)["ok"], as_document(good_soak())["ok"]) == (False, True)


@pytest.fixture
def parent() -> Iterator[subprocess.Popen[bytes]]:
    """A process with a child that has a name of ours."""
    child = (
        "from edge.daemon.child import name_process as n; n('cam1'); import time; time.sleep(99)"
    )
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        yield process
        for pid in family(process.pid).values():
            os.kill(pid, 9)


def test_processes_are_seen_with_what_they_hold(parent: subprocess.Popen[bytes]) -> None:
    wait_until(lambda: family(parent.pid).keys() == {MAIN, "cam1"}, "the child has its name")
    pid = family(parent.pid)["cam1"]
    held = read_held(pid)
    assert held is not None
    assert held.descriptors >= 3
    assert held.threads == 1
    assert held.anonymous_bytes > 1e6
    os.kill(pid, 9)
    wait_until(lambda: not is_alive(pid), "it is dead")
    assert read_held(pid) is None


def test_a_small_disk_is_full_and_empty_again(tmp_path: Path) -> None:
    with SmallDisk(tmp_path / "disk") as disk:
        if disk.obstacle:
            pytest.skip(disk.obstacle)
        file = disk.place / "file"
        disk.fill()
        with pytest.raises(OSError, match="No space") as raised:
            file.write_bytes(bytes(8192))
        assert raised.value.errno == errno.ENOSPC
        disk.clear()
        file.write_bytes(bytes(8192))
    assert not file.exists(), "it is gone"


def test_without_mount_the_disk_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with SmallDisk(tmp_path / "disk") as disk:
        assert "no small disk can be mounted" in disk.obstacle
        disk.fill()
        disk.clear()
        (disk.place / "file").write_bytes(b"a folder like any other")


@pytest.mark.e2e
def test_a_session_outlives_the_brokers_absence(tmp_path: Path) -> None:
    mosquitto_path()
    with LocalBroker(kept_in=tmp_path) as broker:
        settings = MqttSettings(broker.host, "listener", port=broker.port)
        with Listener(settings, ("a/#",), keep_session_s=60) as listener:
            broker.stop()
            broker.start()
            with Subscriber(broker.port, "none") as other:  # at once: the listener is not back yet
                other.publish("a/b", b"meanwhile")
            until = time.monotonic() + 30
            heard = next(m for m in listener.messages(1.0) if m or time.monotonic() > until)
            assert heard is not None
            assert heard.payload == b"meanwhile"


@pytest.mark.parametrize("words", [["--soak", "0"], ["--soak", "inf"], ["--kills", "0"]])
def test_what_cannot_be_a_soak_is_refused(
    capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    status, _, err = run(capsys, "bench", *words)
    assert status == 2
    assert "must be at least" in err


@pytest.mark.e2e
@pytest.mark.timeout(400)
def test_a_short_soak_loses_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    mosquitto_path()
    status, out, err = run(
        capsys, "bench", "--soak", "0.4", "--kills", "6", "--seed", "2", "--json"
    )
    assert status == 0, (out, err)
    document = json.loads(out)
    assert document["ok"]
    assert sum(document["kills"].values()) == 6
    assert document["stored"] > 0
    assert document["samples"] > 0
