"""The `calibration` of a rule: read, bounded, handed to the rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.calibration import Calibration
from edge.config.load import load_text
from edge.daemon.wiring import build_rules
from edge.errors import ConfigError

HEAD = "mqtt: {host: localhost}\ncameras: {c: {input: rtsp://h/x}}\n"


def test_reaches_the_rule() -> None:
    text = HEAD + "rules:\n  r: {ask: x, calibration: {temperature: 1.4}}\n  s: {ask: y}\n"
    calibrated, plain = build_rules(load_text(text, "edge.yaml", Path()).config)
    assert calibrated.calibration == Calibration(1.4)
    assert plain.calibration is None


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("{ask: x, calibration: {temperature: 0.05}}", r"calibration\.temperature .*0\.05.*0\.1"),
        ("{ask: x, calibration: {temperature: 11}}", r"calibration\.temperature .*11.*10"),
        ("{ask: x, calibration: {temperature: true}}", "true is not a number"),
        ("{ask: x, calibration: {temperature: .nan}}", "calibration.temperature"),
        ("{ask: x, calibration: {}}", "temperature"),
        ("{ask: x, calibration: 1.4}", "calibration"),
        ("{ask: x, calibration: {temprature: 1.4}}", "temprature.*temperature"),
        ("{read: x, calibration: {temperature: 1.4}}", "not possible with `read`"),
    ],
)
def test_refuses(rule: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        load_text(f"{HEAD}rules:\n  r: {rule}\n", "edge.yaml", Path())
