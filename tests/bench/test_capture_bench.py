"""`edge bench --capture` on a clip made here, from the command line to the report."""

from __future__ import annotations

import json
import shutil

import pytest

from edge.bench.capture import CaptureBench, Reading
from edge.bench.on_demand import Cuts, OnDemand
from edge.cli import main
from tests.support.clips import Walk, encode_clip, moving_scene

NONE = Cuts((), (), 0)
NOTHING_CUT = OnDemand(0, NONE, NONE, NONE)


@pytest.fixture
def clip(tmp_path):
    scene = moving_scene(25.0, [Walk(18.0, 21.0)], size=(320, 180), noise=1.0)
    return encode_clip(tmp_path / "walk.mp4", scene, gop=50)


def test_both_ways_and_ffmpeg(clip, capsys):
    assert main(["bench", "--capture", str(clip), "--rounds", "1", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    sides = document["sides"]
    assert set(sides) == {"auto", "all"} | ({"ffmpeg"} if shutil.which("ffmpeg") else set())
    assert document["clip_s"] == pytest.approx(25.0, abs=0.3)
    assert sides["all"]["left_out"] == 0
    assert sides["auto"]["left_out"] > 0.1
    assert sides["auto"]["keyframes"]
    assert (document["missed"], document["added"]) == ([], [])
    assert all(side["cpu_ms_per_s"] > 0 for side in sides.values())
    assert sides["auto"]["private_bytes"] > 1e7
    on_demand = document["on_demand"]
    assert on_demand["longest_gop"] == 50
    for cuts in (on_demand["alone"], on_demand["in_order"]):
        assert cuts["missed"] == 0
        assert len(cuts["wall_ms"]) == len(cuts["cpu_ms"]) >= 24
    sampled = on_demand["sampled"]
    assert sampled["missed"] == 0
    assert len(sampled["wall_ms"]) == len(sampled["cpu_ms"]) >= len(sides["all"]["keyframes"])
    # From the first picture to the last, a decoder that is kept decodes each only once: here half.
    assert sum(on_demand["in_order"]["cpu_ms"]) < 0.75 * sum(on_demand["alone"]["cpu_ms"])


def test_what_differs_is_told(tmp_path):
    every = Reading(1.0, 10.0, keyframes=((1.0, "motion"), (5.0, "motion")))
    rested = Reading(1.0, 10.0, keyframes=((1.25, "motion"), (8.0, "motion")))
    bench = CaptureBench(tmp_path, {"all": [every], "auto": [rested]}, NOTHING_CUT)
    assert (bench.missed(), bench.added()) == ([5.0], [8.0])


def test_a_clip_that_is_none_is_an_error(tmp_path, capsys):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"nothing")
    assert main(["bench", "--capture", str(broken), "--rounds", "1"]) != 0
    assert "broken.mp4" in capsys.readouterr().err
