"""`edge energy`: counters, ways, accounts, and the command on clips made here."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from PIL import Image

from edge.bench.energy.account import settle
from edge.bench.energy.power import Modelled, Spent, find_rapl, watch
from edge.bench.energy.ways import Seen, Way, all_ways
from edge.cli import main
from edge.replay.truth import Event
from tests.support.clips import Walk, encode_clip, moving_scene

LABELS = {
    "events": [
        {"t_start": 3.0, "t_end": 5.0, "category": "enter", "label": "somebody"},
        {"t_start": 9.0, "t_end": 11.0, "category": "enter", "label": "somebody else"},
    ]
}
CONFIG = """\
mqtt: {host: localhost}
store: {folder: ./s}
vlm: {model: demo}
cameras:
  porch: {input: "demo:yard"}
rules:
  person: {ask: "Is there a person in the picture?", cameras: [porch]}
"""


def package(folder: Path, number: int, energy_uj: int, *, limit_uw: int = 6_000_000) -> Path:
    """A RAPL package as the kernel shows it, with a zone of its own below it."""
    zone = folder / f"intel-rapl:{number}"
    core = folder / f"intel-rapl:{number}:0"
    for path, name in ((zone, f"package-{number}"), (core, "core")):
        path.mkdir(parents=True)
        (path / "name").write_text(name + "\n")
        (path / "energy_uj").write_text(f"{energy_uj}\n")
        (path / "max_energy_range_uj").write_text("1000000000\n")
    (zone / "constraint_0_name").write_text("short_term\n")
    (zone / "constraint_0_power_limit_uw").write_text("25000000\n")
    (zone / "constraint_1_name").write_text("long_term\n")
    (zone / "constraint_1_power_limit_uw").write_text(f"{limit_uw}\n")
    return zone


def test_the_kernels_counters_are_added_up_and_come_round(tmp_path: Path) -> None:
    one, two = package(tmp_path, 0, 999_000_000), package(tmp_path, 1, 5_000_000)
    rapl = find_rapl(tmp_path)
    assert not isinstance(rapl, str)
    assert rapl.is_measured
    assert rapl.limits_w() == [6.0, 6.0]
    assert "2 processor package(s)" in rapl.source
    assert "6 W" in rapl.source
    (one / "energy_uj").write_text("2000000")  # 1 J to the end of the range, 2 J from its start
    (two / "energy_uj").write_text("9000000")
    assert rapl.counter() == pytest.approx(7.0)
    assert rapl.counter() == pytest.approx(7.0)


def test_what_idling_takes_is_no_work(tmp_path: Path) -> None:
    zone = package(tmp_path, 0, 0)
    rapl = find_rapl(tmp_path)
    assert not isinstance(rapl, str)

    def sleep(for_s: float) -> None:  # 0.1 J each time
        file = zone / "energy_uj"
        file.write_text(str(int(file.read_text()) + 100_000))
        time.sleep(for_s)

    rapl.settle(0.05, sleep)
    assert 0 < rapl.idle_w <= 2.0  # 0.1 J in at least 0.05 s: what came before does not count
    rapl.idle_w = 4.0
    assert rapl.joules(10.0, 3.0, 55.0) == pytest.approx(15.0)
    assert rapl.joules(10.0, 3.0, 39.0) == 0.0


def test_why_there_are_no_counters(tmp_path: Path) -> None:
    assert "no RAPL counters" in str(find_rapl(tmp_path))
    zone = package(tmp_path, 0, 0)
    (zone / "energy_uj").write_text("broken")
    assert "broken" in str(find_rapl(tmp_path))


def test_the_model_counts_busy_cores() -> None:
    meter = Modelled(watts_per_core=3.0, idle_w=4.0)
    with watch(meter) as done:
        sum(range(200_000))
    assert done.spent.joules == pytest.approx(3.0 * done.spent.cpu_s)
    assert done.spent.cpu_s > 0
    assert "a model" in meter.source


def clip() -> Seen:
    """100 s with two events of 2 s; the picture changes by 4 % at the first, by 0.8 % at the
    second, and by 0.1 % always.
    """
    changes = tuple(
        (t / 5, 0.04 if 50 <= t < 60 else 0.008 if 250 <= t < 260 else 0.001) for t in range(500)
    )
    events = (Event(10.0, 12.0, "enter"), Event(50.0, 52.0, "enter"))
    look = Spent(1.0, 1.0, 2.0)
    return Seen(100.0, events, changes, (10.4, 50.4), look, look + look, look + look + look)


def test_timer_and_gate_get_the_setting_that_calls_least() -> None:
    always, timer, naive, sampler = all_ways([clip()], answer_s=1.0)
    assert (sampler.num_calls, sampler.shown) == (2, 2)
    # A window is 2.8 s: from 0.3 s before an event until 0.5 s after it.
    assert timer.setting == "every 2.5 s"
    assert (timer.num_calls, timer.shown) == (40, 2)
    assert naive.setting == "0.7 % changed"
    assert (naive.num_calls, naive.shown) == (2, 2)
    assert (always.num_calls, always.shown) == (100, 2)
    assert naive.look == clip().gated
    assert sampler.look == clip().sampled


def test_a_way_that_cannot_reach_the_recall_shows_what_it_can() -> None:
    always, timer, _, _ = all_ways([clip()], answer_s=14.0)
    assert timer.setting == "every 14.00 s"  # nothing slower shows more
    assert timer.shown == always.shown == pytest.approx(2 * 2.8 / 14)


def test_accounts_are_put_together_from_their_parts() -> None:
    ways = (
        Way("always", "", 100, 2, Spent(joules=10)),
        Way("timer", "", 400, 2, Spent(joules=10)),
        Way("sampler", "", 4, 2, Spent(joules=30)),
    )
    always, timer, sampler = settle(ways, Spent(1.0, 2.0, 6.0), 5.0, 100.0, 2)
    assert always.total_w == pytest.approx(5 + 0.1 + 6)
    assert timer.busy_frac == pytest.approx(4.0)
    assert timer.total_w == pytest.approx(always.total_w)  # a box cannot do more than always
    assert (always.shown_frac, timer.shown_frac) == (
        1.0,
        0.25,
    )  # what it cannot answer is not shown
    assert sampler.total_w == pytest.approx(5 + 0.3 + 0.24)
    assert sampler.joules_per_answer == pytest.approx(554 / 4)
    assert sampler.joules_per_event == pytest.approx(554 / 2)
    assert sampler.joules_per_event_above_idle == pytest.approx(54 / 2)
    assert sampler.answers_per_hour == pytest.approx(144)
    assert sampler.saved_frac(always) == pytest.approx(1 - 5.54 / 11.1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("energy")
    walks = [Walk(3.0, 5.0), Walk(9.0, 11.0)]
    encode_clip(folder / "a.mp4", moving_scene(13, walks, fps=10, size=(320, 180)), gop=10)
    (folder / "a.json").write_text(json.dumps(LABELS))
    return folder


def test_the_command_compares_four_ways(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "energy.png"
    words = ["energy", str(folder / "a.mp4"), "--truth", str(folder / "a.json")]
    words += ["--answer-seconds", "1", "--watts-per-core", "2", "--idle-watts", "4"]
    assert main([*words, "--json", "--picture", str(picture)]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["power"]["is_measured"] is False
    ways = {way["name"]: way for way in document["ways"]}
    assert list(ways) == ["always", "timer", "naive", "sampler"]
    assert ways["sampler"]["shown_frac"] == 1.0
    assert ways["sampler"]["num_calls"] < ways["always"]["num_calls"]
    assert 4 < ways["sampler"]["total_w"] < ways["always"]["total_w"]
    with Image.open(picture) as drawn:
        assert drawn.width > 800
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "a model of the power, not a measurement" in out
    assert "edge's sampler" in out


def test_the_configurations_model_answers(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "edge.yaml"
    config.write_text(CONFIG)
    words = ["energy", str(folder / "a.mp4"), "--truth", str(folder / "a.json"), "-c", str(config)]
    assert main([*words, "--idle-watts", "4", "--answers", "1", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["answer"]["measured"] == 1
    assert document["answer"]["joules"] == pytest.approx(2.0 * document["answer"]["cpu_s"])
    assert document["model"] == "demo"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "either -c FILE"),
        (["--answer-seconds", "1", "-c", "x.yaml"], "either -c FILE"),
        (["--answer-seconds", "1", "--camera", "porch"], "--camera needs -c"),
        (["--answer-seconds", "1", "--idle-watts", "-3"], "no number of watts"),
        (["--answer-seconds", "1", "--picture", "/nowhere/x.png"], "there is no folder"),
    ],
)
def test_words_that_do_not_go_together(
    folder: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["energy", str(folder / "a.mp4"), "--truth", str(folder / "a.json"), *words]
    try:
        status = main(given)
    except SystemExit as end:
        status = int(end.code or 0)
    assert status != 0
    assert said in capsys.readouterr().err


def test_a_clip_in_which_nothing_happens_compares_nothing(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = tmp_path / "none.json"
    labels.write_text('{"events": []}')
    words = ["energy", str(folder / "a.mp4"), "--truth", str(labels), "--answer-seconds", "1"]
    assert main(words) == 1
    assert "no activity" in capsys.readouterr().err
