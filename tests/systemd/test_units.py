"""The systemd unit, checked by systemd itself."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edge.daemon.child import OOM_SCORE
from edge.service.unit import build_unit

MAX_EXPOSURE = 1.5
UNIT = Path(__file__).parents[2] / "systemd" / "edge.service"

pytestmark = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)


def analyze(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *words], capture_output=True, text=True, timeout=60, check=False
    )


def test_verify(tmp_path: Path) -> None:
    # the unit with a program that exists, so that every other complaint is a real one
    unit = tmp_path / "edge.service"
    text = UNIT.read_text()
    assert "/opt/edge/venv/bin/edge" in text
    unit.write_text(text.replace("/opt/edge/venv/bin/edge", "/bin/true"))
    result = analyze("verify", str(unit))
    ours = [line for line in result.stderr.splitlines() if "edge.service" in line]
    assert result.returncode == 0, result.stderr
    assert not ours, ours


def test_verify_sees_a_fault(tmp_path: Path) -> None:
    unit = tmp_path / "edge.service"
    unit.write_text(UNIT.read_text().replace("WatchdogSec=30", "WatchdogSec=often"))
    assert "Failed to parse sec value" in analyze("verify", str(unit)).stderr


def test_exposure_is_low(capsys: pytest.CaptureFixture[str]) -> None:
    result = analyze("security", "--offline=true", str(UNIT))
    found = re.search(r"Overall exposure level for edge\.service: ([\d.]+)", result.stdout)
    assert found, result.stdout + result.stderr
    with capsys.disabled():
        sys.stdout.write(f"\nsystemd-analyze security: {found[1]} (at most {MAX_EXPOSURE})\n")
    assert float(found[1]) <= MAX_EXPOSURE


@pytest.mark.parametrize(
    "line",
    [
        "Type=notify",
        "RestartPreventExitStatus=78",
        "Restart=on-failure",
        "KillMode=mixed",
        "WatchdogSec=30",
        "NoNewPrivileges=yes",
        "StateDirectory=edge",
        "CacheDirectory=edge",
        "MemoryHigh=85%",
    ],
)
def test_promises(line: str) -> None:
    assert line in UNIT.read_text().splitlines()


def test_code_may_be_generated_at_run_time() -> None:
    # OpenVINO's CPU plugin needs memory that is writable and executable
    assert not re.search(r"^MemoryDenyWriteExecute=(yes|true)", UNIT.read_text(), re.MULTILINE)


def test_cameras_and_the_graphics_unit_can_be_opened_and_no_other_device() -> None:
    lines = UNIT.read_text().splitlines()
    assert "PrivateDevices=yes" not in lines, "it would hide them all"
    assert "DevicePolicy=closed" in lines
    allowed = [line.partition("=")[2] for line in lines if line.startswith("DeviceAllow=")]
    assert allowed == ["char-video4linux rw", "char-drm rw"]
    assert "SupplementaryGroups=video render" in lines


def test_when_memory_runs_out_the_model_goes_and_the_rest_stays() -> None:
    lines = UNIT.read_text().splitlines()
    assert "OOMPolicy=continue" in lines, "the end of one process must not end the service"
    (score,) = [line.partition("=")[2] for line in lines if line.startswith("OOMScoreAdjust=")]
    assert int(score) < OOM_SCORE, "the analyzer puts itself before the others"


def test_the_analyzer_may_lower_its_priority() -> None:
    # nice(2) is in @resources: filtered out, it would fail, and the process with it
    text = UNIT.read_text()
    assert "SystemCallFilter=@system-service" in text
    assert not re.search(r"^SystemCallFilter=~.*@resources", text, re.MULTILINE)


def test_the_unit_to_copy_is_the_one_that_is_installed() -> None:
    # after a change there: python -m edge service unit > systemd/edge.service
    assert UNIT.read_text() == build_unit()
