"""What the doctor makes of figures that a test cannot plant: processors, clocks, systemd."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge.daemon.strain_reading import StrainReading
from edge.doctor.account import account_of, this_account
from edge.doctor.budget import Lately, judge_budget, judge_needs
from edge.doctor.camera_clock import judge_camera_clock
from edge.doctor.diagnosis import Diagnosis
from edge.doctor.disk import judge_space
from edge.doctor.machine import OLDEST_S, judge_clock, judge_memory, judge_processor
from edge.doctor.service import judge_service
from edge.doctor.strain import judge_heat, judge_swap
from edge.pace import HOUR_MS, Needs, RuleNeed
from edge.service.state import parse_state

GB = 10**9
NOW_S = OLDEST_S + 1e7


def flags(text: str) -> frozenset[str]:
    return frozenset(text.split())


def needs(clock_frac: float) -> Needs:
    rules = tuple(RuleNeed(f"r{n}", 400.0, 0.0) for n in range(7))
    return Needs(2000.0, 12.0, clock_frac * HOUR_MS, rules)


@pytest.mark.parametrize(
    ("diagnosis", "level", "found"),
    [
        (judge_processor("x86_64", flags("avx2 avx_vnni"), 4), "ok", "AVX-VNNI, 4 cores"),
        (judge_processor("x86_64", flags("avx2 avx512_vnni"), 4), "ok", "AVX512-VNNI"),
        (judge_processor("x86_64", flags("avx2"), 2), "warning", "without VNNI"),
        (judge_processor("x86_64", flags("sse4_2 avx"), 2), "fault", "no AVX2"),
        (judge_processor("aarch64", flags(""), 4), "warning", "aarch64"),
        (judge_memory(8 * GB, 6 * GB, GB), "ok", "8.0 GB, 6.0 GB of it free"),
        (judge_memory(8 * GB, GB, GB), "warning", "1.0 GB of it free"),
        (judge_memory(2 * GB, GB, 2 * GB), "fault", "3.2 GB are needed"),
        (judge_clock(NOW_S, True), "ok", "synchronised"),
        (judge_clock(NOW_S, None), "ok", "does not tell"),
        (judge_clock(NOW_S, False), "warning", "not synchronised"),
        (judge_clock(1000.0, True), "fault", "1970"),
        (judge_space(9 * GB, GB, 8 * GB, "/x"), "ok", "9.0 GB free"),
        (judge_space(9 * GB, 2 * GB, 8 * GB, "/x"), "warning", "2.0 GB are to stay free"),
        (judge_space(GB // 50, GB, 0, "/x"), "fault", "full but for 20 MB"),
        (judge_heat(StrainReading(), 3600), "ok", "does not count"),
        (judge_heat(StrainReading(throttle_count=0), 7200), "ok", "2 hours"),
        (judge_heat(StrainReading(throttle_count=9), 7200), "warning", "9 times in 2 hours"),
        (judge_swap(StrainReading(), 7200), "ok", "does not tell"),
        (judge_swap(StrainReading(swapped_in_bytes=GB // 10), 7200), "ok", "100 MB"),
        (judge_swap(StrainReading(swapped_in_bytes=GB), 7200), "warning", "1000 MB"),
        (
            judge_swap(StrainReading(swapped_in_bytes=0, memory_pressure=0.2), 7200),
            "warning",
            "short right now",
        ),
        (judge_camera_clock(20.0, "porch"), "ok", "agrees"),
        (judge_camera_clock(-7200.0, "porch"), "warning", "2 hours behind"),
        (judge_camera_clock(45.0, "porch"), "warning", "45 seconds ahead"),
        (judge_budget(12, Lately((), 0, 0)), "ok", "not measured yet"),
        (judge_budget(12, Lately((1000.0,) * 9, 9, 1)), "ok", "3600 keyframes an hour"),
        (judge_budget(3000, Lately((1000.0,) * 9, 9, 1)), "warning", "3000 come"),
        (judge_budget(12, Lately((1000.0,) * 9, 9, 30)), "warning", "last 39 keyframes 30"),
        (judge_budget(4000, Lately((1000.0,) * 9, 9, 0)), "fault", "4000 come"),
        (judge_budget(12, Lately((), 0, 0), "do this"), "ok", "not measured yet: do this"),
        (judge_needs(needs(0.2), Lately((), 0, 0)), "ok", "can take 1800 keyframes an hour"),
        (judge_needs(needs(0.2), Lately((), 0, 0)), "ok", "take 20% of its time"),
        (judge_needs(needs(0.2), Lately((), 0, 0)), "ok", "r4 0.40 s and 2 more), 12 come"),
        (judge_needs(needs(0.8), Lately((), 0, 0)), "warning", "80% of its time"),
        (judge_needs(needs(0.2), Lately((), 9, 30)), "warning", "last 39 keyframes 30"),
        (judge_needs(needs(1.5), Lately((), 0, 0)), "fault", "150% of its time"),
    ],
)
def test_figures(diagnosis: Diagnosis, level: str, found: str) -> None:
    assert diagnosis.level == level
    assert found in diagnosis.found
    assert bool(diagnosis.remedy) == bool(diagnosis.meaning) == (level != "ok")


@pytest.mark.parametrize(
    ("answer", "level", "found"),
    [
        ("", "ok", "not installed"),
        ("LoadState=not-found\nActiveState=inactive", "ok", "not installed"),
        ("LoadState=loaded\nActiveState=active\nUnitFileState=enabled", "ok", "running"),
        ("LoadState=loaded\nActiveState=active\nUnitFileState=disabled", "warning", "start with"),
        ("LoadState=loaded\nActiveState=inactive\nUnitFileState=enabled", "warning", "not running"),
        (
            "LoadState=loaded\nActiveState=active\nUnitFileState=enabled\nNRestarts=7",
            "warning",
            "7 restarts; it said: out of memory",
        ),
        (
            "LoadState=loaded\nActiveState=failed\nResult=exit-code\nExecMainStatus=78",
            "fault",
            "exit-code, exit status 78; it said: out of memory",
        ),
    ],
)
def test_what_systemd_tells(answer: str, level: str, found: str) -> None:
    diagnosis = judge_service(parse_state(answer), ("out of memory",))
    assert diagnosis.level == level
    assert found in diagnosis.found


def test_an_account_is_held_to_the_modes_of_files(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("files of another user need root")
    nobody = account_of("nobody")
    place = tmp_path / "place"
    place.mkdir()
    file = place / "secret"
    file.write_text("x")
    closed = [one for one in reversed(place.parents) if not one.stat().st_mode & 0o001]
    assert f"user nobody may not enter {closed[0]} (drwx" in nobody.obstacle(file, "read")
    for folder in closed:
        folder.chmod(folder.stat().st_mode | 0o001)
    file.chmod(0o640)
    assert "user nobody may not read" in nobody.obstacle(file, "read")
    assert "-rw-r----- root:root" in nobody.obstacle(file, "read")
    os.chown(file, 0, next(iter(nobody.groups)))
    assert nobody.obstacle(file, "read") == ""
    assert "may not write" in nobody.obstacle(file, "write")
    os.chown(file, nobody.uid, 0)
    assert nobody.obstacle(file, "write") == ""
    assert "does not exist" in nobody.obstacle(place / "none", "read")
    assert this_account().obstacle(file, "read") == ""
