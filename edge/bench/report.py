"""What a bench found, as tables for people."""

from __future__ import annotations

from edge.bench.cases import DESCRIPTION_RULES, LIMIT_PX, LIMIT_RULES, Case
from edge.bench.figures import Spread
from edge.bench.results import (
    FOLLOW_UPS,
    Bench,
    by_kind,
    decode_rate,
    description_s,
    median_of,
    num_rounds,
    outside_share,
    pairs,
    prefill_rate,
    verdict_s,
)
from edge.bench.rounds import Samples
from edge.bench.tables import Table


def as_tables(bench: Bench) -> tuple[Table, ...]:
    """The report for people."""
    tables = [_facts(bench), _starts(bench), _verdicts(bench), _texts(bench)]
    if bench.measured.genai:
        tables.append(_against(bench))
    tables.append(_memory(bench))
    if bench.watched:
        tables.append(_endurance(bench))
    return (*tables, _limits(bench))


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
    if model.demonstration:
        rows.append(
            ("for demonstration", "speed is real, answers about real pictures mean nothing")
        )
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
        vision = f"{median_of(ours[reference], lambda s: s.vision_s):.2f}"
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
    text = by_kind(ours, "text")
    first_s = Spread.of([s.total_s - s.decode_s for s in text])
    rows += [
        ("text question on a new picture, until writing begins", f"{_shown(first_s)} s"),
        *_follow_ups(ours),
        ("prefill", f"{prefill_rate(ours):.0f} tokens/s"),
        ("decode", f"{decode_rate(ours):.1f} tokens/s"),
    ]
    note = (
        "the same description each time: 41 of Qwen's tokens, the model's choice is 24 of them; "
        "keys that do not rest on each other are written side by side"
    )
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
        ("vision", limit.vision_s, median_of(samples, lambda s: s.vision_s)),
        ("language", limit.language_s, median_of(samples, lambda s: s.prefill_s)),
        ("whole pass", limit.total_s, median_of(samples, lambda s: s.total_s)),
    )
    rows = tuple(
        (name, f"{least_s:.3f}", f"{found_s:.3f}", f"{least_s / found_s:.0%}")
        for name, least_s, found_s in parts
    )
    head = ("part", "limit, s", "measured, s", "reached")
    title = f"Limit of {LIMIT_RULES} rules on {case.size}"
    note = f"{limit.tokens} tokens at the measured int8 and memory rates, matrix products only"
    return Table(title, head, rows, note)


def _described(samples: Samples, case: Case) -> str:
    chosen = median_of(samples[case], lambda s: s.output_tokens)
    return f"{_shown(Spread.of(description_s(samples, case)))} s, {chosen:.0f} tokens chosen"


def _shown(spread: Spread) -> str:
    return f"{spread.median:.2f} ({spread.low:.2f}-{spread.high:.2f})"
