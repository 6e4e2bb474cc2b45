"""What a bench found, as one JSON document."""

from __future__ import annotations

import dataclasses
from typing import Any

from edge.bench.figures import Spread
from edge.bench.results import (
    FOLLOW_UPS,
    Bench,
    decode_rate,
    description_s,
    median_of,
    num_rounds,
    outside_share,
    pairs,
    prefill_rate,
    verdict_s,
)


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
                "vision_s": median_of(ours[case], lambda s: s.vision_s),
                "prefill_s": median_of(ours[case], lambda s: s.prefill_s),
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
                "chosen_tokens": median_of(ours[case], lambda s: s.output_tokens),
                "decode_s": median_of(ours[case], lambda s: s.decode_s),
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
            f"{case.kind} {case.size}": median_of(samples, lambda s: s.first_token_s)
            for case, samples in bench.measured.genai.items()
        }
    return document


def _maybe(spread: Spread | None) -> dict[str, Any] | None:
    return None if spread is None else dataclasses.asdict(spread)
