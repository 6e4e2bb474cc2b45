"""The systemd unit, checked by systemd itself."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

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


def test_exposure_is_low() -> None:
    result = analyze("security", "--offline=true", str(UNIT))
    found = re.search(r"Overall exposure level for edge\.service: ([\d.]+)", result.stdout)
    assert found, result.stdout + result.stderr
    assert float(found[1]) <= 2.0


@pytest.mark.parametrize(
    "line",
    [
        "Type=notify",
        "RestartPreventExitStatus=78",
        "Restart=on-failure",
        "KillMode=mixed",
        "WatchdogSec=30",
        "NoNewPrivileges=yes",
    ],
)
def test_promises(line: str) -> None:
    assert line in UNIT.read_text().splitlines()


def test_code_may_be_generated_at_run_time() -> None:
    # OpenVINO's CPU plugin needs memory that is writable and executable
    assert not re.search(r"^MemoryDenyWriteExecute=(yes|true)", UNIT.read_text(), re.MULTILINE)
