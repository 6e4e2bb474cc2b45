"""From samples to figures, limits and tables: pure, no model."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from edge.bench.cases import LIMIT_PX, LIMIT_RULES, RULES, Case, build_plan
from edge.bench.endurance import mixed_keyframe
from edge.bench.figures import Memory, Sample, Spread, read_memory
from edge.bench.genai import build_prompt, grammar
from edge.bench.limit import lower_limit
from edge.bench.probes import Rates
from edge.bench.results import (
    LEAST_S,
    decode_rate,
    description_s,
    outside_share,
    prefill_rate,
)
from edge.bench.tables import Table, as_text
from edge.demo import __file__ as demo_file
from edge.vlm.layout import load_layout

VERDICT = Case("verdict", 256, 192, 8)
DESCRIBE = Case("describe", 256, 192, 8)


def sample(total_s: float, **more) -> Sample:
    return Sample(total_s=total_s, fed_px=(256, 192), **more)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param([3.0], (3.0, 3.0, 3.0), id="one"),
        pytest.param([1.0, 3.0], (2.0, 1.0, 3.0), id="two"),
        pytest.param([5.0, 1.0, 3.0, 2.0, 4.0], (3.0, 2.0, 4.0), id="quartiles"),
        pytest.param([1.0] * 9 + [99.0], (1.0, 1.0, 1.0), id="one outlier"),
    ],
)
def test_spread(values, expected):
    spread = Spread.of(values)
    assert (spread.median, spread.low, spread.high) == expected
    assert spread.num == len(values)


def test_memory_is_split_into_own_and_files(tmp_path: Path):
    rollup = tmp_path / "smaps_rollup"
    rollup.write_text(
        "55d0-7ffe ---p 00000000 00:00 0 [rollup]\nRss:   3000 kB\nPss: 1 kB\nAnonymous: 1000 kB\n"
    )
    assert read_memory(rollup) == Memory(1000 * 1024, 2000 * 1024)
    assert read_memory().anonymous_bytes > 1e6


def test_share_outside_inference():
    samples = {VERDICT: [sample(1.0, infer_s=0.95, num_infers=6), sample(2.0)]}
    share = outside_share(samples, VERDICT)
    assert share is not None
    assert share.median == pytest.approx(0.05)
    assert share.num == 1, "a run whose calls were not seen says nothing"
    assert outside_share({VERDICT: [sample(2.0)]}, VERDICT) is None


def test_description_is_counted_without_the_verdicts():
    samples = {
        VERDICT: [sample(1.0), sample(9.0)],
        DESCRIBE: [sample(6.2, decode_s=5.0, output_tokens=50), sample(6.2)],
    }
    rounds = [pytest.approx(5.2), LEAST_S]  # in the second the verdicts were held up
    assert description_s(samples, DESCRIBE) == rounds


def test_token_rates():
    samples = {
        Case("text", 256, 192): [sample(2.0, prefill_s=1.0, decode_s=0.5, prompt_tokens=100,
                                        output_tokens=10)],
        Case("long_text", 256, 192): [sample(4.0, prefill_s=3.0, prompt_tokens=400)],
    }  # fmt: skip
    assert prefill_rate(samples) == pytest.approx(150)
    assert decode_rate(samples) == pytest.approx(20)


def test_limit_is_the_slower_of_arithmetic_and_memory():
    layout = load_layout(Path(demo_file).parent / "model")
    big = dataclasses.replace(
        layout,
        text=dataclasses.replace(
            layout.text, hidden=2048, intermediate=6144, layers=28, heads=16, kv_heads=8,
            head_dim=128,
        ),
    )  # fmt: skip
    language_weights = 28 * (2048 * 128 * 48 + 3 * 2048 * 6144)
    fast_memory = lower_limit(big, (256, 192), 8, Rates(1e15, 1e12), 4)
    assert fast_memory.tokens == 48 + 8
    assert fast_memory.language_s == pytest.approx(2 * language_weights * 56 / 1e12)
    slow_memory = lower_limit(big, (256, 192), 8, Rates(1e9, 1e15), 4)
    assert slow_memory.language_s == pytest.approx(language_weights / 2 / 1e9)
    assert slow_memory.total_s > slow_memory.language_s


def test_plans():
    full, quick = build_plan(quick=False, rounds=10), build_plan(quick=True, rounds=2)
    assert len(RULES) == len(set(RULES)) == 32
    verdicts = [case for case in full.cases if case.kind == "verdict"]
    assert {case.num_rules for case in verdicts} == {1, 8, 16, 32}
    assert {case.size for case in verdicts} == {"256x160", "256x192", "256x256", "640x352"}
    for plan in (full, quick):
        assert plan.against <= set(plan.cases)
        assert Case("verdict", *LIMIT_PX, LIMIT_RULES) in plan.cases
    assert len(quick.cases) < len(full.cases)


def test_pictures_are_the_same_for_both_sides_and_new_each_round():
    assert VERDICT.picture(0).shape == (192, 256, 3)
    assert (VERDICT.picture(3) == dataclasses.replace(VERDICT).picture(3)).all()
    assert (VERDICT.picture(3) != VERDICT.picture(4)).any()


def test_the_other_side_is_asked_the_same():
    prompt = build_prompt(VERDICT)
    assert all(rule in prompt for rule in VERDICT.rules)
    assert prompt.endswith("<ov_genai_image_0>"), "what is behind the picture cannot be cached"
    assert grammar(VERDICT).count("(yes|no)") == 8


def test_tables_line_up():
    shown = as_text((Table("T", ("a", "bb"), (("1", "2"), ("333", "4")), "n"), Table("U", (), ())))
    lines = shown.splitlines()
    assert lines[0] == "T"
    assert lines[1].index("bb") == lines[3].index("2") == lines[4].index("4")
    assert lines[5] == "  (n)"


def test_mixed_keyframes_are_the_same_every_time_and_mixed():
    cases = [mixed_keyframe(index) for index in range(600)]
    assert cases == [mixed_keyframe(index) for index in range(600)]
    assert len({case.size for case in cases}) > 40
    assert sum(case.size == "640x352" for case in cases) > 50
    assert sum(case.kind == "describe" for case in cases) == 12
    assert all(cases[n - 1].kind == "verdict" for n in (100, 600))
