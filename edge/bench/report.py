"""Turns what was measured into figures, and the figures into tables and one JSON document.

Pure. A ratio is the median of the rounds' ratios, not the ratio of medians: each is between two
runs that followed each other.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from edge.bench.cases import DESCRIPTION_RULES, LIMIT_PX, LIMIT_RULES, Case, Plan
from edge.bench.endurance import Watched
from edge.bench.figures import Memory, Sample, Spread, Start
from edge.bench.genai import DESCRIPTION_TOKENS
from edge.bench.limit import Limit
from edge.bench.machine import Machine
from edge.bench.probes import Rates
from edge.bench.rounds import Measured, Samples
from edge.bench.tables import Table
from edge.questions import ModelInfo

# A description of DESCRIPTION_TOKENS tokens has 25 that the model chooses; what is forced between
# them goes in about 12 blocks, each as dear as a step.
DESCRIPTION_STEPS = 25 + 12
FOLLOW_UPS = {
    "follow_up": "yes/no question on an open session",
    "follow_up_text": "text question on an open session, first token",
}


@dataclass(frozen=True, slots=True)
class Bench:
    """Everything that one bench found."""

    machine: Machine
    model: ModelInfo
    model_dir: str
    plan: Plan
    rates: Rates
    limit: Limit
    cold: Start
    warm: Start
    measured: Measured
    memory: Memory
    genai_start: Start | None = None
    genai_memory: Memory | None = None
    watched: tuple[Watched, ...] = ()
    notes: tuple[str, ...] = ()
    load_at_end: float = 0.0


@dataclass(frozen=True, slots=True)
class Pair:
    """Both sides of one task; `ratio` is theirs over ours."""

    task: str
    ours_s: Spread
    theirs_s: Spread
    ratio: Spread


def num_rounds(bench: Bench) -> int:
    """Rounds measured: fewer than planned where the bench was stopped."""
    return len(next(iter(bench.measured.engine.values())))


def verdict_s(samples: Samples, case: Case) -> Spread:
    """The time of a case."""
    return Spread.of([sample.total_s for sample in samples[case]])


def outside_share(samples: Samples, case: Case) -> Spread | None:
    """The share of the time spent outside inference calls; None where no call was seen."""
    shares = [1 - s.infer_s / s.total_s for s in samples[case] if s.num_infers]
    return Spread.of(shares) if shares else None


def description_s(samples: Samples, case: Case) -> list[float]:
    """For each round, what a description of DESCRIPTION_TOKENS tokens adds to the verdicts.

    The reading is measured (a pass with the request less one without); the writing is the measured
    time of a step, times the steps such a description takes: how much a model writes is its own
    affair, and one with random weights never ends.
    """
    plain = samples[Case("verdict", case.width_px, case.height_px, case.num_rules)]
    added = []
    for with_text, without in zip(samples[case], plain, strict=True):
        reading_s = max(0.0, with_text.total_s - with_text.decode_s - without.total_s)
        step_s = with_text.decode_s / max(1, with_text.output_tokens)
        added.append(reading_s + DESCRIPTION_STEPS * step_s)
    return added


def prefill_rate(samples: Samples) -> float:
    """Tokens a second: how much longer a long question takes to read than a short one."""
    short, long = (_by_kind(samples, kind) for kind in ("text", "long_text"))
    tokens = long[0].prompt_tokens - short[0].prompt_tokens
    longer_s = _median(long, lambda s: s.prefill_s) - _median(short, lambda s: s.prefill_s)
    return tokens / max(longer_s, 1e-9)


def decode_rate(samples: Samples) -> float:
    """Tokens a second of free text."""
    return _median(_by_kind(samples, "text"), lambda s: s.output_tokens / max(s.decode_s, 1e-9))


def pairs(bench: Bench) -> list[Pair]:
    """Every task that both sides did, and two across pictures that a user would compare."""
    ours, theirs = bench.measured.engine, bench.measured.genai
    verdicts = [case for case in theirs if case.kind == "verdict"]
    found = [
        _pair(f"{case.num_rules} rules, {case.size}", _totals(ours[case]), _totals(theirs[case]))
        for case in verdicts
    ]
    if len(verdicts) > 1:
        small, large = verdicts[0], verdicts[-1]
        task = f"{small.num_rules} rules, ours on {small.size}, theirs on {large.size}"
        found.append(_pair(task, _totals(ours[small]), _totals(theirs[large])))
    for case in (case for case in theirs if case.kind == "describe"):
        full = [
            s.first_token_s
            + (s.total_s - s.first_token_s) * (DESCRIPTION_TOKENS - 1) / max(1, s.output_tokens - 1)
            for s in theirs[case]
        ]
        found.append(_pair(f"description, {case.size}", description_s(ours, case), full))
    for case in (case for case in theirs if case.kind in FOLLOW_UPS):
        task = f"{FOLLOW_UPS[case.kind]}, {case.size}"
        found.append(_pair(task, _totals(ours[case]), _totals(theirs[case])))
    return found


def as_tables(bench: Bench) -> tuple[Table, ...]:
    """The report for people."""
    tables = [_facts(bench), _starts(bench), _verdicts(bench), _texts(bench)]
    if bench.measured.genai:
        tables.append(_against(bench))
    tables.append(_memory(bench))
    if bench.watched:
        tables.append(_endurance(bench))
    return (*tables, _limits(bench))


def as_document(bench: Bench) -> dict[str, Any]:
    """The report for programs; seconds, bytes, medians with quartiles."""
    ours = bench.measured.engine
    document: dict[str, Any] = {
        "schema": "edge.bench/1",
        "machine": dataclasses.asdict(bench.machine),
        "model": {**dataclasses.asdict(bench.model), "folder": bench.model_dir},
        "rounds": num_rounds(bench),
        "load_at_end": bench.load_at_end,
        "rates": dataclasses.asdict(bench.rates),
        "start": {
            "cold": {**dataclasses.asdict(bench.cold), "total_s": bench.cold.total_s},
            "warm": {**dataclasses.asdict(bench.warm), "total_s": bench.warm.total_s},
        },
        "verdicts": [
            {
                "rules": case.num_rules,
                "picture": case.size,
                "fed": list(ours[case][0].fed_px),
                "total_s": dataclasses.asdict(verdict_s(ours, case)),
                "vision_s": _median(ours[case], lambda s: s.vision_s),
                "prefill_s": _median(ours[case], lambda s: s.prefill_s),
                "outside_infer": _maybe(outside_share(ours, case)),
                "samples_s": [round(s.total_s, 4) for s in ours[case]],
            }
            for case in ours
            if case.kind == "verdict"
        ],
        "descriptions": [
            {
                "picture": case.size,
                "added_s": dataclasses.asdict(Spread.of(description_s(ours, case))),
                "written_tokens": _median(ours[case], lambda s: s.output_tokens),
                "decode_s": _median(ours[case], lambda s: s.decode_s),
            }
            for case in ours
            if case.kind == "describe"
        ],
        "follow_ups": [
            {
                "kind": case.kind,
                "picture": case.size,
                "total_s": dataclasses.asdict(verdict_s(ours, case)),
                "outside_infer": _maybe(outside_share(ours, case)),
            }
            for case in ours
            if case.kind in FOLLOW_UPS
        ],
        "prefill_tokens_per_s": prefill_rate(ours),
        "decode_tokens_per_s": decode_rate(ours),
        "memory": {
            "engine": dataclasses.asdict(bench.memory),
            "over_keyframes": [dataclasses.asdict(watched) for watched in bench.watched],
        },
        "limit": {**dataclasses.asdict(bench.limit), "total_s": bench.limit.total_s},
        "notes": list(bench.notes),
    }
    if bench.measured.genai and bench.genai_memory is not None:
        document["against"] = [dataclasses.asdict(pair) for pair in pairs(bench)]
        document["memory"]["genai"] = dataclasses.asdict(bench.genai_memory)
        document["first_token_s"] = {
            f"{case.kind} {case.size}": _median(samples, lambda s: s.first_token_s)
            for case, samples in bench.measured.genai.items()
        }
    return document


def _facts(bench: Bench) -> Table:
    machine, model = bench.machine, bench.model
    rows = [
        ("processor", f"{machine.cpu}, {machine.cores} cores, governor: {machine.governor}"),
        ("instruction set", " ".join(machine.capabilities)),
        ("load", f"{machine.load:.1f} at the start, {bench.load_at_end:.1f} at the end"),
        ("system", f"{machine.system}, {machine.memory_bytes / 2**30:.0f} GiB"),
        ("versions", ", ".join(f"{name} {v}" for name, v in machine.versions.items())),
        ("model", f"{model.name}, {model.precision}, {model.parameters_m:,.0f} million parameters"),
        ("folder", bench.model_dir),
        ("memory read", f"{bench.rates.read_bytes_per_s / 1e9:.1f} GB/s"),
        ("int8 rate", f"{bench.rates.int8_ops_per_s / 1e9:.0f} GOPS"),
    ]
    if model.untrained:
        rows.append(("untrained", "random weights: speed is real, answers mean nothing"))
    if machine.preload:
        rows.append(("preload", machine.preload))
    rows += [("note", note) for note in bench.notes]
    return Table("Machine and model", (), tuple(rows))


def _starts(bench: Bench) -> Table:
    starts = [("cold", bench.cold), ("warm", bench.warm)]
    if bench.genai_start is not None:
        starts.append(("warm, VLMPipeline", bench.genai_start))
    rows = tuple(
        (
            name,
            f"{start.process_s:.2f}",
            f"{start.load_s:.2f}",
            f"{start.self_test_s:.2f}" if start.self_test_s else "-",
            f"{start.first_answer_s:.2f}",
            f"{start.process_s + start.load_s + start.self_test_s + start.first_answer_s:.2f}",
        )
        for name, start in starts
    )
    head = ("start", "process", "load", "self-test or warm-up", "first answer", "sum")
    return Table("Start, seconds", head, rows, "cold: nothing compiled yet; warm: compiled models")


def _verdicts(bench: Bench) -> Table:
    ours = bench.measured.engine
    cases = [case for case in ours if case.kind == "verdict"]
    numbers = sorted({case.num_rules for case in cases})
    rows = []
    for size in dict.fromkeys(case.size for case in cases):
        of_size = {case.num_rules: case for case in cases if case.size == size}
        cells = [_shown(verdict_s(ours, of_size[number])) for number in numbers]
        reference = of_size.get(LIMIT_RULES, next(iter(of_size.values())))
        width_px, height_px = ours[reference][0].fed_px
        share = outside_share(ours, reference)
        vision = f"{_median(ours[reference], lambda s: s.vision_s):.2f}"
        outside = "not seen" if share is None else f"{share.median:.1%}"
        rows.append((size, f"{width_px}x{height_px}", *cells, vision, outside))
    head = (
        "picture",
        "fed",
        *(f"{number} rule{'s' * (number > 1)}" for number in numbers),
        "of it vision",
        "outside infer",
    )
    note = f"median (quartiles) of {num_rounds(bench)} rounds after warm-up; the last two: 8 rules"
    return Table("Yes/no rules, seconds", head, tuple(rows), note)


def _texts(bench: Bench) -> Table:
    ours = bench.measured.engine
    rows = [
        (
            f"description after {DESCRIPTION_RULES} verdicts, {case.size}",
            _described(ours, case),
        )
        for case in ours
        if case.kind == "describe"
    ]
    text = _by_kind(ours, "text")
    first_s = Spread.of([s.total_s - s.decode_s for s in text])
    rows += [
        ("text question on a new picture, until writing begins", f"{_shown(first_s)} s"),
        *_follow_ups(ours),
        ("prefill", f"{prefill_rate(ours):.0f} tokens/s"),
        ("decode", f"{decode_rate(ours):.1f} tokens/s"),
    ]
    note = f"a description of {DESCRIPTION_TOKENS} tokens, 25 of them free, at the measured pace"
    return Table("Text", (), tuple(rows), note)


def _follow_ups(ours: Samples) -> list[tuple[str, str]]:
    return [
        (f"{FOLLOW_UPS[case.kind]}, {case.size}", f"{_shown(verdict_s(ours, case))} s")
        for case in ours
        if case.kind in FOLLOW_UPS
    ]


def _against(bench: Bench) -> Table:
    rows = [
        (
            pair.task,
            _shown(pair.ours_s),
            _shown(pair.theirs_s),
            f"{pair.ratio.median:.1f} ({pair.ratio.low:.1f}-{pair.ratio.high:.1f})",
        )
        for pair in pairs(bench)
    ]
    rows += [
        (
            f"first token, {case.kind}, {case.size}",
            "-",
            _shown(Spread.of([s.first_token_s for s in samples])),
            "-",
        )
        for case, samples in bench.measured.genai.items()
    ]
    head = ("task", "ours, s", "VLMPipeline, s", "ratio")
    note = "same files, same pictures, turn about; ratio: median (quartiles) of the rounds' ratios"
    return Table("Against openvino-genai", head, tuple(rows), note)


def _memory(bench: Bench) -> Table:
    sides = [("edge", bench.memory)]
    if bench.genai_memory is not None:
        sides.append(("VLMPipeline", bench.genai_memory))
    rows = tuple(
        (name, f"{m.anonymous_bytes / 1e6:,.0f}", f"{m.file_bytes / 1e6:,.0f}") for name, m in sides
    )
    return Table("Memory after all rounds, MB", ("process", "anonymous", "file pages"), rows)


def _endurance(bench: Bench) -> Table:
    first = bench.watched[0].memory.anonymous_bytes
    rows = tuple(
        (
            str(watched.num_keyframes),
            f"{watched.memory.anonymous_bytes / 1e6:,.0f}",
            f"{(watched.memory.anonymous_bytes - first) / 1e6:+,.0f}",
        )
        for watched in bench.watched
    )
    head = ("keyframes", "anonymous", "since the first")
    note = f"mixed sizes, each with {LIMIT_RULES} rules, some described; in a fresh process"
    return Table("Memory over keyframes, MB", head, rows, note)


def _limits(bench: Bench) -> Table:
    case = Case("verdict", *LIMIT_PX, LIMIT_RULES)
    samples = bench.measured.engine[case]
    limit = bench.limit
    parts = (
        ("vision", limit.vision_s, _median(samples, lambda s: s.vision_s)),
        ("language", limit.language_s, _median(samples, lambda s: s.prefill_s)),
        ("whole pass", limit.total_s, _median(samples, lambda s: s.total_s)),
    )
    rows = tuple(
        (name, f"{least_s:.3f}", f"{found_s:.3f}", f"{least_s / found_s:.0%}")
        for name, least_s, found_s in parts
    )
    head = ("part", "limit, s", "measured, s", "reached")
    title = f"Limit of {LIMIT_RULES} rules on {case.size}"
    note = f"{limit.tokens} tokens at the measured int8 and memory rates, matrix products only"
    return Table(title, head, rows, note)


def _pair(task: str, ours: Sequence[float], theirs: Sequence[float]) -> Pair:
    ratios = [their_s / our_s for our_s, their_s in zip(ours, theirs, strict=True)]
    return Pair(task, Spread.of(ours), Spread.of(theirs), Spread.of(ratios))


def _totals(samples: Sequence[Sample]) -> list[float]:
    return [sample.total_s for sample in samples]


def _by_kind(samples: Samples, kind: str) -> list[Sample]:
    return next(found for case, found in samples.items() if case.kind == kind)


def _median(samples: Sequence[Sample], of: Callable[[Sample], float]) -> float:
    return Spread.of([of(sample) for sample in samples]).median


def _maybe(spread: Spread | None) -> dict[str, Any] | None:
    return None if spread is None else dataclasses.asdict(spread)


def _described(samples: Samples, case: Case) -> str:
    written = _median(samples[case], lambda s: s.output_tokens)
    return f"{_shown(Spread.of(description_s(samples, case)))} s, from {written:.0f} tokens written"


def _shown(spread: Spread) -> str:
    return f"{spread.median:.2f} ({spread.low:.2f}-{spread.high:.2f})"
