"""What a configuration needs at a pace: by the clock, of each keyframe, of each rule."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.config.load import load_config
from edge.config.models import Config
from edge.daemon.needs import clocked_per_hour, estimate_needs
from edge.pace import Needs, Pace, PacePoint

# 1 s for a whole picture with one question, 0.1 s for each further one; half a second for a crop.
PACE = Pace(
    (
        PacePoint(100_000, 1, 500.0),
        PacePoint(100_000, 4, 800.0),
        PacePoint(640 * 360, 1, 1000.0),
        PacePoint(640 * 360, 4, 1300.0),
    )
)
HEAD = "mqtt: {host: localhost}\n"
ONE = "cameras: {porch: {input: demo:yard}}\n"


def config_of(folder: Path, text: str) -> Config:
    path = folder / "edge.yaml"
    path.write_text(HEAD + text)
    return load_config(path).config


def needs_of(folder: Path, text: str) -> Needs:
    needs = estimate_needs(config_of(folder, text), PACE)
    assert needs is not None
    return needs


def test_rules_of_one_look_share_it(tmp_path: Path) -> None:
    needs = needs_of(tmp_path, ONE + "rules: {a: {ask: x}, b: {ask: y}}\n")
    assert needs.keyframe_ms == pytest.approx(1100)
    assert needs.keyframes_per_hour == 3272
    assert [(one.rule, one.each_ms) for one in needs.rules] == [
        ("a", pytest.approx(550)),
        ("b", pytest.approx(550)),
    ]
    assert (needs.clocked, needs.clock_frac) == (0, 0)


def test_zones_are_looks_of_their_own(tmp_path: Path) -> None:
    text = """\
cameras: {porch: {input: demo:yard, zones: {step: "0,0,0.2,0,0.2,0.2,0,0.2"}}}
rules: {a: {ask: x}, b: {ask: y, zones: [step]}}
"""
    needs = needs_of(tmp_path, text)
    assert needs.keyframe_ms == pytest.approx(1500)
    assert [(one.rule, one.each_ms) for one in needs.rules] == [("a", 1000), ("b", 500)]


def test_pixels_and_overview_count(tmp_path: Path) -> None:
    small = "vlm: {pixels: 320x312}\n" + ONE + "rules: {a: {ask: x}}\n"  # 99,840 pixels
    assert needs_of(tmp_path, small).keyframe_ms == 500
    with_overview = small.replace("pixels", "overview: true, pixels")
    assert needs_of(tmp_path, with_overview).keyframe_ms > 550


def test_what_the_clock_takes(tmp_path: Path) -> None:
    text = """\
cameras:
  porch: {input: demo:yard}
  off: {input: demo:yard, enabled: false}
rules:
  often: {ask: x, when: {every: 10s}}
  seldom: {ask: y, when: {every: 60s}}
  never: {ask: z}
"""
    needs = needs_of(tmp_path, text)
    assert needs.clocked == 360
    # 300 looks with one question, 60 with two that share the time.
    spent = {one.rule: one.clock_ms for one in needs.rules}
    assert spent["often"] == pytest.approx(300 * 1000 + 60 * 550)
    assert spent["seldom"] == pytest.approx(60 * 550)
    assert spent["never"] == 0
    assert needs.clock_ms == pytest.approx(300 * 1000 + 60 * 1100)
    assert [one.rule for one in needs.rules] == ["often", "seldom", "never"]


def test_periodic_keyframes_are_asked_about_by_rules_that_want_them(tmp_path: Path) -> None:
    text = """\
cameras: {porch: {input: demo:yard, periodic: 20s}}
rules:
  a: {ask: x, when: {on: [motion, periodic]}}
  b: {ask: y}
"""
    needs = needs_of(tmp_path, text)
    assert needs.clocked == 180
    assert {one.rule: one.clock_ms for one in needs.rules} == {"a": 180_000, "b": 0}


def test_more_than_there_is(tmp_path: Path) -> None:
    text = "rules: {a: {ask: x, when: {every: 1s}}}\n"
    cameras = "cameras: {c1: {input: demo:yard}, c2: {input: demo:yard}}\n"
    assert needs_of(tmp_path, cameras + text).clock_frac == pytest.approx(2.0)


def test_nothing_asked_needs_nothing(tmp_path: Path) -> None:
    config = config_of(tmp_path, "cameras: {porch: {input: demo:yard, periodic: 1m}}\n")
    assert estimate_needs(config, PACE) is None
    assert clocked_per_hour(config) == 60
