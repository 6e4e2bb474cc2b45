"""One whole bench, from the machine's probes to the last round."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from edge.bench.cases import LIMIT_PX, LIMIT_RULES, Case, Plan
from edge.bench.child import SideOptions, SideProcess
from edge.bench.endurance import watch_memory
from edge.bench.genai import BACKENDS
from edge.bench.limit import lower_limit
from edge.bench.machine import read_machine, usable_cores
from edge.bench.probes import measure_rates
from edge.bench.results import Bench
from edge.bench.rounds import run_rounds
from edge.vlm.layout import load_layout

TRIALS = 3
BITS = {"int4": 4, "int8": 8, "fp16": 16, "bf16": 16, "fp32": 32}


def run_bench(
    model_dir: Path,
    plan: Plan,
    *,
    against_genai: bool,
    threads: int | None,
    num_keyframes: int = 0,
    progress: Callable[[str], None],
) -> Bench:
    """Measure; takes from seconds (demo model) to half an hour. Raises EdgeError.

    With `num_keyframes` above 1, memory is watched over so many keyframes besides.
    """
    layout = load_layout(model_dir)
    machine = read_machine()
    progress("measuring the machine")
    rates = measure_rates(threads or usable_cores())
    first = Case("verdict", *LIMIT_PX, LIMIT_RULES)
    limit = lower_limit(layout, LIMIT_PX, LIMIT_RULES, rates, BITS[layout.info.precision])
    with tempfile.TemporaryDirectory(prefix="edge-bench-") as scratch, ExitStack() as stack:
        work_dir = Path(scratch)
        options = SideOptions(model_dir, work_dir / "compiled", work_dir, threads)
        progress("starting cold")
        with SideProcess("engine", options) as side:
            cold = side.start(first)
        progress("starting warm")
        engine = stack.enter_context(SideProcess("engine", options))
        warm = engine.start(first)
        genai, genai_start, tried = None, None, ""
        if against_genai:
            progress("starting openvino-genai and trying its settings")
            theirs, tried = _best_backend(replace(options, cache_dir=work_dir / "compiled-genai"))
            genai = stack.enter_context(SideProcess("genai", theirs))
            genai_start = genai.start(first)
        measured = run_rounds(plan, engine, genai, progress)
        memory, notes = engine.memory(), engine.notes()
        genai_memory = None if genai is None else genai.memory()
        notes += () if genai is None else (*genai.notes(), tried)
        notes += tuple(
            f"no comparison of {case.kind} {case.size}: {reason}"
            for case, reason in measured.genai_failures.items()
        )
        stack.pop_all().close()  # one model in memory at a time
        watched = watch_memory(options, num_keyframes, progress) if num_keyframes > 1 else ()
        return Bench(
            machine=machine,
            model=layout.info,
            model_dir=str(model_dir),
            plan=plan,
            rates=rates,
            limit=limit,
            cold=cold,
            warm=warm,
            measured=measured,
            memory=memory,
            watched=watched,
            genai_start=genai_start,
            genai_memory=genai_memory,
            load_at_end=os.getloadavg()[0],
            notes=notes,
        )


def _best_backend(options: SideOptions) -> tuple[SideOptions, str]:
    """The options with openvino-genai's quicker backend, and how the trial went."""
    case = Case("verdict", *LIMIT_PX, LIMIT_RULES)
    found_s: dict[str, float] = {}
    for backend in BACKENDS:
        with SideProcess("genai", replace(options, backend=backend)) as side:
            side.start(case)
            found_s[backend] = min(side.run(case, -2 - n).total_s for n in range(TRIALS))
    best = min(found_s, key=lambda backend: found_s[backend])
    tried = ", ".join(f"{backend} {spent_s:.2f} s" for backend, spent_s in found_s.items())
    return replace(options, backend=best), f"its backends on 8 rules, 256x192: {tried}"
